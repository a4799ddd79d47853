import { at, product } from "../../base/math.ts";
import { stepChunks, storedBytes } from "../../compiler/step-chunks.ts";
import type { NetworkPlan, ReadPlan, StepPlan } from "../../compiler/step-plan.ts";
import { type Box, boxCount, intersect } from "../../ir/iteration.ts";
import { elementBytes, elementCount } from "../../ir/type.ts";

/** What the mapping alone says that a step does, beside its MACs. */
export interface ExpectedCounts {
  readonly macs: number;
  /** Bytes that arrive over the activation network, at cores or at the framebuffer. */
  readonly arrivingBytes: number;
  /** Bytes written to weight buffers. */
  readonly weightBytes: number;
  /** i32 partial sums that are sent to a neighbour. */
  readonly partialSums: number;
}

/** Counts of one step, worked out from boxes and tiles, without a program. */
export function expectedCounts(plan: NetworkPlan, step: StepPlan): ExpectedCounts {
  return {
    macs: step.layer.macCount,
    arrivingBytes: arrivingBytes(plan, step),
    weightBytes: weightBytes(plan, step),
    partialSums: partialSums(step),
  };
}

function arrivingBytes(plan: NetworkPlan, step: StepPlan): number {
  const { layer } = step;
  const whole =
    layer.kind === "input" ? layer.writes[0]?.type : layer.kind === "output" ? layer.reads[0]?.type : undefined;
  if (whole !== undefined) return elementCount(whole) * elementBytes(whole.element);
  if (layer.movement !== null) return movedBytes(plan, step);
  const seen = new Set<string>();
  let bytes = 0;
  for (const read of step.reads) {
    if (read.mode !== "copied" && read.mode !== "around") continue;
    const key = `${read.buffer} ${JSON.stringify(read.read.access)}`;
    if (seen.has(key)) continue;
    seen.add(key);
    bytes += foreignElements(plan, read) * elementBytes(read.read.type.element);
  }
  return bytes;
}

/** Elements that cores need and do not hold themselves. */
function foreignElements(plan: NetworkPlan, read: ReadPlan): number {
  const home = plan.homes.get(read.read.value);
  return read.boxes.reduce((count, box, core) => {
    if (box === null || box.some(({ start, end }) => end <= start)) return count;
    const own = home?.spread.boxes[core] ?? null;
    const shared = own === null ? null : intersect(box, own);
    return count + boxCount(box) - (shared === null ? 0 : boxCount(shared));
  }, 0);
}

/** Elements of a movement's result whose source lies on another core, one by one. */
function movedBytes(plan: NetworkPlan, step: StepPlan): number {
  const { layer } = step;
  const write = at(step.writes, 0);
  const resultOwner = ownerTable(write.spread.boxes, write.write.type.shape);
  let bytes = 0;
  for (const piece of layer.movement?.pieces ?? []) {
    const read = layer.reads.find(({ operand }) => operand === piece.operand);
    if (read === undefined || read.constant) continue;
    const sourceOwner = ownerTable(plan.homes.get(read.value)?.spread.boxes ?? [], read.type.shape);
    const width = elementBytes(read.type.element);
    const count = product(piece.counts);
    for (let index = 0; index < count; index += 1) {
      let rest = index;
      let from = piece.sourceOffset;
      let to = piece.destinationOffset;
      for (let axis = piece.counts.length - 1; axis >= 0; axis -= 1) {
        const size = at(piece.counts, axis);
        from += (rest % size) * at(piece.sourceStrides, axis);
        to += (rest % size) * at(piece.destinationStrides, axis);
        rest = Math.floor(rest / size);
      }
      if (at(sourceOwner, from) !== at(resultOwner, to)) bytes += width;
    }
  }
  return bytes;
}

/** By element: the core that holds it. */
function ownerTable(boxes: readonly (Box | null)[], shape: readonly number[]): Int32Array {
  const owners = new Int32Array(product(shape)).fill(-1);
  const visit = (box: Box, core: number, axis: number, index: number): void => {
    if (axis === shape.length) {
      owners[index] = core;
      return;
    }
    const range = at(box, axis);
    for (let position = range.start; position < range.end; position += 1) {
      visit(box, core, axis + 1, index * at(shape, axis) + position);
    }
  };
  boxes.forEach((box, core) => {
    if (box !== null) visit(box, core, 0, 0);
  });
  return owners;
}

function weightBytes(plan: NetworkPlan, step: StepPlan): number {
  const { weights, roles, geometry } = step;
  if (weights === null || roles === null || step.step.tile === null) return 0;
  const pieces = weights.group.rows * weights.group.columns;
  const { rows: rowTile, outer } = step.step.tile;
  let bytes = 0;
  step.boxes.forEach((box, core) => {
    if (!step.active[core]) return;
    const chunks = stepChunks(step, box, plan.target);
    const once = chunks.reduce(
      (sum, chunk) => sum + (pieces === 1 ? chunk.bytes : storedBytes(chunk, pieces) * pieces),
      0,
    );
    // A core of a streaming group takes part in the turns of the core with the most rows.
    const rows = roles.row.map((dimension) => {
      const { start, end } = at(box, dimension);
      return {
        size: pieces === 1 ? end - start : at(geometry.chunks, dimension),
        most: at(geometry.chunks, dimension),
      };
    });
    let room = rowTile;
    const turns = [...rows].reverse().reduce((count, { size, most }) => {
      const tile = Math.max(1, Math.min(most, room));
      room = tile < most ? 1 : Math.floor(room / tile);
      return count * Math.ceil(size / tile);
    }, 1);
    bytes += once * (chunks.length === 1 || outer === "columns" ? 1 : turns);
  });
  return bytes;
}

function partialSums(step: StepPlan): number {
  const { roles, geometry } = step;
  if (roles === null || geometry.reduction === null) return 0;
  return step.boxes.reduce((count, box, core) => {
    if (!step.active[core] || step.owns[core]) return count;
    const parallel = [...roles.group, ...roles.row, ...roles.column];
    return count + product(parallel.map((dimension) => at(box, dimension).end - at(box, dimension).start));
  }, 0);
}
