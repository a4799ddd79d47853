import { createHash } from "node:crypto";
import { internalError } from "../../base/errors.ts";
import { at, roundUp, rowMajorStrides } from "../../base/math.ts";
import { type Constant, constantsByName } from "../../ir/graph.ts";
import { tileAround } from "../../ir/instruction.ts";
import type { Access, Box } from "../../ir/iteration.ts";
import { putPacked } from "../../ir/packing.ts";
import type { MemoryImage } from "../../ir/program.ts";
import type { Tensor } from "../../ir/tensor.ts";
import { elementBytes, elementTypes, type TensorType } from "../../ir/type.ts";
import { type TablePlan, tableBox } from "../chain.ts";
import { type Grid, reductionIndex } from "../geometry.ts";
import type { LocalLayout } from "../local-layout.ts";
import { gridOf } from "../network.ts";
import { storedTensor } from "../quantize/stored-tensor.ts";
import { initialValue, type State } from "../states.ts";
import { firstGroup, piecesOf, stepChunks, storedBytes } from "../step-chunks.ts";
import type { ReadPlan, StepPlan } from "../step-plan.ts";
import { anchorAccesses } from "../tiling.ts";
import { pairedBytes, type WeightChunk } from "../weights.ts";
import { affineRecords } from "./affine-classes.ts";
import { addressOf, type EmitContext } from "./chain.ts";

/** The initial contents of core memories and the bytes that they refer to. */
export interface EmittedImages {
  readonly images: readonly MemoryImage[];
  readonly bytes: Uint8Array;
  readonly sha256: string;
}

/** Collects bytes; equal keys share theirs. */
class Sidecar {
  readonly #parts: Uint8Array[] = [];
  readonly #offsets = new Map<string, number>();
  #length = 0;

  /** The offset of the bytes known by `key`, made on first use. */
  place(key: string, make: () => Uint8Array): number {
    const known = this.#offsets.get(key);
    if (known !== undefined) return known;
    const bytes = make();
    const offset = this.#length;
    this.#offsets.set(key, offset);
    this.#parts.push(bytes);
    this.#length += bytes.length;
    const padding = roundUp(this.#length, 16) - this.#length;
    if (padding > 0) this.#parts.push(new Uint8Array(padding));
    this.#length += padding;
    return offset;
  }

  /** All bytes, in one array. */
  join(): Uint8Array {
    const result = new Uint8Array(this.#length);
    let offset = 0;
    for (const part of this.#parts) {
      result.set(part, offset);
      offset += part.length;
    }
    return result;
  }
}

interface CoreImage {
  readonly address: number;
  readonly offset: number;
  readonly bytes: number;
}

/** Lays out weights, constants, tables and the initial values of states; null when a constant has no data. */
export function emitImages(context: EmitContext, states: readonly State[]): EmittedImages | null {
  const constants = constantsByName(context.plan.network.graph);
  const sidecar = new Sidecar();
  const images: MemoryImage[] = [];
  const holdersOf = new Map<string, ((core: number) => CoreImage | null)[]>();
  const hold = (buffer: string, imageOf: (core: number) => CoreImage | null): void => {
    const holders = holdersOf.get(buffer);
    if (holders === undefined) holdersOf.set(buffer, [imageOf]);
    else holders.push(imageOf);
  };
  for (const plan of context.plan.steps) {
    if (plan.layer.kind === "state") images.push(...stateImages(context, plan, states, sidecar));
    for (const read of plan.reads) {
      if (read.mode === "constant" || read.mode === "weights") {
        if (constants.get(read.read.value)?.data === null) return null;
      }
    }
    for (const read of plan.reads) {
      if (read.mode !== "constant") continue;
      const constant = constantOf(constants, read);
      hold(read.buffer, (core) => constantImage(context, plan, read, constant, sidecar, core));
    }
    if (plan.weights !== null) {
      const constant = constantOf(
        constants,
        at(
          plan.reads.filter((read) => read.mode === "weights"),
          0,
        ),
      );
      hold(plan.weights.buffer, (core) => weightsImage(context, plan, constant, sidecar, core));
    }
    for (const table of plan.chain.tables) {
      hold(table.buffer, (core) => tableImage(context, plan, table, sidecar, core));
    }
  }
  const grid = gridOf(context.plan.target);
  for (const holders of holdersOf.values()) {
    // A core has the bytes when any of the steps that share the buffer uses them there.
    images.push(
      ...classesOf(grid, (core) => {
        let image: CoreImage | null = null;
        for (let index = 0; image === null && index < holders.length; index += 1)
          image = holders[index]?.(core) ?? null;
        return image;
      }),
    );
  }
  const bytes = sidecar.join();
  return { images, bytes, sha256: createHash("sha256").update(bytes).digest("hex") };
}

function constantOf(constants: ReadonlyMap<string, Constant>, read: ReadPlan): Constant {
  const constant = constants.get(read.read.value);
  if (constant === undefined) throw internalError(`"${read.read.value}" is not a constant`);
  return constant;
}

function classesOf({ rows, columns }: Grid, imageOf: (core: number) => CoreImage | null): MemoryImage[] {
  const byCore = Array.from({ length: rows * columns }, (_, core) => imageOf(core));
  return affineRecords(byCore, columns).map(({ cores, data }) => ({ cores, ...data }));
}

function stateImages(context: EmitContext, plan: StepPlan, states: readonly State[], sidecar: Sidecar): MemoryImage[] {
  const { write, buffer, spread } = at(plan.writes, 0);
  const state = states.find(({ input }) => input === write.value);
  if (state === undefined) throw internalError(`"${write.value}" is not a state`, { layer: plan.layer.name });
  const initial = storedTensor(initialValue(state, write.type), write.type);
  return classesOf(plan.geometry.grid, (core) =>
    boxImage(context, buffer, spread.layout, initial, spread.boxes[core] ?? null, sidecar),
  );
}

function boxKey(box: Box): string {
  return box.map((range) => `${range.start}:${range.end}`).join();
}

function constantImage(
  context: EmitContext,
  plan: StepPlan,
  read: ReadPlan,
  constant: Constant,
  sidecar: Sidecar,
  core: number,
): CoreImage | null {
  // Only the first core of a chain of partial sums adds the bias.
  if (plan.roles !== null && read.read.node === plan.layer.nodes[0]?.name && !isFirst(plan, core)) return null;
  const data = constant.data;
  if (data === null) throw internalError(`"${constant.name}" has no data`);
  return boxImage(context, read.buffer, read.layout, { type: constant.type, data }, read.boxes[core] ?? null, sidecar);
}

/** A box of a tensor as a core holds it at the start of a buffer; null for no box. */
function boxImage(
  context: EmitContext,
  buffer: string,
  layout: LocalLayout,
  { type, data }: Tensor,
  box: Box | null,
  sidecar: Sidecar,
): CoreImage | null {
  if (box === null) return null;
  const offset = sidecar.place(`${buffer} ${boxKey(box)}`, () => {
    const stored = elementBytes(type.element);
    const width = Math.max(1, stored);
    const source = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    const bytes = new Uint8Array(layout.bytes);
    const strides = rowMajorStrides(type.shape);
    copyBox(box, (coordinate) => {
      let from = 0;
      let to = 0;
      coordinate.forEach((value, axis) => {
        from += value * at(strides, axis) * width;
        to += (value - at(box, axis).start) * at(layout.strideBytes, axis);
      });
      if (stored < 1) putPacked(bytes, 8 * stored, to / stored, at(source, from));
      else for (let byte = 0; byte < width; byte += 1) bytes[to + byte] = at(source, from + byte);
    });
    return bytes;
  });
  return { address: addressOf(context, buffer), offset, bytes: layout.bytes };
}

function isFirst(plan: StepPlan, core: number): boolean {
  const { columns } = plan.geometry.grid;
  return reductionIndex(plan.geometry, Math.floor(core / columns), core % columns) === 0;
}

function copyBox(box: Box, visit: (coordinate: readonly number[]) => void): void {
  const coordinate = box.map((range) => range.start);
  if (box.some((range) => range.end <= range.start)) return;
  for (;;) {
    visit(coordinate);
    let axis = box.length - 1;
    while (axis >= 0) {
      coordinate[axis] = at(coordinate, axis) + 1;
      if (at(coordinate, axis) < at(box, axis).end) break;
      coordinate[axis] = at(box, axis).start;
      axis -= 1;
    }
    if (axis < 0) return;
  }
}

function tableImage(
  context: EmitContext,
  plan: StepPlan,
  table: TablePlan,
  sidecar: Sidecar,
  core: number,
): CoreImage | null {
  if (!plan.owns[core]) return null;
  const box = tableBox(table, at(plan.boxes, core));
  const width = table.kind === "scale" ? 2 : 1;
  const offset = sidecar.place(`${table.buffer} ${boxKey(box)}`, () => {
    const words = new Int32Array(table.bytes / 4);
    const strides = rowMajorStrides(table.shape);
    copyBox(box, (coordinate) => {
      let from = 0;
      let to = 0;
      coordinate.forEach((value, axis) => {
        from += value * at(strides, axis) * width;
        to += ((value - at(box, axis).start) * at(table.layout.strideBytes, axis)) / 4;
      });
      for (let word = 0; word < width; word += 1) words[to + word] = at(table.values, from + word);
    });
    return new Uint8Array(words.buffer);
  });
  return { address: addressOf(context, table.buffer), offset, bytes: table.bytes };
}

/** A core's part of a step's weights: its chunks one after the other, or its piece of each when they are streamed. */
function weightsImage(
  context: EmitContext,
  plan: StepPlan,
  constant: Constant,
  sidecar: Sidecar,
  core: number,
): CoreImage | null {
  const { weights, roles } = plan;
  if (!plan.active[core] || weights === null || roles === null) return null;
  const data = constant.data;
  if (!(data instanceof Int8Array) && !(data instanceof Uint8Array)) {
    throw internalError(`weights "${constant.name}" are ${constant.type.element}, not integers of at most 8 bits`);
  }
  const { target } = context.plan;
  const chunks = stepChunks(plan, at(plan.boxes, core), target);
  const pieces = piecesOf(plan);
  const stored = chunks.reduce((bytes, chunk) => bytes + storedBytes(chunk, pieces), 0);
  const { columns } = plan.geometry.grid;
  const [row, column] = [Math.floor(core / columns), core % columns];
  const group = tileAround(firstGroup(weights, plan.geometry), row, column);
  const member = (row - group.row) * group.columns + column - group.column;
  const slice = chunks.map((chunk) => boxKey([...chunk.groups, ...chunk.columns, ...chunk.inner])).join("/");
  const offset = sidecar.place(`${weights.buffer} ${slice}`, () => {
    const bytes = new Uint8Array(stored * pieces);
    const access = anchorAccesses(plan.layer)[1];
    let position = 0;
    for (const chunk of chunks) {
      const packed = new Uint8Array(storedBytes(chunk, pieces) * pieces);
      packChunk(packed, data, constant.type, access, plan, chunk);
      const piece = storedBytes(chunk, pieces);
      for (let index = 0; index < pieces; index += 1) {
        bytes.set(packed.subarray(index * piece, (index + 1) * piece), index * stored + position);
      }
      position += piece;
    }
    return bytes;
  });
  return { address: addressOf(context, weights.buffer), offset: offset + member * stored, bytes: stored };
}

/** Writes a chunk's weights as [groups][⌈inner/2⌉][columns][2]; each group begins with a byte. */
function packChunk(
  destination: Uint8Array,
  data: Int8Array | Uint8Array,
  { element, shape }: TensorType,
  access: Access,
  plan: StepPlan,
  chunk: WeightChunk,
): void {
  const roles = plan.roles;
  if (roles === null) return;
  const strides = rowMajorStrides(shape);
  const offsetsOf = (dimensions: readonly number[], box: Box): Int32Array => {
    let offsets = [0];
    dimensions.forEach((dimension, index) => {
      let step = 0;
      access.forEach(({ terms }, axis) => {
        for (const term of terms) if (term.dimension === dimension) step += term.stride * at(strides, axis);
      });
      const range = at(box, index);
      const positions = Array.from({ length: range.end - range.start }, (_, turn) => (range.start + turn) * step);
      offsets = offsets.flatMap((offset) => positions.map((position) => offset + position));
    });
    return Int32Array.from(offsets);
  };
  const groups = offsetsOf(roles.group, chunk.groups);
  const columns = offsetsOf(roles.column, chunk.columns);
  const inner = offsetsOf(roles.inner, chunk.inner);
  const { bits } = elementTypes[element];
  const rowLength = 2 * columns.length;
  const groupLength = pairedBytes(1, inner.length, columns.length, element) / elementBytes(element);
  for (let group = 0; group < groups.length; group += 1) {
    for (let k = 0; k < inner.length; k += 1) {
      const from = (groups[group] as number) + (inner[k] as number);
      let to = group * groupLength + (k >> 1) * rowLength + (k & 1);
      for (let n = 0; n < columns.length; n += 1) {
        const value = data[from + (columns[n] as number)] as number;
        if (bits === 8) destination[to] = value;
        else putPacked(destination, bits, to, value);
        to += 2;
      }
    }
  }
}
