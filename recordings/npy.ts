import { problem } from "../base/errors.ts";
import { product } from "../base/math.ts";
import { makeTensor, type Tensor, type TensorData, viewData } from "../ir/tensor.ts";
import { type ElementType, elementBytes, tensorType } from "../ir/type.ts";

const descriptors: Readonly<Record<string, ElementType>> = {
  b1: "bool",
  i1: "i8",
  u1: "u8",
  i2: "i16",
  u2: "u16",
  i4: "i32",
  u4: "u32",
  i8: "i64",
  u8: "u64",
  f2: "f16",
  f4: "f32",
  f8: "f64",
};

const magic = "\u0093NUMPY";

/**
 * Reads a NumPy `.npy` file, format 1 to 3, little- or big-endian, C or Fortran order; data are a view of `bytes` where
 * they stand there as they are needed. Throws B701 for what is not such a file, for object arrays, and for truncated
 * data, with what was found.
 */
export function parseNpy(bytes: Uint8Array, file: string): Tensor {
  const refuse = (message: string, byte: number): never => {
    throw problem("B701", message, { file, byte });
  };
  const head = String.fromCharCode(...bytes.subarray(0, 6));
  if (head !== magic) refuse(`Found ${JSON.stringify(head)} at the start, expected a .npy file.`, 0);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const major = bytes[6] ?? 0;
  if (major < 1 || major > 3 || bytes.length < 12) refuse(`Found format version ${major}, expected 1, 2 or 3.`, 6);
  const headerBytes = major === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  const start = (major === 1 ? 10 : 12) + headerBytes;
  if (start > bytes.length) refuse(`The header ends at byte ${start}, the file at ${bytes.length}.`, 8);
  const header = new TextDecoder().decode(bytes.subarray(start - headerBytes, start));
  if (/'descr':\s*'[<>|=]?O\d*'/.test(header)) {
    refuse(
      "Found Python objects (a pickle, which only Python can read and which may run code), expected numbers; save them as an array of numbers.",
      start - headerBytes,
    );
  }
  const descriptor = /'descr':\s*'([<>|=])([a-zA-Z]\d+)'/.exec(header);
  const order = /'fortran_order':\s*(True|False)/.exec(header)?.[1];
  const shapeText = /'shape':\s*\(([\d,\s]*)\)/.exec(header)?.[1];
  const element = descriptors[descriptor?.[2] ?? ""];
  if (element === undefined || order === undefined || shapeText === undefined) {
    return refuse(
      `Found the header ${JSON.stringify(header.trim())}, expected descr (a number type), fortran_order and shape.`,
      start - headerBytes,
    );
  }
  const shape = shapeText
    .split(",")
    .map((text) => text.trim())
    .filter((text) => text !== "")
    .map(Number);
  const needed = product(shape) * elementBytes(element);
  if (bytes.length - start < needed) {
    refuse(
      `Found ${bytes.length - start} bytes of data, expected ${needed} for ${element}[${shape.join(",")}].`,
      start,
    );
  }
  // A plain Uint8Array: the slice of a Buffer would not copy.
  const stored = new Uint8Array(bytes.buffer, bytes.byteOffset + start, needed);
  const data = viewData(element, descriptor?.[1] === ">" ? swappedBytes(stored, elementBytes(element)) : stored);
  return makeTensor(tensorType(element, shape), order === "True" ? rowMajor(data, shape) : data);
}

/** Writes a tensor as a `.npy` file, format 1, C order, little-endian. Sub-byte integers are written as bytes. */
export function formatNpy(tensor: Tensor): Uint8Array {
  const bits = elementBytes(tensor.type.element);
  const entry = Object.entries(descriptors).find(([, element]) => element === tensor.type.element);
  const descr = entry?.[0] ?? (tensor.data instanceof Int8Array ? "i1" : "u1");
  const shape = tensor.type.shape.length === 1 ? `${tensor.type.shape[0]},` : tensor.type.shape.join(", ");
  const text = `{'descr': '${bits === 1 ? "|" : "<"}${descr}', 'fortran_order': False, 'shape': (${shape}), }`;
  const headerBytes = Math.ceil((10 + text.length + 1) / 64) * 64 - 10;
  const bytes = new Uint8Array(10 + headerBytes + tensor.data.byteLength);
  bytes.set([0x93, ...new TextEncoder().encode("NUMPY"), 1, 0, headerBytes & 255, headerBytes >> 8]);
  bytes.set(new TextEncoder().encode(`${text.padEnd(headerBytes - 1)}\n`), 10);
  bytes.set(new Uint8Array(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength), 10 + headerBytes);
  return bytes;
}

/** A copy with the bytes of each element in the other order. */
function swappedBytes(bytes: Uint8Array, width: number): Uint8Array {
  const swapped = bytes.slice();
  for (let start = 0; start < swapped.length; start += width) swapped.subarray(start, start + width).reverse();
  return swapped;
}

/** Column-major elements in row-major order. */
function rowMajor(data: TensorData, shape: readonly number[]): TensorData {
  const result = data.slice();
  const count = product(shape);
  const coordinate = shape.map(() => 0);
  for (let index = 0; index < count; index += 1) {
    let from = 0;
    for (let axis = shape.length - 1; axis >= 0; axis -= 1)
      from = from * (shape[axis] as number) + (coordinate[axis] as number);
    result[index] = data[from] as never;
    for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
      coordinate[axis] = (coordinate[axis] as number) + 1;
      if ((coordinate[axis] as number) < (shape[axis] as number)) break;
      coordinate[axis] = 0;
    }
  }
  return result;
}
