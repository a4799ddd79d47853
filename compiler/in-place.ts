import type { Box } from "../ir/iteration.ts";
import type { MappedStep } from "../ir/mapping.ts";
import { isElementwise } from "../ir/ops/index.ts";
import { sameNumbers } from "../ir/type.ts";
import type { Layer } from "./layers.ts";
import type { Network } from "./network.ts";
import type { ReadPlan, WritePlan } from "./step-plan.ts";

/**
 * The writes of a layer, those in place that can be: a result takes the buffer of a value that this layer is the last to
 * read, if every core reads there exactly the elements that it writes, none after it has written them, and the layer
 * beside it does not read them.
 */
export function inPlaceWrites(
  index: number,
  step: MappedStep,
  layer: Layer,
  network: Network,
  homes: ReadonlyMap<string, WritePlan>,
  reads: readonly ReadPlan[],
  writes: readonly WritePlan[],
): readonly WritePlan[] {
  if (layer.kind !== "contraction" && layer.kind !== "vector") return writes;
  const kept = new Set(network.ties.flatMap(({ state, next }) => [state, next]));
  if (kept.has(index)) return writes;
  const taken = new Set<string>();
  return writes.map((write) => {
    // A part of another value stays there.
    if (write.buffer !== write.write.value) return write;
    const position = layer.nodes.findIndex(({ name }) => name === write.write.value);
    const given = reads.find(({ read, mode, buffer }) => {
      if (mode !== "in-place" || taken.has(buffer)) return false;
      const producer = network.producer.get(read.value);
      const readers = network.readers.get(read.value) ?? [];
      const isLast = Math.max(...readers) === index;
      const isShared = step.beside !== undefined && readers.includes(index - 1);
      if (!isLast || isShared || producer === undefined || kept.has(producer)) return false;
      const same = reads.filter((other) => other.read.value === read.value);
      return (
        same.every((other) => other.mode === "in-place" && readsInPlace(layer, other, position)) &&
        holdsHome(homes.get(read.value), write)
      );
    });
    const home = given === undefined ? undefined : homes.get(given.read.value);
    if (home === undefined) return write;
    taken.add(home.buffer);
    return { ...write, buffer: home.buffer, spread: home.spread };
  });
}

/** Whether a read is of the element that the node writes, by that node or one before it, element by element. */
function readsInPlace(layer: Layer, { read }: ReadPlan, writer: number): boolean {
  const reader = layer.nodes.findIndex(({ name }) => name === read.node);
  const node = layer.nodes[reader];
  if (node === undefined || reader > writer || !isElementwise(node.op)) return false;
  return JSON.stringify(read.access) === JSON.stringify(layer.result);
}

/** Whether a result may lie where another value does: of the same parts, with the room around them that it needs. */
function holdsHome(home: WritePlan | undefined, write: WritePlan): boolean {
  if (home === undefined) return false;
  const [given, own] = [home.spread, write.spread];
  return (
    home.write.type.element === write.write.type.element &&
    sameNumbers(home.write.type.shape, write.write.type.shape) &&
    sameNumbers(given.layout.order, own.layout.order) &&
    own.boxes.every((box, core) => sameBox(box, given.boxes[core] ?? null)) &&
    own.origins.every((origin, core) =>
      origin.every((start, axis) => {
        const from = given.origins[core]?.[axis] as number;
        const [room, need] = [given.layout.extents[axis] as number, own.layout.extents[axis] as number];
        return from <= start && from + room >= start + need;
      }),
    )
  );
}

function sameBox(left: Box | null, right: Box | null): boolean {
  if (left === right) return true;
  if (left === null || right === null) return false;
  return left.every(({ start, end }, axis) => right[axis]?.start === start && right[axis]?.end === end);
}
