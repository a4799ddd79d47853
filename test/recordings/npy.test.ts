import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BorealError } from "../../base/errors.ts";
import { allocateData, makeTensor, type Tensor } from "../../ir/tensor.ts";
import { type ElementType, elementCount, tensorType } from "../../ir/type.ts";
import { formatNpy, parseNpy } from "../../recordings/npy.ts";

/** A `.npy` file by hand: magic, version, header and data. */
function npyFile(header: string, data: readonly number[], version = 1): Uint8Array {
  const text = new TextEncoder().encode(header);
  const length = version === 1 ? [text.length & 255, text.length >> 8] : [text.length & 255, text.length >> 8, 0, 0];
  return Uint8Array.from([0x93, ...new TextEncoder().encode("NUMPY"), version, 0, ...length, ...text, ...data]);
}

const headerOf = (descr: string, shape: string, fortran = "False"): string =>
  `{'descr': '${descr}', 'fortran_order': ${fortran}, 'shape': ${shape}, }\n`;

function problemOf(bytes: Uint8Array): { code: string; message: string; byte: number | undefined } {
  try {
    parseNpy(bytes, "x.npy");
  } catch (error) {
    expect(error).toBeInstanceOf(BorealError);
    const [first] = (error as BorealError).problems;
    expect(first?.at.file).toBe("x.npy");
    return { code: first?.code ?? "", message: first?.message ?? "", byte: first?.at.byte };
  }
  throw new Error("nothing was refused");
}

describe("reading .npy files", () => {
  it("reads little-endian 16-bit integers byte by byte", () => {
    const tensor = parseNpy(npyFile(headerOf("<i2", "(2, 2)"), [1, 0, 255, 255, 0, 1, 0, 128]), "x.npy");
    expect(tensor.type).toEqual(tensorType("i16", [2, 2]));
    expect([...(tensor.data as Int16Array)]).toEqual([1, -1, 256, -32768]);
  });

  it("reads big-endian floats and leaves the given bytes alone", () => {
    const bytes = npyFile(headerOf(">f4", "(2,)"), [0x3f, 0x80, 0, 0, 0xc0, 0x20, 0, 0]);
    const before = bytes.slice();
    const file = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    expect([...(parseNpy(file, "x.npy").data as Float32Array)]).toEqual([1, -2.5]);
    expect(bytes).toEqual(before);
  });

  it("puts column-major elements in row-major order", () => {
    // [[1, 2, 3], [4, 5, 6]] by columns.
    const tensor = parseNpy(npyFile(headerOf("|u1", "(2, 3)", "True"), [1, 4, 2, 5, 3, 6]), "x.npy");
    expect([...(tensor.data as Uint8Array)]).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it("puts three column-major axes in row-major order", () => {
    const [a, b, c] = [2, 3, 4];
    const stored: number[] = [];
    for (let k = 0; k < c; k += 1)
      for (let j = 0; j < b; j += 1) for (let i = 0; i < a; i += 1) stored.push(100 * i + 10 * j + k);
    const { data } = parseNpy(npyFile(headerOf("|u1", "(2, 3, 4)", "True"), stored), "x.npy");
    expect(data[(1 * b + 2) * c + 3]).toBe(123);
    expect(data[(0 * b + 1) * c + 2]).toBe(12);
  });

  it("reads version 2 headers, which have four bytes of length", () => {
    expect([...(parseNpy(npyFile(headerOf("|i1", "(3,)"), [1, 2, 255], 2), "x.npy").data as Int8Array)]).toEqual([
      1, 2, -1,
    ]);
  });

  it("reads a single number and an empty array", () => {
    expect(parseNpy(npyFile(headerOf("|u1", "()"), [7]), "x.npy").type.shape).toEqual([]);
    expect(parseNpy(npyFile(headerOf("|u1", "(0, 4)"), []), "x.npy").data.length).toBe(0);
  });

  it("reads a file that lies at an odd address in memory", () => {
    const bytes = npyFile(headerOf("<f4", "(1,)"), [0, 0, 0x80, 0x3f]);
    const memory = new Uint8Array(bytes.length + 1);
    memory.set(bytes, 1);
    expect(parseNpy(Buffer.from(memory.buffer, 1, bytes.length), "x.npy").data[0]).toBe(1);
  });
});

describe("refusing .npy files", () => {
  it("names what stands where the magic should", () => {
    expect(problemOf(new TextEncoder().encode("a,b\n1,2\n3,4\n5,6"))).toEqual({
      code: "B701",
      message: 'Found "a,b\\n1," at the start, expected a .npy file.',
      byte: 0,
    });
  });

  it("refuses an unknown version", () => {
    expect(problemOf(npyFile(headerOf("<f4", "(1,)"), [0, 0, 0, 0], 9)).message).toBe(
      "Found format version 9, expected 1, 2 or 3.",
    );
  });

  it("refuses a header that ends after the file", () => {
    const bytes = npyFile(headerOf("<f4", "(1,)"), []);
    expect(problemOf(bytes.subarray(0, 30)).message).toBe(`The header ends at byte ${bytes.length}, the file at 30.`);
  });

  it("states how many bytes of data are missing", () => {
    expect(problemOf(npyFile(headerOf("<f4", "(2, 3)"), [1, 2, 3])).message).toBe(
      "Found 3 bytes of data, expected 24 for f32[2,3].",
    );
  });

  it("refuses Python objects, with what to do", () => {
    for (const descr of ["|O8", "|O", "O"]) {
      const { code, message } = problemOf(npyFile(headerOf(descr, "(1,)"), [0]));
      expect(code).toBe("B701");
      expect(message).toContain("Found Python objects");
      expect(message).toContain("save them as an array of numbers");
    }
    expect(problemOf(npyFile(headerOf("<U4", "(1,)"), [0])).message).toContain("expected descr (a number type)");
  });
});

describe("writing .npy files", () => {
  const elements: readonly ElementType[] = ["bool", "i8", "u8", "i16", "u16", "i32", "u32", "i64", "f16", "f32", "f64"];

  it("gives what is read back as the same tensor", () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...elements),
        fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 }),
        fc.integer(),
        (element, shape, seed) => {
          const type = tensorType(element, shape);
          const data = allocateData(element, elementCount(type));
          const bytes = new Uint8Array(data.buffer);
          for (let index = 0; index < bytes.length; index += 1)
            bytes[index] = Math.imul(seed, index + 1) & (element === "bool" ? 1 : 63);
          const read = parseNpy(formatNpy(makeTensor(type, data)), "x.npy");
          expect(read.type).toEqual(type);
          expect(read.data).toEqual(data);
        },
      ),
    );
  });

  it("pads the header so that data begin at a multiple of 64 bytes", () => {
    const bytes = formatNpy(makeTensor(tensorType("f32", [2]), Float32Array.of(1, 2)));
    expect(bytes.length).toBe(64 * 2 + 8);
    expect(new TextDecoder().decode(bytes.subarray(10, 128))).toMatch(
      /^\{'descr': '<f4', 'fortran_order': False, 'shape': \(2,\), \} *\n$/,
    );
  });

  it("writes 4-bit integers as bytes", () => {
    const tensor: Tensor = makeTensor(tensorType("i4", [2]), Int8Array.of(-8, 7));
    expect(parseNpy(formatNpy(tensor), "x.npy")).toEqual(makeTensor(tensorType("i8", [2]), Int8Array.of(-8, 7)));
  });
});
