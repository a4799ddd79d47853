import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { type ByteSource, memorySource } from "../../../compiler/onnx/byte-source.ts";
import { decodeSkeleton } from "../../../compiler/onnx/codec.ts";
import { importOnnx } from "../../../compiler/onnx/importer.ts";
import { dataTypes, packSubBytes, readTensorProto } from "../../../compiler/onnx/tensor-proto.ts";
import { f32Tensor, makeTensor, type Tensor } from "../../../ir/tensor.ts";
import { type ElementType, tensorType } from "../../../ir/type.ts";
import { altered, constantOf, model, node, numbers, problemsOf, refusals, value } from "./written-models.ts";

const folder = mkdtempSync(join(tmpdir(), "boreal-import-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A source that keeps which ranges were read. */
function watched(bytes: Uint8Array): ByteSource & { readonly ranges: [number, number][] } {
  const ranges: [number, number][] = [];
  const source = memorySource(bytes);
  return {
    ranges,
    sizeBytes: source.sizeBytes,
    read: (offset, count) => {
      ranges.push([offset, count]);
      return source.read(offset, count);
    },
    readInto: (target, offset) => {
      ranges.push([offset, target.length]);
      source.readInto(target, offset);
    },
  };
}

const rows = 700;
const large = f32Tensor(
  [3, rows],
  numbers(3 * rows, (index) => (index % 1000) / 8),
);
const bytes = model([node("MatMul", "x w", "y")], {
  outputs: [value("y", 2, rows)],
  initializers: { w: large, small: f32Tensor([2], [1, 2]) },
});

describe("large tensors of a file", () => {
  it("stay there until they are asked for", () => {
    const source = watched(bytes);
    const proto = decodeSkeleton(source);
    const tensors = proto.graph?.initializer ?? [];
    const stored = tensors[0]?.stored?.map(Number) ?? [];
    expect(tensors.map((tensor) => [tensor.name, tensor.rawData?.length])).toEqual([
      ["w", 0],
      ["small", 8],
    ]);
    expect(stored[0]).toBe(9);
    expect(stored[2]).toBe(4 * 3 * rows);
    const before = source.ranges.length;
    const tensor = readTensorProto(tensors[0] ?? {}, {}, source);
    expect(tensor).toEqual(large);
    expect(source.ranges.slice(before)).toEqual([stored.slice(1)]);
  });

  it("are the same as small ones, from a file too", () => {
    const path = join(folder, "large.onnx");
    writeFileSync(path, bytes);
    expect(constantOf(importOnnx({ path }), "w").data).toEqual(large.data);
  });

  it("may stand in an attribute, in a graph that a node holds, and in a sparse tensor", () => {
    const branch = {
      graph: {
        name: "b",
        inputs: [],
        outputs: [value("t", 3, rows)],
        nodes: [node("Constant", "", "t", { value: large })],
      },
    };
    const nodes = [node("If", "c", "w", { then_branch: branch, else_branch: branch }), node("MatMul", "x w", "y")];
    const c = makeTensor(tensorType("bool", []), Uint8Array.of(1));
    const path = join(folder, "held.onnx");
    writeFileSync(path, model(nodes, { outputs: [value("y", 2, rows)], initializers: { c } }));
    expect(importOnnx({ path }).graph.constants.map(({ data }) => data)).toEqual([large.data]);
    const sparse = altered(model([node("MatMul", "x w", "y")], { outputs: [value("y", 2, rows)] }), (proto) => {
      const places = BigInt64Array.from(
        numbers(3 * rows, (index) => index),
        BigInt,
      );
      proto.graph = {
        ...proto.graph,
        sparseInitializer: [
          {
            dims: [3, rows],
            values: { name: "w", dims: [3 * rows], dataType: 1, floatData: Array.from(large.data as Float32Array) },
            indices: { dims: [3 * rows], dataType: 7, rawData: new Uint8Array(places.buffer) },
          },
        ],
      };
    });
    writeFileSync(path, sparse);
    expect(constantOf(importOnnx({ path }), "w").data).toEqual(large.data);
  });

  const typed: readonly [ElementType, string, (index: number) => number][] = [
    ["f32", "floatData", (index) => index / 4],
    ["f64", "doubleData", (index) => index / 3],
    ["i32", "int32Data", (index) => (index % 2 === 0 ? -index - 1 : 100_000 * index)],
    ["i8", "int32Data", (index) => (index % 256) - 128],
    ["f16", "int32Data", (index) => index % 0x7000],
    ["bool", "int32Data", (index) => index % 2],
    ["i64", "int64Data", (index) => (index % 2 === 0 ? -(2 ** 52) + index : 2 ** 40 * (index % 8))],
    ["u32", "uint64Data", (index) => 2 ** 32 - 1 - index],
    ["u64", "uint64Data", (index) => 2 ** 52 + index],
  ];

  it.each(typed)("of %s may stand in %s, and are the same as small ones", (element, field, make) => {
    const entries = numbers(9000, make);
    const read = (count: number): Tensor => {
      const tensor = { name: "w", dims: [count], dataType: dataTypes[element], [field]: entries.slice(0, count) };
      const encoded = altered(bytes, (proto) => {
        proto.graph = { ...proto.graph, initializer: [tensor] };
      });
      const source = memorySource(encoded);
      const [proto] = decodeSkeleton(source).graph?.initializer ?? [];
      expect((proto?.stored?.length ?? 0) > 0).toBe(count > 5000);
      return readTensorProto(proto ?? {}, {}, source);
    };
    const [whole, part] = [read(9000), read(300)];
    expect(whole.data.slice(0, 300)).toEqual(part.data);
    expect(Array.from(whole.data, Number)).toEqual(entries);
  });

  it("of sub-byte types may stand in int32Data", () => {
    const values = Int8Array.from(numbers(12_000, (index) => (index % 16) - 8));
    const packed = Array.from(packSubBytes("i4", values));
    const encoded = altered(bytes, (proto) => {
      const tensor = { name: "w", dims: [12_000], dataType: dataTypes.i4, int32Data: packed };
      proto.graph = { ...proto.graph, initializer: [tensor] };
    });
    const source = memorySource(encoded);
    const [proto] = decodeSkeleton(source).graph?.initializer ?? [];
    expect(readTensorProto(proto ?? {}, {}, source).data).toEqual(values);
  });

  it("are refused when their data do not fit their shape", () => {
    const wrong = (change: object): string[] =>
      refusals(
        altered(bytes, (proto) => {
          Object.assign(proto.graph?.initializer?.[0] ?? {}, change);
        }),
      );
    expect(wrong({ dims: [3, rows + 1] })).toEqual(["B115 Found 8400 bytes of data; f32[3,701] needs 8412."]);
    expect(wrong({ rawData: new Uint8Array(0), int64Data: numbers(3 * rows, () => 2 ** 20) })).toEqual([
      "B115 Elements of f32 stand in int64Data; expected floatData or rawData.",
    ]);
    expect(wrong({ floatData: [1, 2] })).toEqual([
      "B115 Elements stand in several places of the file; expected them in one.",
    ]);
    const integers = { dataType: 7, rawData: new Uint8Array(0), int64Data: numbers(6000, () => 1) };
    expect(wrong({ ...integers, dims: [5999] })).toEqual(["B115 Found more than 5999 integers; i64[5999] needs 5999."]);
    expect(wrong({ ...integers, dims: [6001] })).toEqual(["B115 Found at most 6000 integers; i64[6001] needs 6001."]);
    expect(wrong({ ...integers, int64Data: numbers(6000, () => 300), dims: [9000] })).toEqual([
      "B115 Found 6000 integers; i64[9000] needs 9000.",
    ]);
  });
});

describe("the skeleton of a file", () => {
  const varint = (number: number): number[] =>
    number < 0x80 ? [number] : [(number % 0x80) + 0x80, ...varint(Math.floor(number / 0x80))];
  const field = (number: number, content: readonly number[]): number[] => [
    ...varint(8 * number + 2),
    ...varint(content.length),
    ...content,
  ];
  const problemOf = (content: readonly number[]): unknown =>
    problemsOf(() => decodeSkeleton(memorySource(Uint8Array.from(content)), { file: "f" })).map(
      ({ code, message, at }) => [code, message, at.byte],
    )[0];

  it("is refused where it is damaged, with the byte", () => {
    const version = [0x08, 8];
    expect(problemOf([...version, 0x3a, 5, 1])).toEqual([
      "B102",
      "Decoding stopped at byte 5 of 5 (5 bytes are announced, 1 are left); expected a serialized ONNX ModelProto.",
      5,
    ]);
    expect(problemOf([...version, 0x3b])).toMatchObject(
      ["B102", /invalid wire type 3/, 2].map((each) => (each instanceof RegExp ? expect.stringMatching(each) : each)),
    );
    expect(problemOf([...version, 0x00, 0])).toMatchObject([
      "B102",
      expect.stringContaining("illegal field number 0"),
      2,
    ]);
    expect(problemOf([0x08, ...new Array<number>(11).fill(0x80)])).toMatchObject([
      "B102",
      expect.stringContaining("more than 10 bytes"),
      1,
    ]);
    expect(problemOf([0x08])).toMatchObject(["B102", expect.stringContaining("ends within a number"), 1]);
  });

  it("is refused when messages are nested too deeply or are too many", () => {
    let nested: number[] = [];
    for (let level = 0; level < 40; level += 1) nested = field(1, field(5, field(6, nested)));
    expect(problemOf([0x08, 8, ...field(7, nested)])).toEqual([
      "B117",
      "Messages are nested deeper than 96.",
      expect.any(Number),
    ]);
    const many = new Uint8Array(2 * 2 ** 23 + 2 ** 10);
    for (let place = 0; place < many.length; place += 2) many[place] = 0x0a;
    const graph = Uint8Array.from([0x3a, ...varint(many.length)]);
    const file = new Uint8Array(graph.length + many.length);
    file.set(graph);
    file.set(many, graph.length);
    expect(problemsOf(() => decodeSkeleton(memorySource(file))).map(({ code, message }) => [code, message])).toEqual([
      ["B117", "The model has more than 8388608 messages and list elements beside its large tensors."],
    ]);
  });

  it("takes no references from the file", () => {
    const forged = field(2 ** 29 - 1, [9, 0, 64]);
    const tensor = [...field(8, [0x77]), 0x10, 1, 0x08, 16, ...forged];
    const proto = decodeSkeleton(memorySource(Uint8Array.from([0x08, 8, ...field(7, field(5, tensor))])));
    expect(proto.graph?.initializer?.[0]?.stored).toEqual([]);
  });
});
