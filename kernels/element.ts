/** The name of an element type as the IR has it, or `scale`: a pair of i32 (M, s). */
export type ElementName =
  | "bool"
  | "i2"
  | "u2"
  | "i4"
  | "u4"
  | "i8"
  | "u8"
  | "i16"
  | "u16"
  | "i32"
  | "u32"
  | "i64"
  | "u64"
  | "f16"
  | "bf16"
  | "f32"
  | "f64"
  | "scale";

/** How the kernels store what they compute on. */
export type Storage = "i8" | "u8" | "i16" | "u16" | "i32" | "u32" | "i64" | "u64" | "f16" | "f32";

const forms: Readonly<Record<ElementName, { readonly bytes: number; readonly storage: Storage | null }>> = {
  bool: { bytes: 1, storage: "u8" },
  i2: { bytes: 1, storage: "i8" },
  u2: { bytes: 1, storage: "u8" },
  i4: { bytes: 1, storage: "i8" },
  u4: { bytes: 1, storage: "u8" },
  i8: { bytes: 1, storage: "i8" },
  u8: { bytes: 1, storage: "u8" },
  i16: { bytes: 2, storage: "i16" },
  u16: { bytes: 2, storage: "u16" },
  i32: { bytes: 4, storage: "i32" },
  u32: { bytes: 4, storage: "u32" },
  i64: { bytes: 8, storage: "i64" },
  u64: { bytes: 8, storage: "u64" },
  f16: { bytes: 2, storage: "f16" },
  bf16: { bytes: 2, storage: null },
  f32: { bytes: 4, storage: "f32" },
  f64: { bytes: 8, storage: null },
  scale: { bytes: 8, storage: null },
};

/** Bytes of an element in the kernels' memory. */
export function storedBytes(element: ElementName): number {
  return forms[element].bytes;
}

/** How an element is stored; throws a RangeError for a type that the kernels do not compute on. */
export function storageOf(element: ElementName): Storage {
  const { storage } = forms[element];
  if (storage === null) throw new RangeError(`the kernels do not compute on ${element}`);
  return storage;
}

/** Whether the bytes of a narrow integer are signed; throws a RangeError for any other type. */
export function isSignedByte(element: ElementName): boolean {
  const { storage } = forms[element];
  if (storage !== "i8" && storage !== "u8")
    throw new RangeError(`expected integers of at most 8 bits, found ${element}`);
  return storage === "i8";
}

/** Whether numbers of a storage are 64-bit integers, which are read and written as bigint. */
export function isWide(storage: Storage): storage is "i64" | "u64" {
  return storage === "i64" || storage === "u64";
}

/** Whether a storage holds integers. */
export function isInteger(storage: Storage): boolean {
  return storage !== "f16" && storage !== "f32";
}

const ranges: Readonly<Partial<Record<Storage, readonly [low: number, high: number]>>> = {
  i8: [-128, 127],
  u8: [0, 255],
  i16: [-32768, 32767],
  u16: [0, 65535],
  i32: [-2147483648, 2147483647],
  u32: [0, 4294967295],
};

/** The least and greatest number of an integer storage of at most 32 bits; throws a RangeError for others. */
export function storageRange(storage: Storage): { readonly low: number; readonly high: number } {
  const range = ranges[storage];
  if (range === undefined) throw new RangeError(`${storage} is not an integer of at most 32 bits`);
  return { low: range[0], high: range[1] };
}

/** A whole number as an element type of at most 32 bits holds it: the low bits kept, or whether it is not 0 for bool. */
export function wrapInteger(element: ElementName, value: number): number {
  if (element === "bool") return value === 0 ? 0 : 1;
  const unused = unusedBits[element];
  if (unused === undefined) return value;
  return element.startsWith("i") ? (value << unused) >> unused : (value << unused) >>> unused;
}

/** Bits of an i32 that a type of less than a byte leaves unused. */
const unusedBits: Readonly<Partial<Record<ElementName, number>>> = { i2: 30, u2: 30, i4: 28, u4: 28 };
