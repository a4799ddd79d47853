import { at } from "../../base/math.ts";
import type { SimpleInstruction } from "../../ir/instruction.ts";
import { elementBytes } from "../../ir/type.ts";
import { vectorTileElements } from "../plan.ts";
import type { StepPlan } from "../step-plan.ts";
import { tileBoxes } from "../tiling.ts";
import { windowAxes } from "../window-maximum.ts";
import { type EmitContext, emitChain } from "./chain.ts";
import { signal, wait } from "./token-instructions.ts";
import { tokens } from "./tokens.ts";
import { windowRoom } from "./window-step.ts";

/** What the vector thread of a core does in a step without contraction: the nodes, tile by tile over its box. */
export function emitVectorStep(context: EmitContext, plan: StepPlan, core: number): SimpleInstruction[] {
  const box = at(plan.boxes, core);
  const parallel = walkOrder(plan);
  const tiles = tileBoxes(
    parallel.map((dimension) => at(box, dimension)),
    tileLimit(context, plan),
  );
  const instructions: SimpleInstruction[] = [wait(vectorStart(plan))];
  for (const tile of tiles) {
    const dimensions = parallel.map((dimension, index) => ({ dimension, range: at(tile, index) }));
    instructions.push(...emitChain(context, plan, core, dimensions, 0));
  }
  instructions.push(signal(tokens.done));
  return instructions;
}

/** The token that starts a vector or reduce step on a core. */
export function vectorStart({ sharesCores }: StepPlan): number {
  return sharesCores ? tokens.goGuest : tokens.goVector;
}

/** Elements of a tile; of windows taken axis by axis so few that what they leave in between fits its room. */
function tileLimit({ plan: { target } }: EmitContext, { layer, sharesCores }: StepPlan): number {
  const [read] = layer.reads;
  if (read === undefined || windowAxes(layer).length === 0) return vectorTileElements(target);
  const limit = Math.floor(windowRoom(target, sharesCores).bytes / 4);
  return Math.max(1, Math.floor(limit / Math.max(1, elementBytes(read.type.element))));
}

/** The parallel dimensions in the order in which the layer's result lies in memory, outermost first. */
function walkOrder(plan: StepPlan): number[] {
  const parallel = plan.layer.dimensions
    .map((dimension, index) => ({ index, kind: dimension.kind }))
    .filter(({ kind }) => kind === "parallel")
    .map(({ index }) => index);
  const order = plan.writes[0]?.spread.layout.order ?? [];
  const position = (dimension: number): number => {
    const axis = plan.layer.result.findIndex((form) => form.terms.some((term) => term.dimension === dimension));
    return axis < 0 ? -1 : order.indexOf(axis);
  };
  return parallel.sort((left, right) => position(left) - position(right));
}
