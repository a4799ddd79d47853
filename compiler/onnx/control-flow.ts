import type { OnnxNode } from "../../ir/operator.ts";
import { onnxInput, onnxOptional } from "../../ir/ops/onnx-node.ts";
import { i64Tensor, makeTensor } from "../../ir/tensor.ts";
import { formatType, sameType, tensorType } from "../../ir/type.ts";
import { alreadyCollected, bindAll, type Expander, knownScalar, noSteps, stack } from "./expander.ts";
import type { NamedNode } from "./graph-structure.ts";
import { translateBatchScan, translateScan } from "./scan.ts";

type Translate = (node: OnnxNode, expander: Expander) => void;

interface ControlForm {
  readonly operator: string;
  readonly since: number;
  readonly until?: number;
  readonly translate: Translate;
}

/** The operators that hold graphs, which are gone after import. */
export const controlForms: readonly ControlForm[] = [
  { operator: "If", since: 1, translate: translateIf },
  { operator: "Loop", since: 1, translate: translateLoop },
  { operator: "Scan", since: 8, until: 8, translate: translateBatchScan },
  { operator: "Scan", since: 9, translate: translateScan },
];

/** The form of a node that holds graphs; undefined for other operators and opsets. */
export function controlFormOf({ operator, domain, opset }: NamedNode): ControlForm | undefined {
  if (domain !== "") return undefined;
  return controlForms.find(
    (form) => form.operator === operator && form.since <= opset && opset <= (form.until ?? Number.POSITIVE_INFINITY),
  );
}

/**
 * One branch when the condition is known; otherwise both, and a choice element by element, which is the same because
 * branches have no effect but their outputs.
 */
function translateIf(node: OnnxNode, expander: Expander): void {
  const { builder } = expander;
  const condition = onnxInput(node, builder, 0);
  if (builder.type(condition).element !== "bool")
    builder.refuse("B110", `The condition is ${formatType(builder.type(condition))}; expected one bool.`);
  const known = knownScalar(node, expander, condition, "The condition");
  const branch = (name: "then" | "else"): readonly string[] | null =>
    expander.inline(expander.graph(`${name}_branch`), [], name);
  if (known !== null) {
    const taken = known === 0 ? "else" : "then";
    expander.record({ kind: "branch", taken });
    const values = branch(taken);
    if (values === null) throw alreadyCollected();
    bindAll(node, expander, values);
    return;
  }
  expander.record({ kind: "branch", taken: "both" });
  const [whenTrue, whenFalse] = [branch("then"), branch("else")];
  if (whenTrue === null || whenFalse === null) throw alreadyCollected();
  const scalar =
    builder.type(condition).shape.length === 0 ? condition : builder.add("reshape", [condition], { shape: [] });
  const chosen = whenTrue.map((value, index) => {
    const other = whenFalse[index];
    if ((node.outputs[index] ?? "") === "" || value === other || other === undefined) return value;
    const [type, otherType] = [builder.type(value), builder.type(other)];
    if (!sameType(type, otherType)) {
      builder.refuse(
        "B112",
        `The condition depends on the input, and the branches give ${formatType(type)} and ${formatType(otherType)} for output ${index}; they can be computed both and chosen from only when the types agree.`,
      );
    }
    return builder.add("where", [scalar, value, other], {}, node.outputs[index]);
  });
  bindAll(node, expander, chosen.slice(0, whenFalse.length));
}

/**
 * Every step of the loop, one after the other, as long as trip count and condition say so; both must be known, the
 * condition after each step.
 */
function translateLoop(node: OnnxNode, expander: Expander): void {
  const { builder } = expander;
  const body = expander.graph("body");
  const [tripInput, conditionInput] = [onnxOptional(node, 0), onnxOptional(node, 1)];
  const carriedCount = Math.max(0, node.inputs.length - 2);
  const scanCount = body.outputs.length - 1 - carriedCount;
  if (scanCount < 0 || body.declaredInputs.length !== carriedCount + 2) {
    builder.refuse(
      "B110",
      `The body has ${body.declaredInputs.length} inputs and ${body.outputs.length} outputs; Loop carries ${carriedCount} values, for which it needs ${carriedCount + 2} and at least ${carriedCount + 1}.`,
    );
  }
  const tripCount =
    tripInput === null ? Number.POSITIVE_INFINITY : knownScalar(node, expander, tripInput, "The trip count");
  let condition = conditionInput ?? builder.addConstant(makeTensor(tensorType("bool", []), Uint8Array.of(1)));
  let carried = node.inputs.slice(2).map((_, index) => onnxInput(node, builder, index + 2));
  const scans: string[][] = Array.from({ length: scanCount }, () => []);
  let stepCount = 0;
  for (; tripCount === null || stepCount < tripCount; stepCount += 1) {
    const goesOn = knownScalar(node, expander, condition, "The condition");
    if (goesOn === null) {
      builder.refuse(
        "B112",
        `The condition of the loop depends on the input ${stepCount === 0 ? "before the first step" : `after step ${stepCount}`}; a chip without branches runs loops whose end is known.`,
      );
    }
    if (goesOn === 0) break;
    if (tripCount === null) {
      const name = tripInput ?? "";
      builder.refuse(
        "B112",
        `The trip count "${name}" of the loop depends on the input; it must be known at compile time.`,
      );
    }
    const step = builder.addConstant(i64Tensor([], [stepCount]));
    const values = expander.inline(body, [step, condition, ...carried], String(stepCount));
    if (values === null) throw alreadyCollected();
    condition = values[0] as string;
    carried = values.slice(1, 1 + carriedCount);
    for (const [index, value] of values.slice(1 + carriedCount).entries()) scans[index]?.push(value);
  }
  expander.record({ kind: "unrolled", stepCount });
  const results = scans.map((values, index) => {
    const output = node.outputs[carriedCount + index];
    if ((output ?? "") === "") return "";
    if (values.length > 0) return stack(builder, values, 0, output);
    return noSteps(node, expander, body, 1 + carriedCount + index, 0);
  });
  bindAll(node, expander, [...carried, ...results]);
}
