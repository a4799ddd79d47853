import { type ElementName, type Storage, storageOf, storedBytes } from "./element.ts";
import {
  binaryCodes,
  bitsCodes,
  comparisonCodes,
  fastForm,
  isFastReduction,
  reductionCodes,
  storageCodes,
} from "./fast-functions.ts";
import type {
  ContractionTask,
  CopyTask,
  ElementView,
  KernelFunction,
  Kernels,
  PackedCopyTask,
  PairingTask,
  ReduceTask,
  TableFunction,
  VectorTask,
} from "./kernels.ts";
import * as layout from "./layout.ts";
import { writeLoops } from "./loops.ts";
import { type PackedAddress, packedAddress, packedBits, packedStrides } from "./packed.ts";
import { reduce as plainReduce } from "./plain/reduction.ts";
import { vector as plainVector } from "./plain/vector.ts";
import { tableFunctions } from "./table-names.ts";
import { functionTable } from "./tables.ts";
import {
  checkFloatContraction,
  checkReduction,
  checkVector,
  clipBounds,
  contractionSigns,
  fillBits,
  isComparison,
  parameter,
} from "./task.ts";
import { compileKernels, instantiateKernels, type KernelExports } from "./wasm-module.ts";

const firstLoops = layout.firstLoops / 4;
const secondLoops = layout.secondLoops / 4;

const startCodes = {
  zero: layout.startZero,
  accumulate: layout.startAccumulate,
  bias: layout.startBias,
} as const;

const tablePlaces: ReadonlyMap<KernelFunction, number> = new Map(tableFunctions.map((name, index) => [name, index]));

/** How the module is told of an operand: `shift` is 0 for one that is not packed, else places are elements after an address. */
interface OperandForm {
  readonly shift: number;
  readonly strides: (list: readonly number[]) => readonly number[];
  readonly place: (address: number) => PackedAddress;
}

const inBytes: OperandForm = { shift: 0, strides: (list) => list, place: (address) => ({ address, unit: 0 }) };

function packedForm(bits: 4 | 2): OperandForm {
  return {
    shift: bits === 4 ? 1 : 2,
    strides: (list) => packedStrides(list, bits),
    place: (address) => packedAddress(address, bits),
  };
}

const packedForms = { 4: packedForm(4), 2: packedForm(2) };

function operandForm(operand: { readonly element: ElementName; readonly packed?: boolean }): OperandForm {
  return operand.packed ? packedForms[packedBits(operand.element)] : inBytes;
}

/** Kernels in WASM SIMD; see `wasmKernels`. */
class WasmKernels implements Kernels {
  readonly memory: WebAssembly.Memory;
  readonly #exports: KernelExports;
  readonly #scratch: number;
  readonly #loadedTables = new Set<number>();
  #scratchWords: Int32Array;

  constructor(memory: WebAssembly.Memory, scratch: number, module: WebAssembly.Module) {
    if (scratch % 16 !== 0 || scratch + layout.scratchBytes > memory.buffer.byteLength) {
      throw new RangeError(`scratch memory at ${scratch} is not aligned to 16 bytes, or ends outside the memory`);
    }
    this.memory = memory;
    this.#scratch = scratch;
    this.#exports = instantiateKernels(module, memory);
    this.#scratchWords = new Int32Array(memory.buffer, scratch, 128);
  }

  contract(task: ContractionTask): void {
    const { activations, weights, groups, columns, inner } = task;
    const [signedActivations, signedWeights] = contractionSigns(task);
    const words = this.#words();
    const paired = weights.layout === "paired";
    const first = operandForm(activations);
    const second = operandForm(weights);
    const rowCount = writeLoops(words, firstLoops, task.rows, first.strides(activations.rowStrides), 0, null, null);
    const weightStrides = paired ? null : second.strides(weights.innerStrides);
    const activationStrides = first.strides(activations.innerStrides);
    const innerCount = writeLoops(words, secondLoops, inner, activationStrides, 0, weightStrides, null);
    if (rowCount === 0 || columns === 0) return;
    for (let group = 0; group < groups; group += 1) {
      const activationPlace = first.place(activations.address + group * activations.groupStride);
      const weightPlace = second.place(weights.address + group * weights.groupStride);
      this.#exports.contract(
        this.#scratch,
        rowCount,
        innerCount,
        columns,
        activationPlace.address,
        first.shift,
        activationPlace.unit,
        signedActivations ? 1 : 0,
        weightPlace.address,
        second.shift,
        weightPlace.unit,
        signedWeights ? 1 : 0,
        paired ? 1 : 0,
        weights.columnStride * (1 << second.shift),
        task.partial + group * rowCount * columns * 4,
        startCodes[task.start],
        task.bias + group * columns * 4,
      );
    }
  }

  contractFloat(task: ContractionTask): void {
    checkFloatContraction(task);
    const { activations, weights, groups, columns, inner } = task;
    const words = this.#words();
    const rowCount = writeLoops(words, firstLoops, task.rows, activations.rowStrides, 0, null, null);
    const innerCount = writeLoops(words, secondLoops, inner, activations.innerStrides, 0, weights.innerStrides, null);
    if (rowCount === 0 || columns === 0) return;
    for (let group = 0; group < groups; group += 1) {
      this.#exports.contractFloat(
        this.#scratch,
        rowCount,
        innerCount,
        columns,
        activations.address + group * activations.groupStride,
        weights.address + group * weights.groupStride,
        weights.columnStride,
        task.partial + group * rowCount * columns * 4,
        startCodes[task.start],
        task.bias + group * columns * 4,
      );
    }
  }

  pairWeights({ groups, inner, columns, source, destination }: PairingTask): void {
    // The nest's first operand is not read here; giving it the same strides keeps the merging right.
    const { innerStrides } = source;
    const count = writeLoops(this.#words(), secondLoops, inner, innerStrides, 0, innerStrides, null);
    const bytes = Math.ceil(count / 2) * columns * 2;
    for (let group = 0; group < groups; group += 1) {
      const from = source.address + group * source.groupStride;
      this.#exports.pairWeights(this.#scratch, count, columns, from, source.columnStride, destination + group * bytes);
    }
  }

  vector(task: VectorTask): void {
    const operands = checkVector(task);
    const { third, storage } = operands;
    const swapped = isComparison(task.function) && comparisonCodes[task.function].swapped;
    const first = swapped ? operands.second : operands.first;
    const second = swapped ? operands.first : operands.second;
    const form = fastForm(task, storage);
    if (form === null) {
      plainVector(new DataView(this.memory.buffer), task);
      return;
    }
    const { destination, counts } = task;
    const strides = [first?.strides ?? null, second?.strides ?? null, third?.strides ?? null] as const;
    const total = writeLoops(this.#words(), firstLoops, counts, destination.strides, 0, ...strides);
    if (total === 0) return;
    if (first === null) {
      const bits = fillBits(storage, parameter(task, "value"));
      this.#exports.fill(this.#scratch, storedBytes(destination.element), destination.address, bits);
    } else if (second === null) this.#unary(task, first, storage);
    else if (third !== null) {
      const bytes = storedBytes(destination.element);
      this.#exports.select(this.#scratch, bytes, destination.address, first.address, second.address, third.address);
    } else this.#binary(task, first, second, storage);
  }

  #unary(task: VectorTask, source: ElementView, storage: Storage): void {
    const target = task.destination.address;
    switch (task.function) {
      case "copy":
        this.#exports.copy(this.#scratch, storedBytes(source.element), target, source.address);
        break;
      case "convert": {
        const { element } = task.destination;
        const to = element === "bool" ? layout.storageBool : storageCodes[storageOf(element)];
        this.#exports.convert(this.#scratch, storageCodes[storage], to, target, source.address);
        break;
      }
      case "relu":
      case "clip": {
        const [low, high] = clipBounds(task, storage);
        this.#exports.clip(this.#scratch, storageCodes[storage], target, source.address, low, high);
        break;
      }
      case "leaky_relu":
        this.#exports.leakyRelu(this.#scratch, target, source.address, parameter(task, "alpha"));
        break;
      case "negate":
        this.#exports.sign(this.#scratch, target, source.address, 0xffff, 0x8000);
        break;
      case "absolute":
        this.#exports.sign(this.#scratch, target, source.address, 0x7fff, 0);
        break;
      default:
        this.#exports.lookup(this.#scratch, target, source.address, this.#table(task.function));
    }
  }

  #binary(task: VectorTask, first: ElementView, second: ElementView, storage: Storage): void {
    const target = task.destination.address;
    const code = storageCodes[storage];
    const binaryCode = binaryCodes[task.function];
    const bitsCode = bitsCodes[task.function];
    if (isComparison(task.function)) {
      this.#exports.compare(
        this.#scratch,
        comparisonCodes[task.function].code,
        code,
        target,
        first.address,
        second.address,
      );
    } else if (bitsCode !== undefined) {
      const bytes = storedBytes(task.destination.element);
      this.#exports.bits(this.#scratch, bitsCode, bytes, target, first.address, second.address);
    } else if (binaryCode !== undefined) {
      this.#exports.binary(this.#scratch, binaryCode, code, target, first.address, second.address);
    } else if (task.function === "dequantize") {
      const zero = parameter(task, "zero");
      this.#exports.dequantize(this.#scratch, code, target, first.address, second.address, zero);
    } else {
      this.#exports.toNarrow(
        this.#scratch,
        storage === "f16" ? 1 : 0,
        target,
        first.address,
        second.address,
        parameter(task, "zero"),
        parameter(task, "low"),
        parameter(task, "high"),
      );
    }
  }

  reduce(task: ReduceTask): void {
    const storage = checkReduction(task);
    const { source, destination, divisor, counts } = task;
    if (!isFastReduction(task, storage)) {
      plainReduce(new DataView(this.memory.buffer), task);
      return;
    }
    const words = this.#words();
    const divisorStrides = divisor?.strides ?? null;
    const total = writeLoops(words, firstLoops, counts, destination.strides, 0, source.strides, divisorStrides);
    const size = writeLoops(words, secondLoops, task.inner, source.strides, counts.length, null, null);
    if (size === 0) throw new RangeError(`${task.function} of no elements`);
    if (total === 0) return;
    this.#exports.reduce(
      this.#scratch,
      reductionCodes[task.function] as number,
      storageCodes[storage],
      destination.address,
      source.address,
      divisor?.address ?? 0,
      size,
    );
  }

  copy({ counts, elementBytes, source, destination }: CopyTask): void {
    const total = writeLoops(this.#words(), firstLoops, counts, destination.strides, 0, source.strides, null);
    if (total > 0) this.#exports.copy(this.#scratch, elementBytes, destination.address, source.address);
  }

  copyPacked({ counts, element, source, destination }: PackedCopyTask): void {
    const bits = packedBits(element);
    const form = { shift: bits === 4 ? 1 : 2, signed: element.startsWith("i") ? 1 : 0 };
    const to = operandForm({ element, packed: destination.packed });
    const from = operandForm({ element, packed: source.packed });
    const strides = to.strides(destination.strides);
    const total = writeLoops(this.#words(), firstLoops, counts, strides, 0, from.strides(source.strides), null);
    if (total === 0) return;
    const [target, origin] = [to.place(destination.address), from.place(source.address)];
    this.#exports.copyPacked(
      this.#scratch,
      form.shift,
      form.signed,
      destination.packed ? 1 : 0,
      target.address,
      target.unit,
      source.packed ? 1 : 0,
      origin.address,
      origin.unit,
    );
  }

  halfFromFloat(count: number, source: number, destination: number): void {
    this.#exports.halfFromFloat(count, source, destination);
  }

  floatFromHalf(count: number, source: number, destination: number): void {
    this.#exports.floatFromHalf(count, source, destination);
  }

  /** The loop nests in scratch memory; growing the memory detaches views of it. */
  #words(): Int32Array {
    const { buffer } = this.memory;
    if (this.#scratchWords.buffer !== buffer) this.#scratchWords = new Int32Array(buffer, this.#scratch, 128);
    return this.#scratchWords;
  }

  /** The address of a function's table, which is made on first use. */
  #table(name: KernelFunction): number {
    const place = tablePlaces.get(name);
    if (place === undefined) throw new RangeError(`${name} has no table`);
    const address = this.#scratch + layout.tables + place * layout.tableBytes;
    if (!this.#loadedTables.has(place)) {
      new Uint16Array(this.memory.buffer, address, 65536).set(functionTable(tableFunctions[place] as TableFunction));
      this.#loadedTables.add(place);
    }
    return address;
  }
}

/**
 * Kernels in WASM SIMD on a memory, of which they own `scratchBytes` (see layout.ts) from the address `scratch` on, a
 * multiple of 16. Tables of functions are made on first use. The memory may grow at any time. Compile the module once
 * and pass it when there are many instances. Throws when the module was not built (`npm run build:wasm`).
 */
export function wasmKernels(
  memory: WebAssembly.Memory,
  scratch: number,
  module: WebAssembly.Module = compileKernels(),
): Kernels {
  return new WasmKernels(memory, scratch, module);
}
