import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BorealError } from "../../../base/errors.ts";
import { decodeModel, decodeTensorProto, encodeModel } from "../../../compiler/onnx/codec.ts";
import { importOnnx } from "../../../compiler/onnx/importer.ts";
import { writeModel } from "../../../compiler/onnx/write-model.ts";
import { f32Tensor } from "../../../ir/tensor.ts";
import { describeShared } from "../../shared.ts";

interface ReferenceDecoder {
  readonly onnx: {
    readonly ModelProto: { decode(bytes: Uint8Array): object; toObject(message: object, options: object): object };
  };
}

const reference = (createRequire(import.meta.url)("onnx-proto") as ReferenceDecoder).onnx.ModelProto;

/** A decoded message as plain data: only fields that are there, integers as text, bytes as numbers. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Array.from(value);
  if (Array.isArray(value)) return value.map(plain);
  if (value !== null && typeof value === "object") {
    if ("low" in value && "high" in value) return String(value);
    const entries = Object.entries(value).filter(([, field]) => !(Array.isArray(field) && field.length === 0));
    return Object.fromEntries(
      entries.map(([key, field]) => [key, plain(field)]).sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)),
    );
  }
  return value;
}

const small = writeModel({
  name: "small",
  opset: 17,
  nodes: [
    { operator: "MatMul", inputs: ["x", "w"], outputs: ["a"] },
    { operator: "Transpose", inputs: ["a"], outputs: ["t"], attributes: { perm: [1, 0] } },
    { operator: "LeakyRelu", inputs: ["t"], outputs: ["y"], attributes: { alpha: 0.25 } },
  ],
  inputs: [{ name: "x", element: "f32", shape: ["batch", 3] }],
  outputs: [{ name: "y", element: "f32", shape: [2, "batch"] }],
  initializers: { w: f32Tensor([3, 2], [1, 2, 3, 4, 5, 6]) },
});

/** What importing bytes throws: its codes, or "none"; anything but a BorealError is a failure, and so is a bug of ours. */
function outcome(bytes: Uint8Array): string {
  try {
    importOnnx({ bytes, name: "damaged" }, { dimensions: new Map([["batch", 4]]) });
    return "none";
  } catch (error) {
    if (!(error instanceof BorealError)) throw error;
    expect(error.problems.filter(({ code }) => code.startsWith("B9"))).toEqual([]);
    return error.problems.map(({ code }) => code).join(" ");
  }
}

describe("the ONNX codec", () => {
  it("writes back what it read, byte for byte, with fields that the schema does not know", () => {
    const unknown = Uint8Array.of(0xfa, 0x3f, 3, 1, 2, 3);
    const bytes = new Uint8Array([...small, ...unknown]);
    expect(Array.from(encodeModel(decodeModel(bytes)))).toEqual(Array.from(bytes));
  });

  it("keeps fields that came after onnx-proto", () => {
    const model = decodeModel(small);
    const function_ = {
      name: "F",
      attributeProto: [{ name: "a", type: 1, f: 2 }],
      overload: "o",
      valueInfo: [{ name: "v" }],
      metadataProps: [{ key: "k", value: "v" }],
    };
    model.functions = [function_];
    model.configuration = [{ name: "c", numDevices: 2, device: ["d"] }];
    const entries = [{ key: "k", value: "v" }];
    const node = model.graph?.node?.[0];
    if (node !== undefined) Object.assign(node, { overload: "o", metadataProps: entries });
    model.graph = { ...model.graph, metadataProps: entries };
    const again = decodeModel(encodeModel(model));
    expect(plain(again.functions)).toEqual(plain([function_]));
    expect(plain(again.configuration)).toEqual([{ name: "c", numDevices: 2, device: ["d"] }]);
    expect(plain(again.graph?.metadataProps)).toEqual(entries);
    expect(again.graph?.node?.[0]).toMatchObject({ overload: "o", metadataProps: entries });
  });

  it("never throws anything but its own errors on a cut model", () => {
    for (let length = 0; length < small.length; length += 1)
      expect(outcome(small.subarray(0, length))).not.toBe("none");
  });

  it("never throws anything but its own errors on a model with flipped bits", () => {
    const flips = fc.array(fc.tuple(fc.nat({ max: small.length - 1 }), fc.integer({ min: 1, max: 255 })), {
      minLength: 1,
      maxLength: 4,
    });
    fc.assert(
      fc.property(flips, (changes) => {
        const bytes = small.slice();
        for (const [place, mask] of changes) bytes[place] = (bytes[place] ?? 0) ^ mask;
        outcome(bytes);
      }),
      { numRuns: 2000 },
    );
  });

  it("never throws anything but its own errors on random bytes", () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 0, maxLength: 300 }), (bytes) => {
        expect(outcome(bytes)).toMatch(/^B10[12]$/);
      }),
    );
  });

  it("names the byte at which a tensor ends too early", () => {
    expect(() => decodeTensorProto(Uint8Array.of(0x4a, 0x10, 1, 2), { file: "t.pb" })).toThrow(
      /^t\.pb, byte \d: error\[B102\]: Decoding stopped at byte \d of 4/,
    );
    expect(() => decodeTensorProto(new Uint8Array(0), { file: "t.pb" })).toThrow(
      "t.pb: error[B101]: The file is empty; expected a serialized ONNX TensorProto.",
    );
  });
});

describeShared("the ONNX codec on real models", (folder) => {
  const models = [
    "cifar-wide-kw",
    "mjx-go1-policy",
    "micro-kws-qdq",
    "squeezenet-fp16",
    "light-resnet50",
    "gtcrn-simple",
  ];

  it.each(models)("decodes %s as onnx-proto does", (name) => {
    const bytes = readFileSync(join(folder, "models", name, "model.onnx"));
    const wanted = reference.toObject(reference.decode(bytes), { bytes: Uint8Array });
    expect(plain(decodeModel(bytes))).toEqual(plain(wanted));
  });

  it.each(models)("never throws anything but its own errors on %s, cut or damaged", (name) => {
    const bytes = readFileSync(join(folder, "models", name, "model.onnx"));
    const place = fc.nat({ max: bytes.length - 1 });
    fc.assert(
      fc.property(
        place,
        fc.array(fc.tuple(place, fc.integer({ min: 1, max: 255 })), { maxLength: 3 }),
        (cut, changes) => {
          const damaged = Uint8Array.from(changes.length === 0 ? bytes.subarray(0, cut) : bytes);
          for (const [at, mask] of changes) damaged[at] = (damaged[at] ?? 0) ^ mask;
          outcome(damaged);
        },
      ),
      { numRuns: 25 },
    );
  });
});
