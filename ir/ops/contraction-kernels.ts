import { product } from "../../base/math.ts";
import type { ContractionTask as KernelTask } from "../../kernels/kernels.ts";
import { Workspace } from "../../kernels/workspace.ts";
import type { ContractionData, ContractionOperand, ContractionTask, Contractor } from "../contractor.ts";

type Element = "u8" | "i8" | "f32";

/** The element that the kernels read: bytes, or f32 for any float. */
function elementOf(data: ContractionData): Element {
  return data instanceof Uint8Array ? "u8" : data instanceof Int8Array ? "i8" : "f32";
}

function place(workspace: Workspace, { data }: ContractionOperand, element: Element): number {
  return workspace.put(element === "f32" && !(data instanceof Float32Array) ? Float32Array.from(data) : data);
}

/** Constants in the workspace, each copied when it is first used. */
class KeptConstants {
  /** By the array's memory. */
  readonly #entries = new Map<ArrayBufferLike, { readonly data: ArrayBufferView; address: number | null }[]>();

  constructor(constants: Iterable<ArrayBufferView>) {
    for (const data of constants) {
      if (data.byteLength < keptBytes) continue;
      const entries = this.#entries.get(data.buffer);
      if (entries === undefined) this.#entries.set(data.buffer, [{ data, address: null }]);
      else entries.push({ data, address: null });
    }
  }

  /** Where the data of a constant stand; null when they are no constant's. Nothing may be reserved in the workspace. */
  address(workspace: Workspace, data: ContractionData): number | null {
    const entry = this.#entries
      .get(data.buffer)
      ?.find((each) => each.data.byteOffset === data.byteOffset && each.data.byteLength === data.byteLength);
    if (entry === undefined || (elementOf(data) === "f32" && !(data instanceof Float32Array))) return null;
    entry.address ??= workspace.keep(data);
    return entry.address;
  }
}

/** Smaller constants are copied each time. */
const keptBytes = 2 ** 20;

/** Copies the operands into the workspace and gives the task its addresses there; strides become bytes. */
function placeTask(
  workspace: Workspace,
  task: ContractionTask,
  constants: KeptConstants,
): { readonly placed: KernelTask; readonly count: number } {
  const { activations, weights, bias } = task;
  const keptWeights = constants.address(workspace, weights.data);
  const keptActivations = constants.address(workspace, activations.data);
  const [activationElement, weightElement] = [elementOf(activations.data), elementOf(weights.data)];
  const width = activationElement === "f32" ? 4 : 1;
  const scaled = (strides: readonly number[]): number[] => strides.map((stride) => stride * width);
  const words = width === 1 ? Int32Array : Float32Array;
  const count = task.groups * product(task.rows) * task.columns;
  const placed: KernelTask = {
    groups: task.groups,
    rows: task.rows,
    inner: task.inner,
    columns: task.columns,
    activations: {
      address: (keptActivations ?? place(workspace, activations, activationElement)) + activations.offset * width,
      element: activationElement,
      groupStride: activations.groupStride * width,
      rowStrides: scaled(activations.rowStrides),
      innerStrides: scaled(activations.innerStrides),
    },
    weights: {
      address: (keptWeights ?? place(workspace, weights, weightElement)) + weights.offset * width,
      element: weightElement,
      layout: "strided",
      groupStride: weights.groupStride * width,
      innerStrides: scaled(weights.innerStrides),
      columnStride: weights.columnStride * width,
    },
    bias: bias === null ? 0 : workspace.put(words.from(bias)),
    start: bias === null ? "zero" : "bias",
    partial: workspace.allocate(count * 4),
  };
  return { placed, count };
}

/**
 * A contractor in WASM SIMD, for bytes and for floats of at most 32 bits. It keeps a memory as large as its largest
 * contraction needed, and in it the large ones of `constants`: arrays that are weights often and never change. Throws
 * when the kernels were not built.
 */
export function makeWasmContractor(constants: Iterable<ArrayBufferView> = []): Contractor {
  const workspace = new Workspace();
  const kept = new KeptConstants(constants);
  return {
    integer(task) {
      const { placed, count } = placeTask(workspace, task, kept);
      workspace.kernels.contract(placed);
      const result = workspace.take(placed.partial, new Int32Array(count));
      workspace.clear();
      return result;
    },
    float(task) {
      const { placed, count } = placeTask(workspace, task, kept);
      workspace.kernels.contractFloat(placed);
      const result = workspace.take(placed.partial, new Float32Array(count));
      workspace.clear();
      return result;
    },
  };
}
