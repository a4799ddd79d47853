import type { Random } from "../base/random.ts";
import type { Contractor } from "./contractor.ts";
import type { Attributes, AttributeValue, Constant } from "./graph.ts";
import type { IterationSpace } from "./iteration.ts";
import type { Tensor } from "./tensor.ts";
import type { TensorType } from "./type.ts";
import type { VectorFunction } from "./vector-function.ts";

/** Where an operator runs on a chip. `folded` operators are gone before mapping (computed or rewritten). */
export type RunsOn = "matrix" | "vector" | "movement" | "folded";

/** What an operator sees when its result type is inferred. */
export interface InferContext {
  /** One entry an operand; null for an absent optional operand. Variadic operands follow the fixed ones. */
  readonly operands: readonly (TensorType | null)[];
  readonly attributes: Attributes;
}

/** What an operator sees when it is evaluated: the result type is declared by the node and decides the rounding. */
export interface EvaluateContext {
  readonly operands: readonly (Tensor | null)[];
  readonly attributes: Attributes;
  readonly type: TensorType;
  /** What computes large contractions; plain loops when absent. */
  readonly contractor?: Contractor;
}

/**
 * A rectangular copy between row-major linear element indexes of an operand and of the result:
 * result[destinationOffset + Σ i·destinationStrides] = operand[sourceOffset + Σ i·sourceStrides], 0 ≤ i < counts.
 */
export interface MovementPiece {
  readonly operand: number;
  readonly counts: readonly number[];
  readonly sourceOffset: number;
  readonly sourceStrides: readonly number[];
  readonly destinationOffset: number;
  readonly destinationStrides: readonly number[];
}

/** How a movement operator makes its result: pieces, and a real value for what no piece covers (padding). */
export interface Movement {
  readonly pieces: readonly MovementPiece[];
  /** The stored number that fills elements that no piece writes; null when the pieces cover the result. */
  readonly fill: number | null;
}

/** A node that is to be rewritten into simpler ones. */
export interface DecomposeContext {
  readonly operands: readonly (string | null)[];
  readonly attributes: Attributes;
  readonly type: TensorType;
}

/** The form and default of an attribute; `required` attributes have no default. */
export interface AttributeForm {
  readonly form: "integer" | "number" | "text" | "boolean" | "integers" | "numbers" | "texts";
  readonly default?: AttributeValue;
}

/** A small valid case, for property tests. */
export interface Sample {
  readonly operands: readonly (Tensor | null)[];
  readonly attributes: Attributes;
}

/** An ONNX node with its operands resolved, as the importer hands it to a translation. */
export interface OnnxNode {
  readonly name: string;
  readonly operator: string;
  readonly domain: string;
  readonly opset: number;
  /** Names of graph values; null where the ONNX node leaves an optional input empty. */
  readonly inputs: readonly (string | null)[];
  /** Names that the ONNX node gives its outputs; empty text where an output is not used. */
  readonly outputs: readonly string[];
  readonly attributes: ReadonlyMap<string, AttributeValue | Tensor>;
}

/** What adds nodes to a graph that is being made. */
export interface NodeBuilder {
  /** The type of a value that is already bound. */
  type(value: string): TensorType;
  /** Adds a constant and returns its name. */
  addConstant(tensor: Tensor, name?: string): string;
  /** Adds a node, infers its type, and returns the name of its value; `name` is the wanted name. */
  add(op: string, operands: readonly (string | null)[], attributes?: Attributes, name?: string): string;
}

/** What a translation uses to add nodes to the graph that is being imported. */
export interface GraphBuilder extends NodeBuilder {
  /** The value as a tensor when it is known at compile time (a constant with data, or foldable); otherwise null. */
  constant(value: string): Tensor | null;
  /** The constant itself, with or without data; null when the value is not a constant. */
  constantInfo(value: string): Constant | null;
  /** Makes `value` known under the ONNX output name `output`. */
  bind(output: string, value: string): void;
  /** Throws a problem at the node that is being translated. */
  refuse(code: "B104" | "B110" | "B111" | "B112", message: string): never;
}

/** How one ONNX operator becomes IR nodes: for opsets `since`…`until` (inclusive, both of the operator's domain). */
export interface OnnxForm {
  readonly operator: string;
  /** "" for the default domain. */
  readonly domain?: string;
  readonly since: number;
  readonly until?: number;
  readonly translate: (node: OnnxNode, builder: GraphBuilder) => void;
}

/**
 * Everything about one operator of the IR, and nothing about any chip: an operator gives counts, never cycles.
 * Adding an operator touches the file of its family alone.
 */
export interface Operator {
  readonly name: string;
  /** One sentence, ending in a full stop. */
  readonly summary: string;
  readonly runsOn: RunsOn;
  /** Operand names; a trailing "?" marks an optional operand, a leading "..." any number of them (last only). */
  readonly operands: readonly string[];
  readonly attributes: Readonly<Record<string, AttributeForm>>;
  /** The ONNX operators that this operator implements. */
  readonly onnx: readonly OnnxForm[];
  /** The result type; throws B202 with both shapes when the operands do not fit. Float in, float of the same width out. */
  readonly infer: (context: InferContext) => TensorType;
  /** The result, each element rounded to `context.type` (rounding belongs to graph values). */
  readonly evaluate: (context: EvaluateContext) => Tensor;
  /** Loops and accesses, for matrix and vector operators (not for movement and folded ones). */
  readonly iteration?: (context: InferContext & { readonly type: TensorType }) => IterationSpace;
  /** The copies that make the result, for movement operators. */
  readonly movement?: (context: InferContext & { readonly type: TensorType }) => Movement;
  /** How a tile of the operator is issued to the vector unit, for vector operators. */
  readonly vector?: VectorLowering;
  /**
   * Rewrites the operator into ones that the chip runs, and returns the resulting value; for folded composites. Null where
   * it cannot be, of which `obstacle` is the reason.
   */
  readonly decompose?: (node: DecomposeContext, builder: NodeBuilder) => string | null;
  /** Why a chip cannot run a node that is left of this operator, in sentences; for messages. */
  readonly obstacle?: string;
  /** Whether contractions are among what a composite decomposes into: it is taken apart before quantization then. */
  readonly contracts?: boolean;
  /** Small valid cases; at least three. */
  readonly samples: (random: Random) => readonly Sample[];
}

/**
 * The instruction that computes a vector operator on a tile. Element-wise: the instruction's sources are the node's
 * operands in order. Reduce: over the node's reduction dimensions. `parameters` are immediates of the instruction.
 */
export interface VectorLowering {
  readonly kind: "elementwise" | "reduce";
  readonly issue: (context: InferContext & { readonly type: TensorType }) => VectorIssue;
}

/** A function of the vector unit (see ir/vector-function.ts) with its immediates. */
export interface VectorIssue {
  readonly function: VectorFunction;
  readonly parameters: Readonly<Record<string, number>>;
}

/** Declares an operator; the identity, for its types. */
export function defineOperator(operator: Operator): Operator {
  return operator;
}
