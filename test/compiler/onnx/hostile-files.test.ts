import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { importOnnx } from "../../../compiler/onnx/importer.ts";
import { type WrittenModel, writeModelWithExternalData } from "../../../compiler/onnx/write-model.ts";
import { f32Tensor, i64Tensor, makeTensor, type Tensor } from "../../../ir/tensor.ts";
import { tensorType } from "../../../ir/type.ts";
import { altered, load, model, node, numbers, problemsOf, refusals, value } from "./written-models.ts";

const folder = mkdtempSync(join(tmpdir(), "boreal-import-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("a file that asks for more than there is", () => {
  const scalar = f32Tensor([1], [1]);

  it("is refused for large constants, however they are made", () => {
    const shape = i64Tensor([3], [2048, 2048, 2048]);
    const by = (operator: string, inputs: string): string[] =>
      refusals(
        model([node(operator, inputs, "c"), node("ReduceSum", "c", "r"), node("Add", "x r", "y")], {
          initializers: {
            shape,
            one: scalar,
            cube: f32Tensor([1, 1, 1], [1]),
            zero: f32Tensor([], [0]),
            unit: f32Tensor([], [1]),
            end: f32Tensor([], [1e12]),
          },
        }),
      );
    for (const made of [
      by("ConstantOfShape", "shape"),
      by("Expand", "one shape"),
      by("Tile", "cube shape"),
      by("Range", "zero end unit"),
    ]) {
      expect(made).toHaveLength(1);
      expect(made[0]).toMatch(/^B117 .*at most \d+ are accepted\.$/);
    }
  });

  it("is refused when known values grow from node to node", () => {
    const doublings = numbers(40, (index) => node("Concat", `v${index} v${index}`, `v${index + 1}`, { axis: 0 }));
    const bytes = model([...doublings, node("ReduceSum", "v40", "r"), node("Add", "x r", "y")], {
      initializers: {
        v0: f32Tensor(
          [64],
          numbers(64, (index) => index),
        ),
      },
    });
    expect(refusals(bytes)[0]).toMatch(/^B117 /);
  });

  it("is refused when known values together take too much", () => {
    const count = 20;
    const f64 = (index: number): Tensor => makeTensor(tensorType("f64", [1, 2]), Float64Array.of(index, 1));
    const nodes = numbers(count, (index) => [
      node("Expand", `s${index} wide`, `v${index}`),
      node("Add", `${index === 0 ? "x" : `t${index - 1}`} v${index}`, index === count - 1 ? "y" : `t${index}`),
    ]).flat();
    const bytes = model(nodes, {
      inputs: [{ name: "x", element: "f64", shape: [1] }],
      initializers: {
        ...Object.fromEntries(numbers(count, (index) => [`s${index}`, f64(index)])),
        wide: i64Tensor([2], [2 ** 22, 2]),
      },
    });
    expect(refusals(bytes)[0]).toMatch(/^B117 Known values take more than \d+ bytes\.$/);
  });

  it("is refused for sizes and axes that no tensor has", () => {
    expect(refusals(model([node("Relu", "x", "y")], { inputs: [value("x", ...numbers(65, () => 1))] }))).toEqual([
      "B117 A shape has 65 axes; at most 64 are accepted.",
    ]);
    const bytes = model([node("Reshape", "x s", "y")], {
      inputs: [value("x", 1)],
      initializers: {
        s: i64Tensor(
          [100],
          numbers(100, () => 1),
        ),
      },
    });
    expect(refusals(bytes)).toEqual(["B117 The result has 100 axes; at most 64 are accepted."]);
    const overflow = altered(
      model([node("Add", "x w", "y")], { initializers: { w: f32Tensor([1], [1]) } }),
      (proto) => {
        Object.assign(proto.graph?.initializer?.[0] ?? {}, { dims: [2 ** 32, 2 ** 32] });
      },
    );
    expect(refusals(overflow)).toEqual([
      `B117 Shape [4294967296,4294967296] has ${2 ** 64} elements; at most ${2 ** 31} are accepted.`,
    ]);
    const sparse = altered(model([node("Add", "x w", "y")]), (proto) => {
      const values = { name: "w", dims: [0], dataType: 1 };
      proto.graph = { ...proto.graph, sparseInitializer: [{ values, dims: [2 ** 15, 2 ** 15] }] };
    });
    expect(refusals(sparse)[0]).toMatch(/^B117 A sparse tensor of 1073741824 elements/);
  });

  it("is refused when types are nested without end", () => {
    const deep = altered(model([node("Relu", "x", "y")]), (proto) => {
      let type: object = { tensorType: { elemType: 1 } };
      for (let level = 0; level < 47; level += 1) type = { sequenceType: { elemType: type } };
      const input = proto.graph?.input?.[0];
      if (input !== undefined) input.type = type;
    });
    expect(refusals(deep)).toEqual(["B117 Messages are nested deeper than 96."]);
  });

  it("is read though its chain of nodes is long", () => {
    const count = 20_000;
    const chain = numbers(count, (index) =>
      node("Relu", index === 0 ? "x" : `v${index - 1}`, index === count - 1 ? "y" : `v${index}`),
    ).reverse();
    expect(load(model(chain)).graph.nodes).toHaveLength(count);
    const ring = [...chain, node("Neg", "v0", "x2")];
    const cycle = altered(model(ring), (proto) => {
      const last = proto.graph?.node?.at(-2);
      if (last !== undefined) last.input = ["y"];
    });
    const [message] = refusals(cycle);
    expect(message).toMatch(/^B107 The nodes .* -> \.\.\. -> .* form a cycle\.$|^B107 /);
    expect(message?.length).toBeLessThan(1000);
  });
});

describe("external data that are hostile", () => {
  const parts: WrittenModel = {
    name: "m",
    opset: 17,
    nodes: [node("MatMul", "x w", "a"), node("Add", "a b", "y")],
    inputs: [value("x", 2, 3)],
    outputs: [value("y", 2, 4)],
    initializers: {
      w: f32Tensor(
        [3, 4],
        numbers(12, (index) => index / 8),
      ),
      b: f32Tensor([3, 4].slice(1), [1, 2, 3, 4]),
    },
  };

  /** A model in a folder of its own whose tensors have other entries. */
  const place = (name: string, entries: Readonly<Record<string, Readonly<Record<string, string>>>>): string => {
    const written = writeModelWithExternalData(parts, "weights.bin");
    mkdirSync(join(folder, name));
    const bytes = altered(written.model, (proto) => {
      for (const tensor of proto.graph?.initializer ?? []) {
        const all = { location: "weights.bin", ...entries[tensor.name ?? ""] };
        tensor.externalData = Object.entries(all).map(([key, text]) => ({ key, value: text }));
      }
    });
    writeFileSync(join(folder, name, "model.onnx"), bytes);
    writeFileSync(join(folder, name, "weights.bin"), written.data);
    return join(folder, name, "model.onnx");
  };
  const messages = (path: string): string[] =>
    problemsOf(() => importOnnx({ path })).map(({ code, message }) => `${code} ${message}`);

  it("may not overlap, unless they are the same", () => {
    expect(messages(place("overlap", { w: { offset: "0" }, b: { offset: "16" } }))).toEqual([
      'B108 Bytes 16 to 32 of "weights.bin" overlap bytes 0 to 48, which another tensor has.',
    ]);
    const shared = importOnnx({
      path: place("shared", { w: { offset: "0", length: "48" }, b: { offset: "64", length: "16" } }),
    });
    expect(shared.parameterCount).toBe(16);
    const tied = writeModelWithExternalData(
      {
        ...parts,
        nodes: [node("Add", "v w", "y")],
        initializers: { v: f32Tensor([4], [1, 2, 3, 4]), w: f32Tensor([4], [1, 2, 3, 4]) },
      },
      "tied.bin",
    );
    const path = join(folder, "tied.onnx");
    writeFileSync(join(folder, "tied.bin"), tied.data);
    writeFileSync(
      path,
      altered(tied.model, (proto) => {
        for (const tensor of proto.graph?.initializer ?? [])
          tensor.externalData = [
            { key: "location", value: "tied.bin" },
            { key: "length", value: "16" },
          ];
        const sum = proto.graph?.node?.[0];
        if (sum !== undefined) Object.assign(sum, { input: ["x2", "w"], output: ["y"] });
        proto.graph?.node?.unshift({ opType: "Add", input: ["x", "v"], output: ["x2"] });
        const input = proto.graph?.input?.[0]?.type?.tensorType?.shape?.dim;
        if (input != null) input[1] = { dimValue: 4 };
      }),
    );
    const [v, w] = importOnnx({ path }).graph.constants;
    expect(v?.data?.buffer).toBe(w?.data?.buffer);
  });

  it("are refused with their place when a link goes round, or a name is none", () => {
    const path = place("round", { w: { location: "round.bin" }, b: { location: "n\u0000" } });
    symlinkSync("round.bin", join(folder, "round", "round.bin"));
    expect(messages(path)).toEqual([
      'B108 The external data file "round.bin" cannot be read (ELOOP).',
      'B116 External data stand at "n\u0000", which leaves the model\'s folder.',
    ]);
  });

  it("are refused when their length is not the tensor's, before they are read", () => {
    expect(messages(place("length", { w: { length: "44" }, b: { offset: "64" } }))).toEqual([
      "B115 Found 44 bytes of data; f32[3,4] needs 48.",
    ]);
  });

  it("are no pipes or devices", () => {
    const path = place("device", { b: { offset: "64" } });
    rmSync(join(folder, "device", "weights.bin"));
    mkdirSync(join(folder, "device", "weights.bin"));
    expect(messages(path)).toEqual([
      'B108 External data stand at "weights.bin", which is not a file.',
      'B108 External data stand at "weights.bin", which is not a file.',
    ]);
    expect(messages("/dev/null")).toEqual(["B103 Found a pipe or device; expected a regular file."]);
  });
});

describe("names, versions and domains", () => {
  it("may be empty only where something is left out", () => {
    const nameless = altered(model([node("Relu", "x", "y")]), (proto) => {
      proto.graph?.node?.push({ opType: "Split", input: ["x"], output: ["", ""] });
    });
    expect(load(nameless).graph.nodes).toHaveLength(1);
  });

  it("are all listed when they are wrong", () => {
    const bytes = altered(model([{ ...node("Fuse", "x q", "h"), domain: "acme" }, node("Relu", "h", "y")]), (proto) => {
      proto.opsetImport = [
        { domain: "", version: 30 },
        { domain: "acme", version: 1 },
        { domain: "acme", version: 2 },
      ];
      proto.irVersion = 0;
    });
    expect(refusals(bytes)).toEqual([
      'B114 The model imports opsets 1 and 2 of domain "acme"; expected one.',
      "B114 The model has opset 30; supported are 6 to 25.",
      "B114 The model has IR version 0; supported are 1 to 13.",
      "B106 It is read by the node, but no input, initializer or node defines it.",
      'B104 Operator Fuse of domain "acme" (opset 2) is not supported; 1 node uses it: "Fuse_0".',
    ]);
  });

  it("of the default domain may be written out", () => {
    const bytes = altered(model([node("Relu", "x", "y")]), (proto) => {
      proto.opsetImport = [{ domain: "ai.onnx", version: 17 }];
      const first = proto.graph?.node?.[0];
      if (first !== undefined) first.domain = "ai.onnx";
    });
    expect(load(bytes)).toMatchObject({ opset: 17 });
  });

  it("of sparse constants are dense at once, and checked", () => {
    const sparse = (index: number): Uint8Array =>
      altered(model([node("Constant", "", "w"), node("Add", "x w", "y")]), (proto) => {
        const values = { dims: [1], dataType: 1, floatData: [5] };
        const indices = { dims: [1], dataType: 7, int64Data: [index] };
        const first = proto.graph?.node?.[0];
        if (first !== undefined)
          first.attribute = [{ name: "sparse_value", type: 11, sparseTensor: { values, indices, dims: [3] } }];
      });
    expect(Array.from(load(sparse(1)).graph.constants[0]?.data ?? [], Number)).toEqual([0, 5, 0]);
    expect(refusals(sparse(3))).toEqual(["B115 Index [3] of value 0 lies outside shape [3]."]);
  });

  it("of half weights stay finite", () => {
    const w = makeTensor(tensorType("f16", [3]), Uint16Array.of(0x3c00, 0, 0x7c00));
    expect(
      load(model([node("Cast", "w", "v", { to: 1 }), node("Add", "x v", "y")], { initializers: { w } })).weights,
    ).toBe("trained");
  });
});
