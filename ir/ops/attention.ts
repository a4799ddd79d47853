import { at } from "../../base/math.ts";
import type { GraphBuilder, NodeBuilder } from "../operator.ts";
import { type ElementType, tensorType } from "../type.ts";
import { scalarLike } from "./onnx-node.ts";
import { tensorNumbers, tensorOf } from "./values.ts";

/** The operands of scaled dot-product attention: q [B,H,S,D], k [B,G,T,D] and v [B,G,T,E], where G divides H. */
export interface AttentionOperands {
  readonly q: string;
  readonly k: string;
  readonly v: string;
  /** What is added to the scores, of a shape that broadcasts to [B,H,S,T]; null for nothing. */
  readonly bias: string | null;
  /** Scores are bounded to ±softcap by softcap · tanh(score/softcap); 0 for no bound. */
  readonly softcap: number;
  /** Whether a query may see no key at all: its result is zero then. */
  readonly mayHideAll: boolean;
  /** The element type in which softmax is rounded, where it is narrower than that of the scores. */
  readonly softmaxElement: ElementType | null;
}

/** The stages of attention: each score stage is [B,H,S,T], the result [B,H,S,E]. */
export interface AttentionStages {
  readonly scores: string;
  readonly capped: string;
  readonly biased: string;
  readonly weights: string;
  readonly result: string;
}

/**
 * Writes attention without its scale, which belongs to q. Query heads that share a head of k and v are rows of one
 * product, so that k and v are not repeated.
 */
export function writeAttention(operands: AttentionOperands, builder: NodeBuilder): AttentionStages {
  const { q, k, v, bias, softcap, softmaxElement } = operands;
  const softmax = operands.mayHideAll ? "masked_softmax" : "softmax";
  const [batch, heads, queries, depth] = sizes(builder, q);
  const [, groups, keys] = sizes(builder, k);
  const width = at(builder.type(v).shape, 3);
  const rows = (heads / groups) * queries;
  const grouped = (value: string, last: number): string => reshape(builder, value, [batch, groups, rows, last]);
  const apart = (value: string, last: number): string => reshape(builder, value, [batch, heads, queries, last]);
  const keysAcross = builder.add("transpose", [k], { permutation: [0, 1, 3, 2] });
  const scores = apart(builder.add("matmul", [grouped(q, depth), keysAcross, null]), keys);
  const capped = softcap === 0 ? scores : writeSoftcap(scores, softcap, builder);
  const biased = bias === null ? capped : builder.add("add", [capped, bias]);
  const { element } = builder.type(biased);
  const weights =
    softmaxElement === null
      ? builder.add(softmax, [biased], { axis: -1 })
      : builder.add(
          "cast",
          [builder.add(softmax, [builder.add("cast", [biased], { element: softmaxElement })], { axis: -1 })],
          { element },
        );
  const result = apart(builder.add("matmul", [grouped(weights, keys), v, null]), width);
  return { scores, capped, biased, weights, result };
}

function writeSoftcap(scores: string, softcap: number, builder: NodeBuilder): string {
  const bounded = builder.add("tanh", [builder.add("div", [scores, scalarLike(builder, scores, softcap)])]);
  return builder.add("mul", [bounded, scalarLike(builder, scores, softcap)]);
}

function sizes(builder: NodeBuilder, value: string): [number, number, number, number] {
  const { shape } = builder.type(value);
  return [at(shape, 0), at(shape, 1), at(shape, 2), at(shape, 3)];
}

function reshape(builder: NodeBuilder, value: string, shape: readonly number[]): string {
  return builder.type(value).shape.join() === shape.join() ? value : builder.add("reshape", [value], { shape });
}

/** A value [B,S,heads·D] as [B,heads,S,D]. */
export function splitHeads(value: string, heads: number, builder: NodeBuilder): string {
  const { shape } = builder.type(value);
  const [batch, length, width] = [at(shape, 0), at(shape, 1), at(shape, 2)];
  const split = builder.add("reshape", [value], { shape: [batch, length, heads, width / heads] });
  return builder.add("transpose", [split], { permutation: [0, 2, 1, 3] });
}

/** A value [B,heads,S,D] as [B,S,heads·D]. */
export function joinHeads(value: string, builder: NodeBuilder, name: string): string {
  const [batch, heads, length, width] = sizes(builder, value);
  const moved = builder.add("transpose", [value], { permutation: [0, 2, 1, 3] });
  return builder.add("reshape", [moved], { shape: [batch, length, heads * width] }, name);
}

/** 0 where a truth value holds and `filter` elsewhere, of the element type that `like` has. */
export function maskBias(mask: string, filter: number, like: string, builder: NodeBuilder): string {
  return builder.add("where", [mask, scalarLike(builder, like, 0), scalarLike(builder, like, filter)]);
}

/** The position j − i of every key j from every query i, [queries,keys], as i64. */
export function keyPositions(queries: number, keys: number, builder: NodeBuilder): string {
  const numbers = Array.from({ length: queries * keys }, (_, index) => (index % keys) - Math.floor(index / keys));
  return builder.addConstant(tensorOf(tensorType("i64", [queries, keys]), numbers));
}

/** Whether a bias may be −∞ for all keys of a query: where it is not known, or is so along its last axis. */
export function mayHideAllKeys(bias: string | null, builder: GraphBuilder): boolean {
  if (bias === null) return false;
  const tensor = builder.constant(bias);
  if (tensor === null) return true;
  const numbers = tensorNumbers(tensor);
  const keys = tensor.type.shape.at(-1) ?? 1;
  for (let start = 0; start < numbers.length; start += keys) {
    if (numbers.subarray(start, start + keys).every((each) => each === Number.NEGATIVE_INFINITY)) return true;
  }
  return false;
}
