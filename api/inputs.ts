import { extname } from "node:path";
import { BorealError, type Problem, problem } from "../base/errors.ts";
import { product } from "../base/math.ts";
import { makeRandom } from "../base/random.ts";
import { tensorNumbers, tensorOf } from "../ir/ops/values.ts";
import { makeTensor, type Tensor } from "../ir/tensor.ts";
import { elementCount, formatType, isFloat, sameNumbers, type TensorType } from "../ir/type.ts";
import { type DecodeTensor, type InputFile, readInputFile } from "../recordings/input-file.ts";

/** An input of a model: its name, and the type that the model declares. */
export interface InputDeclaration {
  readonly name: string;
  readonly type: TensorType;
}

/** One sample: a tensor for every input, by name. */
export type Frame = ReadonlyMap<string, Tensor>;

/** Reads a file as a tensor; `.pb` files load the ONNX codec when the first of them is met. */
export async function readTensorFile(path: string): Promise<InputFile> {
  return readInputFile(path, await decoderFor(path));
}

async function decoderFor(path: string): Promise<DecodeTensor> {
  if (extname(path).toLowerCase() !== ".pb") {
    return (_, at) => {
      throw problem("B701", "Found no decoder for the file.", at);
    };
  }
  const { decodeTensorProto } = await import("../compiler/onnx/codec.ts");
  return decodeTensorProto;
}

/**
 * Reads samples. Each entry of `files` is FILE or NAME=FILE; files without a name go to the inputs in the model's order,
 * over and over. A file holds one sample, or several along its first axis; a table of numbers (CSV) holds one sample, or
 * one in each row. Throws B701 for files and B702 and B703 for shapes, types, counts and values, all that were found.
 */
export async function readInputs(inputs: readonly InputDeclaration[], files: readonly string[]): Promise<Frame[]> {
  const problems: Problem[] = [];
  const samples = new Map<string, Tensor[]>(inputs.map(({ name }) => [name, []]));
  let position = 0;
  for (const entry of files) {
    const named = splitName(entry, inputs);
    const input = named.input ?? inputs[position % Math.max(1, inputs.length)];
    if (named.input === null) position += 1;
    if (input === undefined)
      throw problem("B702", "The model has no inputs, but an input file was given.", { file: entry });
    try {
      samples.get(input.name)?.push(...samplesOf(await readTensorFile(named.path), input));
    } catch (error) {
      if (!(error instanceof BorealError)) throw error;
      problems.push(...error.problems);
    }
  }
  if (problems.length > 0) throw new BorealError(problems);
  const counts = [...samples].map(([name, list]) => ({ name, count: list.length }));
  const count = Math.max(0, ...counts.map((each) => each.count));
  for (const each of counts) {
    if (each.count === count) continue;
    problems.push({
      code: "B702",
      message: `Found ${each.count} samples of input "${each.name}", expected ${count} as of the others.`,
      at: { tensor: each.name },
      hint: "Give each input a file with --input NAME=FILE.",
    });
  }
  if (problems.length > 0) throw new BorealError(problems);
  return Array.from(
    { length: count },
    (_, index) => new Map([...samples].map(([name, list]) => [name, list[index] as Tensor])),
  );
}

/** The input that an entry NAME=FILE names, and the path; an entry whose head is no input's name is a path. */
function splitName(
  entry: string,
  inputs: readonly InputDeclaration[],
): { readonly input: InputDeclaration | null; readonly path: string } {
  const input = inputs.find(({ name }) => entry.startsWith(`${name}=`));
  if (input !== undefined) return { input, path: entry.slice(input.name.length + 1) };
  const [, head, path] = /^([^/\\=]+)=(.+)$/.exec(entry) ?? [];
  if (head !== undefined && path !== undefined) {
    const names = inputs.map(({ name }) => `"${name}"`).join(", ");
    throw problem("B702", `Found "${head}" as the name of an input; the model's inputs are ${names}.`, { file: path });
  }
  return { input: null, path: entry };
}

/** The samples in a file: one of the input's shape, or several along a first axis (which may stand for an axis of 1). */
function samplesOf(file: InputFile, { name, type }: InputDeclaration): Tensor[] {
  const tensor = file.format === ".csv" ? tableAs(file.tensor, type) : file.tensor;
  const { shape, element } = tensor.type;
  const at = { file: file.path, tensor: name };
  const stacked = (rest: readonly number[]): boolean => sameNumbers(shape.slice(1), rest);
  const several =
    (shape.length === type.shape.length + 1 && stacked(type.shape)) ||
    (shape.length === type.shape.length &&
      (shape[0] ?? 0) % (type.shape[0] ?? 1) === 0 &&
      stacked(type.shape.slice(1)));
  const count = sameNumbers(shape, type.shape) ? 1 : several ? product(shape) / elementCount(type) : 0;
  if (element !== type.element || count === 0) {
    throw problem("B702", `Input "${name}" is ${formatType(tensor.type)}, expected ${formatType(type)}.`, at);
  }
  const length = elementCount(type);
  const samples = Array.from({ length: count }, (_, index) =>
    makeTensor(type, tensor.data.subarray(index * length, (index + 1) * length)),
  );
  samples.forEach((sample, index) => {
    checkFinite(sample, { ...at, ...(count > 1 ? { path: `sample ${index}` } : {}) });
  });
  return samples;
}

/** A table as a tensor of the wanted type: its axes of 1 put back when it is one sample, one sample a row otherwise. */
function tableAs(table: Tensor, type: TensorType): Tensor {
  const [rows = 0, columns = 0] = table.type.shape;
  const long = type.shape.filter((size) => size !== 1);
  const tableLong = [rows, columns].filter((size) => size !== 1);
  const count = elementCount(type);
  const shape = sameNumbers(long, tableLong) ? type.shape : columns === count ? [rows, ...type.shape] : null;
  if (shape === null || product(shape) !== rows * columns) return table;
  const numbers = tensorNumbers(table);
  if (!isFloat(type.element) && !numbers.every((value) => Number.isInteger(value))) return table;
  return tensorOf({ ...table.type, element: type.element, shape }, numbers);
}

/** Throws B703 with the first element that is NaN or infinite. */
export function checkFinite(tensor: Tensor, at: Problem["at"]): void {
  if (!isFloat(tensor.type.element)) return;
  const numbers = tensorNumbers(tensor);
  const index = numbers.findIndex((value) => !Number.isFinite(value));
  if (index < 0) return;
  throw problem("B703", `Element ${index} is ${numbers[index]}, expected finite numbers.`, at);
}

/**
 * Seeded random samples: floats uniform in [−1, 1), whole numbers and truth values 0 or 1. Sample `first + k` of a seed is
 * the same whatever else is drawn.
 */
export function* randomFrames(
  inputs: readonly InputDeclaration[],
  count: number,
  seed: number,
  first = 0,
): Generator<Frame> {
  for (let index = first; index < first + count; index += 1) {
    const random = makeRandom((Math.imul(seed + 1, 0x9e3779b1) ^ Math.imul(index + 1, 0x85ebca6b)) >>> 0);
    yield new Map(
      inputs.map(({ name, type }) => {
        const draw = isFloat(type.element) ? () => 2 * random.uniform() - 1 : () => random.integer(0, 1);
        return [name, tensorOf(type, Float64Array.from({ length: elementCount(type) }, draw))];
      }),
    );
  }
}
