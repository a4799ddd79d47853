import { BorealError, type Problem } from "../base/errors.ts";
import type { Attributes, AttributeValue, Constant, Graph, GraphInput, Node } from "./graph.ts";
import {
  attempt,
  type Cursor,
  describeToken,
  makeCursor,
  readList,
  readNumber,
  readType,
} from "./graph-text-cursor.ts";
import { type Token, tokenize } from "./graph-text-lexer.ts";
import { formatNumber, formatPayload, payloadData, readPayload } from "./graph-text-payload.ts";
import { formatType, type TensorType } from "./type.ts";

export { dataChecksum } from "./graph-text-payload.ts";

/** How `printGraph` prints constants: all numbers, or the checksum of those with more than 16 elements. */
export interface PrintOptions {
  readonly weights?: "inline" | "reference";
}

/** What `parseGraph` needs beside the text: the side table of constants by SHA-256, and the file's name for messages. */
export interface ParseOptions {
  readonly constants?: ReadonlyMap<string, Uint8Array>;
  readonly file?: string;
}

/** Prints a graph as `.bir` text; with weights inline, `parseGraph(printGraph(graph))` is the same graph. */
export function printGraph(graph: Graph, options: PrintOptions = {}): string {
  const weights = options.weights ?? "inline";
  const inputs = graph.inputs.map((input) => `${formatValue(input.name)}: ${formatType(input.type)}`);
  return [
    `graph @${formatName(graph.name)}(${inputs.join(", ")}) {`,
    ...graph.constants.map((constant) => `  ${formatConstant(constant, weights)}`),
    ...graph.nodes.map((node) => `  ${printNode(node)}`),
    `  return ${graph.outputs.map(formatValue).join(", ")}`.trimEnd(),
    "}",
    "",
  ].join("\n");
}

function formatConstant(constant: Constant, weights: "inline" | "reference"): string {
  return `${formatValue(constant.name)} = const() {${formatPayload(constant, weights)}} : ${formatType(constant.type)}`;
}

/** Prints a node as a line of `.bir` text, without indentation. An origin that is the node's own name is left out. */
export function printNode(node: Node): string {
  const operands = node.operands.map((operand) => (operand === null ? "_" : formatValue(operand)));
  const names = Object.keys(node.attributes).sort();
  const attributes = names.map(
    (name) => `${formatName(name)}=${formatAttribute(node.attributes[name] as AttributeValue)}`,
  );
  const braces = attributes.length === 0 ? "" : ` {${attributes.join(", ")}}`;
  const ownOrigin = node.origin.length === 1 && node.origin[0] === node.name;
  const origin = ownOrigin ? "" : ` @ ${node.origin.map((name) => JSON.stringify(name)).join(", ") || "_"}`;
  const layer = node.layer === null ? "" : ` in ${JSON.stringify(node.layer)}`;
  const head = `${formatValue(node.name)} = ${formatName(node.op)}(${operands.join(", ")})`;
  return `${head}${braces} : ${formatType(node.type)}${origin}${layer}`;
}

function formatName(name: string): string {
  return /^[A-Za-z_][A-Za-z0-9_.]*$/.test(name) ? name : JSON.stringify(name);
}

/** Prints the name of a value as `.bir` text does: `%x`, `%"/fc/MatMul:0"`. */
export function formatValue(name: string): string {
  return /^[A-Za-z0-9_.]+$/.test(name) ? `%${name}` : `%${JSON.stringify(name)}`;
}

function formatAttribute(value: AttributeValue): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "number") return formatNumber(value);
  if (typeof value === "boolean") return String(value);
  return `[${value.map((item) => (typeof item === "number" ? formatNumber(item) : JSON.stringify(item))).join(", ")}]`;
}

/**
 * Reads `.bir` text. Throws B201 with all problems that could be found, each with its line and column. What the
 * text means is not judged here: that is the verifier's part.
 */
export function parseGraph(text: string, options: ParseOptions = {}): Graph {
  const problems: Problem[] = [];
  const cursor = makeCursor(tokenize(text, options.file, problems), options.file);
  const header = attempt(problems, () => readHeader(cursor)) ?? skipHeader(cursor);
  const constants: Constant[] = [];
  const nodes: Node[] = [];
  const table = options.constants ?? new Map<string, Uint8Array>();
  while (cursor.peek().kind === "value") {
    const read = attempt(problems, () => readStatement(cursor, table));
    if (read === null) skipStatement(cursor);
    else if (read.constant !== undefined) constants.push(read.constant);
    else nodes.push(read.node);
  }
  const outputs = attempt(problems, () => readEnd(cursor)) ?? [];
  if (problems.length > 0) throw new BorealError(problems);
  return { kind: "graph", ...header, constants, nodes, outputs };
}

function readHeader(cursor: Cursor): { name: string; inputs: GraphInput[] } {
  cursor.expect("graph");
  cursor.expect("@");
  const name = cursor.expectKind(["word", "string"], "the graph's name").text;
  cursor.expect("(");
  const inputs = readList(cursor, ")", () => {
    const value = cursor.expectKind(["value"], "an input");
    cursor.expect(":");
    return { name: value.text, type: readType(cursor) };
  });
  cursor.expect("{");
  return { name, inputs };
}

function skipHeader(cursor: Cursor): { name: string; inputs: GraphInput[] } {
  skipStatement(cursor);
  return { name: "", inputs: [] };
}

function startsStatement(token: Token): boolean {
  return token.kind === "value" || (token.kind === "word" && token.text === "return");
}

/** Goes on to the next line that starts like a statement, or to the closing brace at the start of a line. */
function skipStatement(cursor: Cursor): void {
  for (let token = cursor.peek(); token.kind !== "end"; token = cursor.peek()) {
    if (token.line > cursor.previousLine() && (startsStatement(token) || token.text === "}")) return;
    cursor.next();
  }
}

type Statement =
  | { readonly constant: Constant; readonly node?: never }
  | { readonly constant?: never; readonly node: Node };

function readStatement(cursor: Cursor, table: ReadonlyMap<string, Uint8Array>): Statement {
  const name = cursor.next().text;
  cursor.expect("=");
  const op = cursor.expectKind(["word", "string"], "an operator").text;
  cursor.expect("(");
  if (op === "const") {
    cursor.expect(")");
    cursor.expect("{");
    const payload = readPayload(cursor);
    const type = readResultType(cursor);
    return { constant: { name, type, data: payloadData(payload, type, table, cursor), source: payload.source } };
  }
  const operands = readList(cursor, ")", () =>
    cursor.accept("_") ? null : cursor.expectKind(["value"], `an operand (%name or _)`).text,
  );
  const attributes = cursor.accept("{") ? readAttributes(cursor) : {};
  const type = readResultType(cursor);
  const origin = cursor.accept("@") ? readOrigin(cursor) : [name];
  const layer = cursor.accept("in") ? cursor.expectKind(["string"], "the layer's name").text : null;
  return { node: { name, op, operands, attributes, type, origin, layer } };
}

function readResultType(cursor: Cursor): TensorType {
  cursor.expect(":");
  return readType(cursor);
}

function readOrigin(cursor: Cursor): string[] {
  if (cursor.accept("_")) return [];
  const names: string[] = [];
  do names.push(cursor.expectKind(["string"], "the name of an ONNX node").text);
  while (cursor.accept(","));
  return names;
}

function readAttributes(cursor: Cursor): Attributes {
  const entries = new Map<string, AttributeValue>();
  readList(cursor, "}", () => {
    const key = cursor.expectKind(["word", "string"], "an attribute's name");
    if (entries.has(key.text)) cursor.refuse(key, `found attribute ${describeToken(key)} twice, expected it once.`);
    cursor.expect("=");
    entries.set(key.text, readAttributeValue(cursor));
  });
  return Object.fromEntries(entries);
}

function readAttributeValue(cursor: Cursor): AttributeValue {
  if (cursor.accept("true")) return true;
  if (cursor.accept("false")) return false;
  if (cursor.peek().kind === "string") return cursor.next().text;
  if (!cursor.accept("[")) return readNumber(cursor);
  return cursor.peek().kind === "string"
    ? readList(cursor, "]", () => cursor.expectKind(["string"], "a text").text)
    : readList(cursor, "]", () => readNumber(cursor));
}

function readEnd(cursor: Cursor): string[] {
  cursor.expect("return");
  const outputs: string[] = [];
  if (cursor.peek().kind === "value") {
    do outputs.push(cursor.expectKind(["value"], "an output").text);
    while (cursor.accept(","));
  }
  cursor.expect("}");
  if (cursor.peek().kind !== "end")
    cursor.refuse(cursor.peek(), `found ${describeToken(cursor.peek())}, expected the end of the text.`);
  return outputs;
}
