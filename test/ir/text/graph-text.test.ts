import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { BorealError, type Problem } from "../../../base/errors.ts";
import type { Graph } from "../../../ir/graph.ts";
import { dataChecksum, parseGraph, printGraph, printNode } from "../../../ir/graph-text.ts";
import { perTensor, tensorType } from "../../../ir/type.ts";
import { arbitraryGraph } from "./arbitrary-graph.ts";

/** The bytes of constants, so that NaNs are compared by their bits. */
function bytesOf(graph: Graph): (Uint8Array | null)[] {
  return graph.constants.map(({ data }) =>
    data === null ? null : new Uint8Array(data.buffer, data.byteOffset, data.byteLength),
  );
}

function problemsOf(text: string, file?: string): readonly Problem[] {
  try {
    parseGraph(text, file === undefined ? {} : { file });
  } catch (error) {
    if (error instanceof BorealError) return error.problems;
    throw error;
  }
  return [];
}

/** Problems of a graph with one line in its body, as "line:column message". */
function complaints(line: string): string[] {
  return problemsOf(`graph @g(%x: f32[2]) {\n  ${line}\n  return %x\n}`).map(
    ({ at, message }) => `${at.line}:${at.column} ${message}`,
  );
}

const example = `graph @example(%x: f32[1,4], %"input:0": i8<scale=0.5, zero=-3>[2]) {
  %w = const() {values=[1,-2.5,0.1,-0]} : f32[4,1]
  %ones = const() {splat=1} : f16[8]
  %rows = const() {values=[1,2,3,4], source="random"} : i8<axis=0, scale=[0.5,0.25], zero=[1,2]>[2,2]
  %far = const() {absent} : f32[100,100]
  %y = matmul(%x, %w, _) : f32[1,1] @ "/fc/MatMul", "/fc/Add" in "layer 0"
  %33 = clip(%y) {high=6, low=-0, mode="a\\"b", on=true, steps=[1, 2]} : f32[1,1]
  %z = "odd op"() : bool[] @ _
  return %33, %x
}
`;

describe("graph text", () => {
  it("parses what it prints to the same graph, on random graphs", () => {
    fc.assert(
      fc.property(arbitraryGraph, (graph) => {
        const back = parseGraph(printGraph(graph));
        expect(bytesOf(back)).toEqual(bytesOf(graph));
        expect(back).toEqual(graph);
      }),
      { numRuns: 300 },
    );
  });

  it("prints what it parses to the same text", () => {
    expect(printGraph(parseGraph(example))).toBe(example);
  });

  it("reads names, operands, attributes, origins and layers", () => {
    const graph = parseGraph(example);
    expect(graph.name).toBe("example");
    expect(graph.inputs[1]).toEqual({ name: "input:0", type: tensorType("i8", [2], perTensor(0.5, -3)) });
    expect(graph.nodes[0]).toEqual({
      name: "y",
      op: "matmul",
      operands: ["x", "w", null],
      attributes: {},
      type: tensorType("f32", [1, 1]),
      origin: ["/fc/MatMul", "/fc/Add"],
      layer: "layer 0",
    });
    expect(graph.nodes[1]?.attributes).toEqual({ high: 6, low: -0, mode: 'a"b', on: true, steps: [1, 2] });
    expect(graph.nodes[1]?.origin).toEqual(["33"]);
    expect(graph.nodes[2]?.origin).toEqual([]);
    expect(graph.outputs).toEqual(["33", "x"]);
  });

  it("reads constants: values, splats, absent ones", () => {
    const [w, ones, rows, far] = parseGraph(example).constants;
    expect(w?.data).toEqual(Float32Array.of(1, -2.5, 0.1, -0));
    expect(ones?.data).toEqual(new Uint16Array(8).fill(0x3c00));
    expect(rows?.source).toBe("random");
    expect(rows?.type.quantization).toEqual({ axis: 0, scales: [0.5, 0.25], zeros: [1, 2] });
    expect(far).toEqual({ name: "far", type: tensorType("f32", [100, 100]), data: null, source: "absent" });
  });

  it("makes the same random constant from the same seed", () => {
    const make = (seed: number, type: string) =>
      parseGraph(`graph @g() {\n %w = const() {seed=${seed}} : ${type}\n return\n}`).constants[0];
    const drawn = make(1, "f32[1000]");
    expect(drawn?.source).toBe("random");
    expect(drawn).toEqual(make(1, "f32[1000]"));
    expect(drawn).not.toEqual(make(2, "f32[1000]"));
    const values = Array.from(drawn?.data as Float32Array);
    expect(values.reduce((total, value) => total + value, 0) / 1000).toBeCloseTo(0, 0);
    expect(Math.sqrt(values.reduce((total, value) => total + value * value, 0) / 1000)).toBeCloseTo(1, 0);
    const integers = Array.from(make(3, "i4[1000]")?.data as Int8Array);
    expect([Math.min(...integers), Math.max(...integers)]).toEqual([-8, 7]);
    expect(new Set(make(3, "bool[100]")?.data as Uint8Array)).toEqual(new Set([0, 1]));
    expect(Math.min(...Array.from(make(3, "i64[999]")?.data as BigInt64Array, Number))).toBe(-128);
  });

  it("prints large constants by checksum and reads them from the side table", () => {
    const data = Float32Array.from({ length: 17 }, (_, index) => index);
    const graph: Graph = {
      kind: "graph",
      name: "g",
      inputs: [],
      constants: [{ name: "w", type: tensorType("f32", [17]), data, source: "model" }],
      nodes: [],
      outputs: ["w"],
    };
    const text = printGraph(graph, { weights: "reference" });
    expect(text).toContain(`{data="sha256:${dataChecksum(data)}"} : f32[17]`);
    const table = new Map([[dataChecksum(data), new Uint8Array(data.buffer)]]);
    expect(parseGraph(text, { constants: table })).toEqual(graph);
    expect(() => parseGraph(text)).toThrow(/expected a checksum of the side table/);
    const short = new Map([[dataChecksum(data), new Uint8Array(8)]]);
    expect(() => parseGraph(text, { constants: short })).toThrow(/found 8 bytes of data, expected 68/);
  });

  it("keeps short constants inline when weights are printed by checksum", () => {
    expect(printGraph(parseGraph(example), { weights: "reference" })).toBe(example);
  });

  it("tells −0 from 0 in splats", () => {
    const text = "graph @g() {\n  %w = const() {values=[0,-0]} : f32[2]\n  return\n}\n";
    expect(printGraph(parseGraph(text))).toBe(text);
  });

  it("checksums the bytes of the array's own part of its buffer", () => {
    const bytes = Uint8Array.from([9, 97, 98, 99, 9]);
    expect(dataChecksum(bytes.subarray(1, 4))).toBe("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  });

  it("skips comments", () => {
    expect(parseGraph("// head\ngraph @g(%x: f32[2]) { // here\n  return %x // there\n}").outputs).toEqual(["x"]);
  });

  it("prints one node on one line", () => {
    expect(printNode(parseGraph(example).nodes[1] as Graph["nodes"][number])).toBe(
      '%33 = clip(%y) {high=6, low=-0, mode="a\\"b", on=true, steps=[1, 2]} : f32[1,1]',
    );
  });
});

describe("problems of graph text", () => {
  it("gives file, line and column of every statement that cannot be read", () => {
    const text = [
      "graph @g(%x: f32[2]) {",
      "  %a = relu(%x : f32[2]",
      "  %b = relu(%x) f32[2]",
      "  %c = relu(%x) : f33[2]",
      "  %d = relu(%x) : f32[2]",
      "  return %d",
      "}",
    ].join("\n");
    expect(problemsOf(text, "bad.bir").map(({ code, at }) => `${code} ${at.file}:${at.line}:${at.column}`)).toEqual([
      "B201 bad.bir:2:16",
      "B201 bad.bir:3:17",
      "B201 bad.bir:4:19",
    ]);
  });

  it("says what was found and what was expected", () => {
    expect(complaints("%a = relu(%x : f32[2]")).toEqual(['2:16 found ":", expected ")".']);
    expect(complaints("%a relu(%x) : f32[2]")).toEqual(['2:6 found "relu", expected "=".']);
    expect(complaints("%a = (%x) : f32[2]")).toEqual(['2:8 found "(", expected an operator.']);
    expect(complaints("%a = relu(x) : f32[2]")).toEqual(['2:13 found "x", expected an operand (%name or _).']);
    expect(complaints("%a = relu(%x) {=2} : f32[2]")).toEqual([`2:18 found "=", expected an attribute's name.`]);
    expect(complaints("%a = relu(%x) {k=} : f32[2]")).toEqual(['2:20 found "}", expected a number.']);
    expect(complaints("%a = relu(%x) {k=1, k=2} : f32[2]")).toEqual([
      '2:23 found attribute "k" twice, expected it once.',
    ]);
    expect(complaints("%a = relu(%x) : f32[%x]")).toEqual(["2:23 found %x, expected a number."]);
    expect(complaints("%a = relu(%x) : i8<zero=1>[2]")).toEqual(['2:22 found "zero", expected "scale".']);
    expect(complaints("%a = relu(%x) : f32[2] @ a")).toEqual(['2:28 found "a", expected the name of an ONNX node.']);
    expect(complaints("%a = relu(%x) : f32[2] in 3")).toEqual([`2:29 found "3", expected the layer's name.`]);
    expect(complaints("%a = relu(%x) ? : f32[2]")).toEqual([
      '2:17 found character "?", expected a name, a number, a text or a punctuation mark.',
    ]);
    expect(complaints('%a = relu(%"\\q") : f32[2]')).toEqual([
      '2:13 found "\\q", expected a text with JSON\'s escapes.',
    ]);
  });

  it("names the element types when one is unknown", () => {
    expect(complaints("%a = relu(%x) : f33[2]")[0]).toMatch(
      /^2:19 found "f33", expected an element type \(bool i2 .* f64\)\.$/,
    );
  });

  it("refuses constants whose payload does not fit", () => {
    expect(complaints("%a = const() {values=[1,2]} : f32[3]")).toEqual([
      "2:17 found 2 values, expected 3 for shape [3].",
    ]);
    expect(complaints("%a = const() {values=[1,300]} : i8[2]")).toEqual([
      "2:27 found 300, expected -128 to 127 for i8.",
    ]);
    expect(complaints("%a = const() {splat=2} : bool[2]")).toEqual(["2:23 found 2, expected 0 to 1 for bool."]);
    expect(complaints("%a = const() {splat=-9} : i4[2]")).toEqual(["2:23 found -9, expected -8 to 7 for i4."]);
    expect(complaints("%a = const() {splat=1.5} : u8[2]")).toEqual(["2:23 found 1.5, expected an integer for u8."]);
    expect(complaints("%a = const() {splat=0x7e} : f16[2]")).toEqual([
      "2:23 found 0x7e, expected 4 hexadecimal digits for f16.",
    ]);
    expect(complaints("%a = const() {} : f32[2]")).toEqual([
      "2:17 found a constant without a payload, expected values, splat, seed, data or absent.",
    ]);
    expect(complaints("%a = const() {value=2} : f32[2]")).toEqual([
      '2:17 found "value", expected values, splat, seed, data, absent or source.',
    ]);
    expect(complaints('%a = const() {splat=2, source="you"} : f32[2]')).toEqual([
      '2:33 found source "you", expected "model", "random" or "absent".',
    ]);
    expect(complaints('%a = const() {data="sha256:00"} : f32[2]')).toEqual([
      '2:22 found data "sha256:00", expected a checksum of the side table.',
    ]);
  });

  it("reports a broken header and the statements after it", () => {
    expect(
      problemsOf("graph g(%x: f32[2]) {\n  %a = relu(%x) f32[2]\n  return %a\n}").map(
        ({ at }) => `${at.line}:${at.column}`,
      ),
    ).toEqual(["1:7", "2:17"]);
  });

  it("refuses a text that ends early and one that goes on", () => {
    expect(problemsOf("").map(({ message }) => message)).toEqual([
      'found the end of the text, expected "graph".',
      'found the end of the text, expected "return".',
    ]);
    expect(problemsOf("graph @g() {\n  return\n}\n}").map(({ at, message }) => `${at.line} ${message}`)).toEqual([
      '4 found "}", expected the end of the text.',
    ]);
  });
});
