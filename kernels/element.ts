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
export type Storage = "i8" | "u8" | "i32" | "f16" | "f32";

const forms: Readonly<Record<ElementName, { readonly bytes: number; readonly storage: Storage | null }>> = {
  bool: { bytes: 1, storage: "u8" },
  i2: { bytes: 1, storage: "i8" },
  u2: { bytes: 1, storage: "u8" },
  i4: { bytes: 1, storage: "i8" },
  u4: { bytes: 1, storage: "u8" },
  i8: { bytes: 1, storage: "i8" },
  u8: { bytes: 1, storage: "u8" },
  i16: { bytes: 2, storage: null },
  u16: { bytes: 2, storage: null },
  i32: { bytes: 4, storage: "i32" },
  u32: { bytes: 4, storage: null },
  i64: { bytes: 8, storage: null },
  u64: { bytes: 8, storage: null },
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

/** The least and greatest number of an integer storage; throws a RangeError for floats. */
export function storageRange(storage: Storage): { readonly low: number; readonly high: number } {
  if (storage === "i8") return { low: -128, high: 127 };
  if (storage === "u8") return { low: 0, high: 255 };
  if (storage === "i32") return { low: -2147483648, high: 2147483647 };
  throw new RangeError(`${storage} is not an integer`);
}
