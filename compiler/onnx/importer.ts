import type { Location, Problem } from "../../base/errors.ts";
import { sum } from "../../base/math.ts";
import type { Constant, Graph, GraphInput, Node } from "../../ir/graph.ts";
import type { OnnxForm } from "../../ir/operator.ts";
import { onnxForms } from "../../ir/ops/index.ts";
import type { Tensor } from "../../ir/tensor.ts";
import { elementCount, sameNumbers } from "../../ir/type.ts";
import { bindInputs, declaredSizes } from "./dimensions.ts";
import type { NamedNode } from "./graph-structure.ts";
import { type ModelStructure, readStructure, unsupportedOperators } from "./model-structure.ts";
import { ProblemList } from "./problem-list.ts";
import { firstNotFinite, RandomWeights } from "./random-weights.ts";
import { type ModelFile, type ModelSource, readModel } from "./read-model.ts";
import { toNumber } from "./tensor-proto.ts";
import { type ExpansionRecord, notFinite, Translation } from "./translation.ts";

/** How a model is imported. */
export interface ImportOptions {
  /** Sizes of open dimensions, by their name or by INPUT:AXIS. */
  readonly dimensions?: ReadonlyMap<string, number>;
  /** Inputs whose values are known: they become constants. */
  readonly knownInputs?: ReadonlyMap<string, Tensor>;
  /** Fills weights that are absent, or whose elements are all equal, with seeded numbers. */
  readonly randomWeightsSeed?: number;
  /** Accepts external data files that do not exist: such weights have a shape alone. */
  readonly allowAbsentWeights?: boolean;
}

/** Something that a user of an imported model should know. */
export interface ImportNote {
  readonly message: string;
}

/** An imported model. */
export interface ImportedModel {
  readonly graph: Graph;
  readonly name: string;
  /** Of the model's file, hexadecimal. */
  readonly sha256: string;
  /** Of the default domain. */
  readonly opset: number;
  readonly irVersion: number;
  readonly producer: string;
  /** ONNX names of the graph's outputs, in its order. */
  readonly outputNames: readonly string[];
  /** Elements of all constants that the graph reads. */
  readonly parameterCount: number;
  readonly weights: "trained" | "random" | "absent";
  readonly notes: readonly ImportNote[];
  /** What became of the model's nodes on the way. */
  readonly record: ImportRecord;
  /** Samples that the graph was made for after the import; absent when it is as the model has it. */
  readonly batchCount?: number;
}

/** What importing did with nodes of the model; a node within a loop, branch or function stands under its path. */
export interface ImportRecord {
  /** Nodes that no output depends on. */
  readonly deadNodeCount: number;
  /** The ONNX operators of the nodes, by name. */
  readonly operators: ReadonlyMap<string, string>;
  /** Nodes whose results were all computed at import. */
  readonly folded: readonly { readonly node: string; readonly operator: string }[];
  /** Nodes with graphs of their own, and calls of functions, that other nodes stand for now. */
  readonly expanded: readonly ExpansionRecord[];
}

/**
 * Imports an ONNX model: decodes it, checks it, translates every node that an output depends on, and computes what is
 * known at import. All problems that can be found are thrown together (B101–B117).
 */
export function importOnnx(source: ModelSource, options: ImportOptions = {}): ImportedModel {
  const file = readModel(source);
  const problems = new ProblemList();
  const at: Location = { file: file.file };
  const found: Problem[] = [];
  const structure = readStructure(file.model, at, found);
  const known = options.knownInputs ?? new Map<string, Tensor>();
  const openInputs = structure.graph.inputs.filter(({ name }) => !known.has(name ?? ""));
  const inputs = bindInputs(openInputs, options.dimensions ?? new Map(), at, found);
  const forms = formTable();
  const formOf = (node: NamedNode): OnnxForm | undefined => findForm(forms, node);
  if (found.length > 0) {
    problems.add([...found, ...unsupportedOperators(structure.graph.nodes, structure.functions, formOf, at)]);
    problems.throwAll();
  }
  const random = options.randomWeightsSeed === undefined ? null : new RandomWeights(options.randomWeightsSeed);
  const translation = new Translation({
    file,
    structure,
    formOf,
    random,
    allowAbsentWeights: options.allowAbsentWeights ?? false,
    problems,
  });
  translation.addInputs(inputs, known);
  translation.translateModel();
  return finish({ file, structure, inputs, translation, random, problems });
}

type FormTable = ReadonlyMap<string, readonly OnnxForm[]>;

function formTable(): FormTable {
  const table = new Map<string, OnnxForm[]>();
  for (const { form } of onnxForms()) {
    const key = `${form.domain ?? ""}\n${form.operator}`;
    const forms = table.get(key);
    if (forms === undefined) table.set(key, [form]);
    else forms.push(form);
  }
  return table;
}

function findForm(table: FormTable, node: NamedNode): OnnxForm | undefined {
  return table
    .get(`${node.domain}\n${node.operator}`)
    ?.find((form) => form.since <= node.opset && node.opset <= (form.until ?? Number.POSITIVE_INFINITY));
}

/** A model whose nodes are all translated. */
interface Translated {
  readonly file: ModelFile;
  readonly structure: ModelStructure;
  readonly inputs: readonly GraphInput[];
  readonly translation: Translation;
  readonly random: RandomWeights | null;
  readonly problems: ProblemList;
}

/** The graph without what no output depends on; throws what was collected. */
function finish(translated: Translated): ImportedModel {
  const { file, structure, inputs, translation, random, problems } = translated;
  const { builder } = translation;
  const outputNames = structure.graph.outputs.map(({ name }) => name ?? "");
  const outputs = outputNames.flatMap((name) => builder.value(name) ?? []);
  const nodes = liveNodes(builder.nodes, outputs);
  const read = new Set([...outputs, ...nodes.flatMap((node) => node.operands)]);
  if (random !== null) fillRest(translation, random, read);
  const constants = [...builder.constants.values()].filter(({ name }) => read.has(name));
  for (const constant of constants) {
    const { name, source } = constant;
    if (translation.checked.has(name) || source === "random" || builder.holdsOneNumber(name)) continue;
    const index = firstNotFinite(constant, true);
    if (index >= 0) problems.add([notFinite(constant, index, { file: file.file })]);
  }
  problems.throwAll();
  const { model, name, sha256 } = file;
  const has = (source: Constant["source"]): boolean => constants.some((constant) => constant.source === source);
  const graph: Graph = { kind: "graph", name, inputs, constants, nodes, outputs };
  return {
    graph,
    name,
    sha256,
    opset: structure.opset,
    irVersion: toNumber(model.irVersion),
    producer: [model.producerName, model.producerVersion].filter((part) => part !== undefined && part !== "").join(" "),
    outputNames,
    parameterCount: sum(constants.map(({ type }) => elementCount(type))),
    weights: has("random") ? "random" : has("absent") ? "absent" : "trained",
    notes: notesOf(translated, read, outputNames).map((message) => ({ message })),
    record: {
      deadNodeCount: structure.graph.deadNodeCount,
      operators: translation.operators,
      folded: translation.folded,
      expanded: translation.expansions,
    },
  };
}

/** Fills absent constants that are read by other operators than contractions and normalizations. */
function fillRest({ builder }: Translation, random: RandomWeights, read: ReadonlySet<string | null>): void {
  for (const { name, type, source } of [...builder.constants.values()]) {
    if (source !== "absent" || !read.has(name)) continue;
    const data = random.fill(name, type, null);
    if (data !== null) builder.replaceData(name, data, "random");
  }
}

/** What a user should know of the model. */
function notesOf(
  { structure, inputs, translation }: Translated,
  read: ReadonlySet<string | null>,
  outputNames: readonly string[],
): string[] {
  const { builder } = translation;
  const notes: string[] = [];
  const { deadNodeCount } = structure.graph;
  if (deadNodeCount > 0) {
    const verb = deadNodeCount === 1 ? "was" : "were";
    notes.push(`${count(deadNodeCount, "node")} that no output depends on ${verb} left out.`);
  }
  const { foldedCount } = builder;
  if (foldedCount > 0) {
    const verb = foldedCount === 1 ? "was" : "were";
    notes.push(`${count(foldedCount, "operation")} on known values ${verb} computed at import.`);
  }
  notes.push(...expansionNotes(translation.expansions));
  const unread = inputs.filter(({ name }) => !read.has(name));
  if (unread.length > 0)
    notes.push(`No output depends on the input ${unread.map(({ name }) => `"${name}"`).join(", ")}.`);
  const uniform = [...translation.uniform].filter((name) => read.has(name));
  if (uniform.length > 0) {
    notes.push(
      `The elements of ${count(uniform.length, "weight tensor")} are all equal: the model's answers mean nothing.`,
    );
  }
  structure.graph.outputs.forEach((info, index) => {
    const value = builder.value(outputNames[index] ?? "");
    const sizes = declaredSizes(info);
    if (value === undefined || value === null || sizes === null) return;
    const { shape } = builder.type(value);
    const stated = sizes.map((size, axis) => (typeof size === "number" ? size : (shape[axis] ?? -1)));
    if (sameNumbers(stated, shape)) return;
    const declared = sizes.map((size) => size ?? "?").join(",");
    notes.push(`Output "${outputNames[index]}" is declared as [${declared}] and has shape [${shape.join(",")}].`);
  });
  return notes;
}

/** Expansions of a kind that are named; loops in loops may have many. */
const namedExpansions = 5;

function expansionNotes(expansions: readonly ExpansionRecord[]): string[] {
  const both = expansions.filter(({ what }) => what.kind === "branch" && what.taken === "both");
  const unrolled = expansions.flatMap(({ node, what }) =>
    what.kind === "unrolled" ? [`The loop "${node}" was unrolled to ${count(what.stepCount, "step")}.`] : [],
  );
  const branches = both.map(
    ({ node }) => `Both branches of "${node}" are computed, for its condition depends on the input.`,
  );
  const shorten = (notes: readonly string[], what: string): string[] => [
    ...notes.slice(0, namedExpansions),
    ...(notes.length > namedExpansions ? [`So it is with ${notes.length - namedExpansions} more ${what}.`] : []),
  ];
  return [...shorten(branches, "branches"), ...shorten(unrolled, "loops")];
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

function liveNodes(nodes: readonly Node[], outputs: readonly string[]): Node[] {
  const read = new Set<string | null>(outputs);
  const live: Node[] = [];
  for (const node of [...nodes].reverse()) {
    if (!read.has(node.name)) continue;
    live.push(node);
    for (const operand of node.operands) read.add(operand);
  }
  return live.reverse();
}
