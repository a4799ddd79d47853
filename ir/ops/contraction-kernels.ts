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

/** Copies the operands into the workspace and gives the task its addresses there; strides become bytes. */
function placeTask(
  workspace: Workspace,
  task: ContractionTask,
): { readonly placed: KernelTask; readonly count: number } {
  const { activations, weights, bias } = task;
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
      address: place(workspace, activations, activationElement) + activations.offset * width,
      element: activationElement,
      groupStride: activations.groupStride * width,
      rowStrides: scaled(activations.rowStrides),
      innerStrides: scaled(activations.innerStrides),
    },
    weights: {
      address: place(workspace, weights, weightElement) + weights.offset * width,
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
 * contraction needed. Throws when the kernels were not built.
 */
export function makeWasmContractor(): Contractor {
  const workspace = new Workspace();
  return {
    integer(task) {
      const { placed, count } = placeTask(workspace, task);
      workspace.kernels.contract(placed);
      const result = workspace.take(placed.partial, new Int32Array(count));
      workspace.clear();
      return result;
    },
    float(task) {
      const { placed, count } = placeTask(workspace, task);
      workspace.kernels.contractFloat(placed);
      const result = workspace.take(placed.partial, new Float32Array(count));
      workspace.clear();
      return result;
    },
  };
}
