import { Document, isMap, isScalar, LineCounter, parseDocument, type Node as YamlNode } from "yaml";
import { z } from "zod";
import { BorealError, type Location, type Problem, problem } from "../../base/errors.ts";
import type { Node } from "../../ir/graph.ts";
import type { ElementType } from "../../ir/type.ts";

/** Bits of stored integers that the matrix unit multiplies. */
const precisionBits = [8, 4, 2] as const;

type Bits = (typeof precisionBits)[number];

/** The widths of a contraction's operands. */
export interface Precision {
  readonly weightBits: Bits;
  readonly activationBits: Bits;
}

/** The precision of every contraction: a rule, and others for those that are named. */
export interface PrecisionPlan {
  /** As a result states it: the rule, or the file's name. */
  readonly name: string;
  readonly rule: Precision;
  /** By name of a node, or of an ONNX node that it comes from. */
  readonly layers: ReadonlyMap<string, Precision>;
}

/** The precision rules: w8a8, w4a8, w4a4 and so on. */
export const precisionRules: readonly string[] = precisionBits.flatMap((weights) =>
  precisionBits.map((activations) => `w${weights}a${activations}`),
);

const elements: Readonly<Record<Bits, ElementType>> = { 8: "i8", 4: "i4", 2: "i2" };

/** The element types of a precision. */
export function precisionElements({ weightBits, activationBits }: Precision): {
  readonly weights: ElementType;
  readonly activations: ElementType;
} {
  return { weights: elements[weightBits], activations: elements[activationBits] };
}

function ruleNamed(rule: string): Precision | null {
  if (!precisionRules.includes(rule)) return null;
  return { weightBits: Number(rule[1]) as Bits, activationBits: Number(rule[3]) as Bits };
}

function notSupported(rule: string): string {
  return `Precision "${rule}" is not supported, expected one of ${precisionRules.join(", ")}.`;
}

/** The plan that a rule such as w4a8 names. Throws B802 for a rule that is not supported. */
export function parsePrecision(rule: string): PrecisionPlan {
  const precision = ruleNamed(rule);
  if (precision === null) throw problem("B802", notSupported(rule));
  return { name: rule, rule: precision, layers: new Map() };
}

const ruleSchema = z.string().refine((rule) => precisionRules.includes(rule), {
  error: ({ input }) => notSupported(String(input)),
});

const fileSchema = z.strictObject({
  default: ruleSchema,
  layers: z.record(z.string(), ruleSchema).optional(),
});

/**
 * Reads a precision file: a `default` rule, and under `layers` a rule by name of a layer or ONNX node.
 * Throws B802 with file, line and column of everything that is wrong.
 *
 *     default: w4a8
 *     layers:
 *       /head/MatMul: w8a8
 */
export function parsePrecisionFile(text: string, file: string): PrecisionPlan {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, version: "1.2" });
  const place = (offset: number): Location => {
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col };
  };
  const wrong = (message: string, offset: number): Problem => ({ code: "B802", message, at: place(offset) });
  if (document.errors.length > 0) {
    throw new BorealError(
      document.errors.map(({ message, pos }) =>
        wrong(`${message.split(" at line ")[0]?.replace(/\.?$/, ".")}`, pos[0]),
      ),
    );
  }
  const read = fileSchema.safeParse(document.toJS());
  if (!read.success) {
    throw new BorealError(
      read.error.issues.map(({ message, path }) =>
        wrong(`${path.join(".") || "The file"}: ${message.replace(/\.?$/, ".")}`, offsetOf(document.contents, path)),
      ),
    );
  }
  const { default: rule, layers = {} } = read.data;
  return {
    name: file,
    rule: ruleNamed(rule) as Precision,
    layers: new Map(Object.entries(layers).map(([name, own]) => [name, ruleNamed(own) as Precision])),
  };
}

/** A plan as the text of a precision file, which reads back as the same plan. Each of `remarks` is a line of comment above it. */
export function printPrecisionFile({ rule, layers }: PrecisionPlan, remarks: readonly string[] = []): string {
  const named = [...layers].map(([name, own]) => [name, precisionName(own)] as const);
  const document = new Document({
    default: precisionName(rule),
    ...(named.length === 0 ? {} : { layers: Object.fromEntries(named) }),
  });
  if (remarks.length > 0) document.commentBefore = remarks.map((remark) => ` ${remark}`).join("\n");
  return document.toString({ lineWidth: 0 });
}

/** The rule that names a precision: w4a8. */
export function precisionName({ weightBits, activationBits }: Precision): string {
  return `w${weightBits}a${activationBits}`;
}

/** Where the part of a document at a path begins, or the nearest part that there is. */
function offsetOf(root: YamlNode | null, path: readonly PropertyKey[]): number {
  let node: unknown = root;
  let offset = root?.range?.[0] ?? 0;
  for (const name of path) {
    const pair = isMap(node) ? node.items.find(({ key }) => isScalar(key) && key.value === name) : undefined;
    if (pair === undefined) break;
    node = pair.value;
    offset = (node as YamlNode | null)?.range?.[0] ?? offset;
  }
  return offset;
}

/** The precision of a node of the float graph: its own, that of the ONNX node it comes from, or the rule. */
export function precisionOf(
  { rule, layers }: PrecisionPlan,
  { name, origin }: Pick<Node, "name" | "origin">,
): Precision {
  for (const each of [name, ...origin]) {
    const own = layers.get(each);
    if (own !== undefined) return own;
  }
  return rule;
}
