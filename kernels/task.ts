import { binaryArithmetic, comparisons } from "./arithmetic.ts";
import { isInteger, isSignedByte, isWide, type Storage, storageOf, storageRange, storedBytes } from "./element.ts";
import { f16BitsFromF64 } from "./float16.ts";
import type {
  BinaryFunction,
  Comparison,
  ContractionTask,
  ElementView,
  KernelFunction,
  ReduceTask,
  TableFunction,
  VectorTask,
} from "./kernels.ts";
import { tableFunctions } from "./table-names.ts";

/** What a function of the vector unit is, as far as its operands go. */
type Form =
  | "fill"
  | "copy"
  | "convert"
  | "number"
  | "integer"
  | "half"
  | "comparison"
  | "test"
  | "select"
  | "requantize"
  | "dequantize"
  | "quantize"
  | "reduction"
  | "half reduction"
  | "index";

const tableForms = Object.fromEntries(tableFunctions.map((name) => [name, "half"])) as Record<TableFunction, "half">;

const forms: Readonly<Record<KernelFunction, Form>> = {
  ...tableForms,
  fill: "fill",
  copy: "copy",
  convert: "convert",
  add: "number",
  subtract: "number",
  multiply: "number",
  divide: "number",
  modulo: "number",
  remainder: "number",
  power: "number",
  maximum: "number",
  minimum: "number",
  clip: "number",
  relu: "number",
  negate: "number",
  absolute: "number",
  sign: "number",
  and: "integer",
  or: "integer",
  xor: "integer",
  not: "integer",
  shift_left: "integer",
  shift_right: "integer",
  leaky_relu: "half",
  equal: "comparison",
  less: "comparison",
  less_or_equal: "comparison",
  greater: "comparison",
  greater_or_equal: "comparison",
  is_nan: "test",
  is_infinite: "test",
  select: "select",
  requantize: "requantize",
  dequantize: "dequantize",
  quantize: "quantize",
  sum: "reduction",
  mean: "reduction",
  mean_of_squares: "half reduction",
  product: "reduction",
  reduce_maximum: "reduction",
  reduce_minimum: "reduction",
  first_maximum_index: "index",
  last_maximum_index: "index",
  first_minimum_index: "index",
  last_minimum_index: "index",
};

/** Whether a function combines two operands of one type. */
export function isBinary(name: KernelFunction): name is BinaryFunction {
  return Object.hasOwn(binaryArithmetic, name);
}

/** Whether a function compares two operands. */
export function isComparison(name: KernelFunction): name is Comparison {
  return Object.hasOwn(comparisons, name);
}

function sourceCount(name: KernelFunction): number {
  const form = forms[name];
  if (form === "fill") return 0;
  if (form === "select") return 3;
  return isBinary(name) || isComparison(name) || form.endsWith("quantize") ? 2 : 1;
}

function refuse(task: VectorTask | ReduceTask): never {
  const sources = "sources" in task ? task.sources : [task.source];
  const elements = sources.map((source) => source.element).join(", ");
  throw new RangeError(`${task.function} does not take (${elements}) to ${task.destination.element}`);
}

/**
 * The operands of a vector task once its elements are found to fit its function; throws a RangeError otherwise.
 * `storage` is that of the values read: the first source's (of select the second's), or the destination's when there is none.
 */
export function checkVector(task: VectorTask): {
  readonly first: ElementView | null;
  readonly second: ElementView | null;
  readonly third: ElementView | null;
  readonly storage: Storage;
} {
  const { destination, sources } = task;
  const [first = null, second = null, third = null] = sources;
  if (sources.length !== sourceCount(task.function)) refuse(task);
  const form = forms[task.function];
  if (form === "copy" && first !== null) {
    if (storedBytes(first.element) !== storedBytes(destination.element)) refuse(task);
    return { first, second, third, storage: "i8" };
  }
  const storage = storageOf(((form === "select" ? second : first) ?? destination).element);
  if (!fits(form, storage, task)) refuse(task);
  return { first, second, third, storage };
}

/** Whether the elements of a vector task fit a function of the form; `storage` is as `checkVector` gives it. */
function fits(form: Form, storage: Storage, { function: name, sources, destination }: VectorTask): boolean {
  const [first, second, third] = sources;
  const result = storageOf(destination.element);
  const alike = second === undefined || second.element === "scale" || storageOf(second.element) === storage;
  const half = storage === "f16";
  switch (form) {
    case "fill":
    case "copy":
      return true;
    case "convert":
      return storage !== "f32" && result !== "f32";
    case "number":
      return alike && result === storage && (half || isInteger(storage));
    case "integer":
      return alike && result === storage && isInteger(storage);
    case "half":
      return result === storage && half;
    case "comparison":
      return alike && destination.element === "bool" && (half || isInteger(storage));
    case "test":
      return half && destination.element === "bool";
    case "select":
      return (
        first?.element === "bool" && result === storage && third !== undefined && storageOf(third.element) === storage
      );
    case "requantize":
      return (
        second?.element === "scale" && storage === "i32" && isInteger(result) && storedBytes(destination.element) <= 2
      );
    case "quantize":
      return second?.element === "scale" && half && isInteger(result) && !isWide(result);
    case "dequantize":
      return second?.element === "scale" && isInteger(storage) && !isWide(storage) && result === "f16";
    case "reduction":
    case "half reduction":
    case "index":
      throw new RangeError(`${name} is a reduction`);
  }
}

/** Throws a RangeError unless the elements of a reduction fit its function. Returns the storage of the source. */
export function checkReduction(task: ReduceTask): Storage {
  const form = forms[task.function];
  if (form !== "reduction" && form !== "half reduction" && form !== "index")
    throw new RangeError(`${task.function} is not a reduction`);
  const storage = storageOf(task.source.element);
  const result = storageOf(task.destination.element);
  const widened =
    task.function === "sum" && result === "i32" && isInteger(storage) && storedBytes(task.source.element) === 1;
  const fitting = form === "index" ? result === "i64" : result === storage || widened;
  if (storage === "f32" || !fitting || (form === "half reduction" && storage !== "f16")) refuse(task);
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

/** Whether activations and weights are signed; throws a RangeError when they are not narrow integers, or paired within a byte. */
export function contractionSigns({ activations, weights }: ContractionTask): readonly [boolean, boolean] {
  if (weights.layout === "paired" && !(Number.isInteger(weights.address) && Number.isInteger(weights.groupStride)))
    throw new RangeError("the paired weights of a group begin with a byte");
  return [isSignedByte(activations.element), isSignedByte(weights.element)];
}

/** An immediate of a vector task; throws a RangeError when it is missing. */
export function parameter(task: VectorTask, name: string): number {
  const value = task.parameters[name];
  if (value === undefined) throw new RangeError(`${task.function} lacks the parameter ${name}`);
  return value;
}

/** The bounds of `clip` or `relu` as stored: f16 bits, or integers, of at most 32 bits within the storage's range. */
export function clipBounds(task: VectorTask, storage: Storage): readonly [number, number] {
  const relu = task.function === "relu";
  const low = relu ? 0 : parameter(task, "low");
  const high = relu ? Number.POSITIVE_INFINITY : parameter(task, "high");
  if (storage === "f16") return [f16BitsFromF64(low), f16BitsFromF64(high)];
  if (isWide(storage)) return [Math.ceil(low), Math.floor(high)];
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
