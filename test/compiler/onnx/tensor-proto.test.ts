import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BorealError } from "../../../base/errors.ts";
import { decodeTensorProto, encodeTensorProto } from "../../../compiler/onnx/codec.ts";
import type { TensorProto } from "../../../compiler/onnx/proto-types.ts";
import { dataTypes, packSubBytes, readTensorProto, unpackSubBytes } from "../../../compiler/onnx/tensor-proto.ts";
import { allocateData, type Tensor, type TensorData } from "../../../ir/tensor.ts";
import { type ElementType, elementTypes, tensorType } from "../../../ir/type.ts";

/** Stored numbers that reach the ends of each type, six each; f16 and bf16 as bits. */
const stored: Readonly<Record<ElementType, readonly (number | bigint)[]>> = {
  bool: [0, 1, 1, 0, 1, 0],
  i2: [-2, 1, 0, -1, 1, -2],
  u2: [0, 3, 1, 2, 3, 0],
  i4: [-8, 7, 0, -1, 3, 5],
  u4: [0, 15, 8, 1, 7, 9],
  i8: [-128, 127, 0, -1, 3, 5],
  u8: [0, 255, 128, 1, 7, 9],
  i16: [-32768, 32767, 0, -1, 300, 5],
  u16: [0, 65535, 32768, 1, 300, 9],
  i32: [-2147483648, 2147483647, 0, -1, 70000, 5],
  u32: [0, 4294967295, 2147483648, 1, 70000, 9],
  i64: [-(2n ** 63n), 2n ** 63n - 1n, 0n, -1n, 2n ** 53n + 1n, 5n],
  u64: [0n, 2n ** 64n - 1n, 2n ** 63n, 1n, 2n ** 53n + 1n, 9n],
  f16: [0x3c00, 0xbc00, 0x7bff, 0x0001, 0x7c00, 0x8000],
  bf16: [0x3f80, 0xbf80, 0x7f7f, 0x0001, 0x7f80, 0x8000],
  f32: [1.5, -2.25, 3.4028234663852886e38, 2 ** -149, 0, -0],
  f64: [1.1, -2.2, 1.7976931348623157e308, 5e-324, 0, -0],
};

const elements = Object.keys(elementTypes) as ElementType[];

function tensorOfStored(element: ElementType): Tensor {
  const data = allocateData(element, 6);
  stored[element].forEach((value, index) => {
    (data as unknown as (number | bigint)[])[index] = value;
  });
  return { type: tensorType(element, [2, 3]), data };
}

/** The same tensor with its elements in the typed field that ONNX prescribes. */
function typedProto(element: ElementType): TensorProto {
  const numbers = stored[element].map(Number);
  const base = { dims: [2, 3], dataType: dataTypes[element] };
  switch (element) {
    case "f32":
      return { ...base, floatData: numbers };
    case "f64":
      return { ...base, doubleData: numbers };
    case "u32":
      return { ...base, uint64Data: numbers };
    case "i2":
      return { ...base, int32Data: [0b11_00_01_10, 0b00_00_10_01] };
    case "u2":
      return { ...base, int32Data: [0b10_01_11_00, 0b00_00_00_11] };
    case "i4":
      return { ...base, int32Data: [0x78, 0xf0, 0x53] };
    case "u4":
      return { ...base, int32Data: [0xf0, 0x18, 0x97] };
    default:
      return { ...base, int32Data: numbers };
  }
}

function codeOf(action: () => unknown): string {
  try {
    action();
  } catch (error) {
    if (error instanceof BorealError) return error.problems.map(({ code }) => code).join(" ");
    throw error;
  }
  return "none";
}

const listed = (data: TensorData): (number | bigint)[] => Array.from(data as unknown as ArrayLike<number | bigint>);

describe("tensor protos", () => {
  it.each(elements)("decode what they encode, for %s", (element) => {
    const tensor = tensorOfStored(element);
    const decoded = decodeTensorProto(encodeTensorProto(tensor));
    expect(decoded.type).toEqual(tensor.type);
    expect(decoded.data.constructor).toBe(tensor.data.constructor);
    expect(listed(decoded.data)).toEqual(listed(tensor.data));
  });

  it.each(elements.filter((element) => element !== "i64" && element !== "u64"))(
    "read %s from its typed field",
    (element) => {
      expect(listed(readTensorProto(typedProto(element), {}).data)).toEqual(stored[element]);
    },
  );

  it("read 64-bit integers from their typed fields without loss", async () => {
    const { default: Long } = await import("long");
    const i64 = stored.i64.map((value) => Long.fromString(String(value)));
    expect(listed(readTensorProto({ dims: [6], dataType: 7, int64Data: i64 }, {}).data)).toEqual(stored.i64);
    const u64 = stored.u64.map((value) => Long.fromString(String(value), true));
    expect(listed(readTensorProto({ dims: [6], dataType: 13, uint64Data: u64 }, {}).data)).toEqual(stored.u64);
  });

  it("read scalars, and empty tensors without data", () => {
    expect(listed(readTensorProto({ dataType: 1, floatData: [2.5] }, {}).data)).toEqual([2.5]);
    expect(readTensorProto({ dims: [0, 4], dataType: 1 }, {}).data).toHaveLength(0);
  });

  it("make any non-zero byte of a bool true", () => {
    const proto = { dims: [3], dataType: 9, rawData: Uint8Array.of(0, 2, 255) };
    expect(listed(readTensorProto(proto, {}).data)).toEqual([0, 1, 1]);
  });

  it("view aligned raw data without a copy", () => {
    const file = new Uint8Array(64);
    const data = readTensorProto({ dims: [4], dataType: 1, rawData: file.subarray(16, 32) }, {}).data;
    expect(data.buffer).toBe(file.buffer);
    expect(readTensorProto({ dims: [4], dataType: 1, rawData: file.subarray(17, 33) }, {}).data.buffer).not.toBe(
      file.buffer,
    );
  });

  it("pack sub-byte integers low bits first", () => {
    expect([...packSubBytes("i4", [-8, 7, -1])]).toEqual([0x78, 0x0f]);
    expect([...packSubBytes("u2", [0, 3, 1, 2, 3])]).toEqual([0b10_01_11_00, 0b11]);
  });

  it("unpack any sub-byte integers that were packed", () => {
    fc.assert(
      fc.property(
        fc.constantFrom("i2", "u2", "i4", "u4"),
        fc.array(fc.integer({ min: 0, max: 15 })),
        (element: ElementType, raw) => {
          const { bits, signed } = elementTypes[element];
          const values = raw.map((value) => (value % 2 ** bits) - (signed ? 2 ** (bits - 1) : 0));
          expect(listed(unpackSubBytes(element, packSubBytes(element, values), values.length))).toEqual(values);
        },
      ),
    );
  });

  it.each([
    ["too few raw bytes", { dims: [2], dataType: 1, rawData: new Uint8Array(7) }, "B115"],
    ["too few typed elements", { dims: [3], dataType: 1, floatData: [1, 2] }, "B115"],
    ["no data", { dims: [3], dataType: 1 }, "B115"],
    ["data in the wrong field", { dims: [1], dataType: 1, int32Data: [1] }, "B115"],
    ["data in two fields", { dims: [1], dataType: 1, floatData: [1], rawData: new Uint8Array(4) }, "B115"],
    ["a negative size", { dims: [-1], dataType: 1 }, "B115"],
    ["text", { dims: [1], dataType: 8, stringData: [new Uint8Array(1)] }, "B115"],
    ["an unknown type", { dims: [1], dataType: 99 }, "B115"],
    ["a segment", { dims: [1], dataType: 1, segment: { begin: 0, end: 1 }, floatData: [1] }, "B115"],
    ["too many elements", { dims: [65536, 65536], dataType: 1 }, "B117"],
    ["data in another file", { dims: [1], dataType: 1, dataLocation: 1 }, "B108"],
  ] as const)("are refused with %s", (_, proto, code) => {
    expect(codeOf(() => readTensorProto({ ...proto } as unknown as TensorProto, {}))).toBe(code);
  });

  it("say the found and the expected byte count", () => {
    const proto = { dims: [2, 2], dataType: 1, rawData: new Uint8Array(15) };
    expect(() => readTensorProto(proto, { tensor: "w" })).toThrow(
      'tensor "w": error[B115]: Found 15 bytes of data; f32[2,2] needs 16.',
    );
  });
});
