import { problem } from "../base/errors.ts";
import { type Box, footprint } from "../ir/iteration.ts";
import { elementBytes, type TensorType } from "../ir/type.ts";
import { isInside } from "./core-boxes.ts";
import { largestBox } from "./geometry.ts";
import type { LaidStep, TouchedParts } from "./laid-step.ts";
import type { LayerRead } from "./layers.ts";
import { boxStart, denseLayout, naturalOrder } from "./local-layout.ts";
import type { ReadPlan, WritePlan } from "./step-plan.ts";
import type { Spread } from "./transfers.ts";

/**
 * How a layer gets a value, given where values lie. `touched` is what each core touches of it; `mayWiden` says whether the margin
 * around the core's own part may take the rest. Throws B403 when nobody made the value.
 */
export function planRead(
  read: LayerRead,
  { layer, geometry, parts: { boxes: iterationBoxes, active } }: LaidStep,
  touched: TouchedParts | null,
  mayWiden: boolean,
  homes: ReadonlyMap<string, WritePlan>,
  orderOf: (value: string, type: TensorType) => readonly number[],
): ReadPlan {
  const anchor = layer.nodes[0]?.name ?? null;
  const shape = read.type.shape;
  const rank = shape.length;
  const width = elementBytes(read.type.element);
  if (read.access === null && read.constant) {
    const layout = denseLayout(naturalOrder(rank), shape, width);
    const whole = iterationBoxes.map((_, core) =>
      active[core] ? shape.map((size) => ({ start: 0, end: size })) : null,
    );
    const buffer = `${layer.name}/constant ${read.node}.${read.operand}`;
    const origins = whole.map((box) => (box === null ? [] : boxStart(box)));
    return { read, mode: "constant", buffer, layout, boxes: whole, touched: whole, origins, padded: false };
  }
  if (read.access === null || touched === null) {
    const none = iterationBoxes.map(() => null);
    const layout = denseLayout(naturalOrder(rank), shape, width);
    const isThere = layer.movement !== null && homes.get(read.value)?.buffer === layer.writes[0]?.value;
    return {
      read,
      mode: isThere ? "in-place" : "pieces",
      buffer: read.value,
      layout,
      boxes: none,
      touched: none,
      origins: none.map(() => []),
      padded: false,
    };
  }
  const access = read.access;
  const isWeights = layer.kind === "contraction" && read.node === anchor && read.operand === 1;
  const { boxes, clipped, origins, padded } = touched;
  const extents = footprint(access, largestBox(geometry)).map((range) => range.end - range.start);
  if (read.constant) {
    const layout = denseLayout(naturalOrder(rank), extents, width);
    const mode = isWeights ? "weights" : "constant";
    return {
      read,
      mode,
      buffer: `${layer.name}/constant ${read.node}.${read.operand}`,
      layout,
      boxes: clipped,
      touched: boxes,
      origins,
      padded,
    };
  }
  const home = homes.get(read.value);
  if (home === undefined) throw problem("B403", `No earlier step makes "${read.value}".`, { layer: layer.name });
  const { spread } = home;
  const local = clipped.every((box, core) => box === null || isInside(box, spread.boxes[core] ?? null));
  const inPlace = local && !padded;
  if (inPlace || (mayWiden && boxes.every((box, core) => box === null || hasRoom(spread, core, box)))) {
    return {
      read,
      mode: inPlace ? "in-place" : "around",
      buffer: home.buffer,
      layout: spread.layout,
      boxes: clipped,
      touched: boxes,
      origins: spread.origins,
      padded,
    };
  }
  const layout = denseLayout(orderOf(read.value, read.type), extents, width);
  const buffer = `${layer.name}/operand ${read.node}.${read.operand}`;
  return { read, mode: "copied", buffer, layout, boxes: clipped, touched: boxes, origins, padded };
}

/** Whether a box fits into the buffer in which a core owns a part of the value. */
function hasRoom({ boxes, origins, layout }: Spread, core: number, wanted: Box): boolean {
  if ((boxes[core] ?? null) === null) return false;
  return wanted.every(({ start, end }, axis) => {
    const origin = origins[core]?.[axis] as number;
    return start >= origin && end <= origin + (layout.extents[axis] as number);
  });
}
