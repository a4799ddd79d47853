import { isSignedByte, type Storage, storageOf, storageRange, storedBytes } from "./element.ts";
import { f16BitsFromF64 } from "./float16.ts";
import type { ContractionTask, ElementView, KernelFunction, ReduceTask, VectorTask } from "./kernels.ts";

/** What a function of the vector unit is, as far as its operands go. */
type Form =
  | "fill"
  | "copy"
  | "arithmetic"
  | "division"
  | "order"
  | "half"
  | "requantize"
  | "dequantize"
  | "quantize"
  | "reduction";

const forms: Readonly<Record<KernelFunction, Form>> = {
  fill: "fill",
  copy: "copy",
  add: "arithmetic",
  subtract: "arithmetic",
  multiply: "arithmetic",
  divide: "division",
  maximum: "order",
  minimum: "order",
  clip: "order",
  relu: "order",
  leaky_relu: "half",
  negate: "half",
  absolute: "half",
  square_root: "half",
  reciprocal: "half",
  exp: "half",
  log: "half",
  erf: "half",
  sigmoid: "half",
  tanh: "half",
  gelu: "half",
  gelu_tanh: "half",
  softplus: "half",
  requantize: "requantize",
  dequantize: "dequantize",
  quantize: "quantize",
  sum: "reduction",
  mean: "reduction",
  reduce_maximum: "reduction",
  reduce_minimum: "reduction",
};

const binaryFunctions: ReadonlySet<KernelFunction> = new Set([
  "add",
  "subtract",
  "multiply",
  "divide",
  "maximum",
  "minimum",
]);

function sourceCount(name: KernelFunction): number {
  const form = forms[name];
  if (form === "fill") return 0;
  return binaryFunctions.has(name) || form.endsWith("quantize") ? 2 : 1;
}

function refuse(task: VectorTask | ReduceTask): never {
  const sources = "sources" in task ? task.sources : [task.source];
  const elements = sources.map((source) => source.element).join(", ");
  throw new RangeError(`${task.function} does not take (${elements}) to ${task.destination.element}`);
}

/**
 * The operands of a vector task once its elements are found to fit its function; throws a RangeError otherwise.
 * `storage` is that of the values read: the first source's, or the destination's when there is none.
 */
export function checkVector(task: VectorTask): {
  readonly first: ElementView | null;
  readonly second: ElementView | null;
  readonly storage: Storage;
} {
  const { destination, sources } = task;
  const first = sources[0] ?? null;
  const second = sources[1] ?? null;
  if (sources.length !== sourceCount(task.function)) refuse(task);
  const form = forms[task.function];
  if (form === "copy" && first !== null) {
    if (storedBytes(first.element) !== storedBytes(destination.element)) refuse(task);
    return { first, second, storage: "i8" };
  }
  const storage = storageOf((first ?? destination).element);
  if (form === "requantize" || form === "quantize" || form === "dequantize") {
    const from =
      form === "quantize" ? storage === "f16" : form === "requantize" ? storage === "i32" : storageIsInteger(storage);
    const to = form === "dequantize" ? destination.element === "f16" : isNarrow(destination);
    if (!from || !to || second?.element !== "scale") refuse(task);
    return { first, second, storage };
  }
  const narrow = storage === "i8" || storage === "u8";
  if (form === "reduction") throw new RangeError(`${task.function} is a reduction`);
  if (form !== "fill" && storage === "f32") refuse(task);
  if (form === "arithmetic" && narrow) refuse(task);
  if ((form === "division" || form === "half") && storage !== "f16") refuse(task);
  if (storageOf(destination.element) !== storage) refuse(task);
  if (second !== null && storageOf(second.element) !== storage) refuse(task);
  return { first, second, storage };
}

function storageIsInteger(storage: Storage): boolean {
  return storage !== "f16" && storage !== "f32";
}

function isNarrow({ element }: ElementView): boolean {
  const storage = storageOf(element);
  return storage === "i8" || storage === "u8";
}

/** Throws a RangeError unless the elements of a reduction fit its function. Returns the storage of the source. */
export function checkReduction(task: ReduceTask): Storage {
  if (forms[task.function] !== "reduction") throw new RangeError(`${task.function} is not a reduction`);
  const storage = storageOf(task.source.element);
  const result = storage !== "f16" && task.function === "sum" ? "i32" : storage;
  if (storage === "f32" || storageOf(task.destination.element) !== result) refuse(task);
  if (task.divisor !== null && task.divisor.element !== "i32") {
    throw new RangeError(`expected a divisor of i32, found ${task.divisor.element}`);
  }
  return storage;
}

/** Throws a RangeError unless a float contraction is given f32, with strided weights. */
export function checkFloatContraction({ activations, weights }: ContractionTask): void {
  if (activations.element !== "f32" || weights.element !== "f32" || weights.layout !== "strided") {
    throw new RangeError(
      `expected f32 and strided f32, found ${activations.element} and ${weights.layout} ${weights.element}`,
    );
  }
}

/** Whether activations and weights are signed; throws a RangeError when they are not narrow integers. */
export function contractionSigns({ activations, weights }: ContractionTask): readonly [boolean, boolean] {
  return [isSignedByte(activations.element), isSignedByte(weights.element)];
}

/** An immediate of a vector task; throws a RangeError when it is missing. */
export function parameter(task: VectorTask, name: string): number {
  const value = task.parameters[name];
  if (value === undefined) throw new RangeError(`${task.function} lacks the parameter ${name}`);
  return value;
}

/** The bounds of `clip` or `relu` as stored: f16 bits, or integers within the storage's range. */
export function clipBounds(task: VectorTask, storage: Storage): readonly [number, number] {
  const relu = task.function === "relu";
  const low = relu ? 0 : parameter(task, "low");
  const high = relu ? Number.POSITIVE_INFINITY : parameter(task, "high");
  if (storage === "f16") return [f16BitsFromF64(low), f16BitsFromF64(high)];
  const range = storageRange(storage);
  return [
    Math.ceil(Math.max(range.low, Math.min(range.high, low))),
    Math.floor(Math.max(range.low, Math.min(range.high, high))),
  ];
}

/** The bits that `fill` stores: a number rounded to f16 or f32, or an integer, of which the low bits are kept. */
export function fillBits(storage: Storage, value: number): number {
  if (storage === "f16") return f16BitsFromF64(value);
  return storage === "f32" ? (new Int32Array(Float32Array.of(value).buffer)[0] as number) : value | 0;
}
