import { join } from "node:path";
import { allocateData, makeTensor, type Tensor } from "../ir/tensor.ts";
import { tensorType } from "../ir/type.ts";
import { writeFileWhole } from "./output.ts";

/** Keeps the outputs of samples and writes them as TensorProto files. */
export class OutputCollector {
  readonly #names: readonly string[];
  readonly #positions: readonly number[];
  readonly #samples: (readonly Tensor[])[] = [];

  /** `positions`: which of the named outputs are collected; all by default. */
  constructor(names: readonly string[], positions: readonly number[] = names.map((_, index) => index)) {
    this.#names = names;
    this.#positions = positions;
  }

  /** Adds the collected outputs of the next sample, in the model's order. */
  add(outputs: readonly Tensor[]): void {
    this.#samples.push(outputs);
  }

  /** Writes output_I.pb for each output; with several samples a first axis counts them. Throws B602. */
  async write(folder: string): Promise<void> {
    const { encodeTensorProto } = await import("../compiler/onnx/codec.ts");
    for (const [index, position] of this.#positions.entries()) {
      const values = this.#samples.map((outputs) => outputs[index]).filter((value) => value !== undefined);
      const bytes = encodeTensorProto(stack(values), this.#names[position] ?? "");
      await writeFileWhole(join(folder, `output_${position}.pb`), [bytes]);
    }
  }
}

/** One tensor as it is; several along a new first axis. */
function stack(values: readonly Tensor[]): Tensor {
  const [first] = values;
  if (first === undefined || values.length === 1) return first as Tensor;
  const data = allocateData(first.type.element, values.length * first.data.length);
  values.forEach((value, index) => {
    data.set(value.data as never, index * first.data.length);
  });
  return makeTensor(tensorType(first.type.element, [values.length, ...first.type.shape]), data);
}
