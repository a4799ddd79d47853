import { join } from "node:path";
import { allocateData, makeTensor, type Tensor } from "../ir/tensor.ts";
import { tensorType } from "../ir/type.ts";
import { writeFileWhole } from "./output.ts";

/** Keeps the outputs of samples and writes them as TensorProto files. */
export class OutputCollector {
  readonly #names: readonly string[];
  readonly #samples: (readonly Tensor[])[] = [];

  constructor(names: readonly string[]) {
    this.#names = names;
  }

  /** Adds the outputs of the next sample, in the model's order. */
  add(outputs: readonly Tensor[]): void {
    this.#samples.push(outputs);
  }

  /** Writes output_I.pb for each output; with several samples a first axis counts them. Throws B602. */
  async write(folder: string): Promise<void> {
    const { encodeTensorProto } = await import("../compiler/onnx/codec.ts");
    for (const [index, name] of this.#names.entries()) {
      const values = this.#samples.map((outputs) => outputs[index]).filter((value) => value !== undefined);
      const bytes = encodeTensorProto(stack(values), name);
      await writeFileWhole(join(folder, `output_${index}.pb`), [bytes]);
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
