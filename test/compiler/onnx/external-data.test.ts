import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { type ImportOptions, importOnnx } from "../../../compiler/onnx/importer.ts";
import { type WrittenModel, writeModelWithExternalData } from "../../../compiler/onnx/write-model.ts";
import { f32Tensor } from "../../../ir/tensor.ts";
import { tensorType } from "../../../ir/type.ts";
import { altered, constantOf, node, numbers, problemsOf, value } from "./written-models.ts";

const folder = mkdtempSync(join(tmpdir(), "boreal-import-"));
afterAll(() => rmSync(folder, { recursive: true }));

describe("external data", () => {
  const w = f32Tensor(
    [3, 4],
    numbers(12, (index) => index / 8),
  );
  const parts: WrittenModel = {
    name: "m",
    opset: 17,
    nodes: [node("MatMul", "x w", "a"), node("Add", "a b", "y")],
    inputs: [value("x", 2, 3)],
    outputs: [value("y", 2, 4)],
    initializers: { b: f32Tensor([4], [1, 2, 3, 4]), w },
  };
  const inFolder = (name: string): string => {
    mkdirSync(join(folder, name), { recursive: true });
    return join(folder, name);
  };
  const withLocation = (
    name: string,
    change: (entries: Record<string, string>) => Record<string, string>,
    dataFile = true,
  ): string => {
    const written = writeModelWithExternalData(parts, "weights.bin");
    const place = inFolder(name);
    const bytes = altered(written.model, (proto) => {
      for (const tensor of proto.graph?.initializer ?? []) {
        const entries = Object.fromEntries(
          (tensor.externalData ?? []).map(({ key, value: text }) => [key ?? "", text ?? ""]),
        );
        tensor.externalData = Object.entries(change(entries)).map(([key, text]) => ({ key, value: text }));
      }
    });
    writeFileSync(join(place, "model.onnx"), bytes);
    if (dataFile) writeFileSync(join(place, "weights.bin"), written.data);
    return join(place, "model.onnx");
  };
  const codes = (path: string, options: ImportOptions = {}): string[] =>
    problemsOf(() => importOnnx({ path }, options)).map(({ code }) => code);

  it("are read from beside the model", () => {
    const imported = importOnnx({ path: withLocation("good", (entries) => entries) });
    expect(constantOf(imported, "w").data).toEqual(w.data);
    expect(imported.weights).toBe("trained");
    const whole = importOnnx({
      path: withLocation("no-length", ({ location, offset }) => ({ location: location ?? "", offset: offset ?? "" })),
    });
    expect(constantOf(whole, "w").data).toEqual(w.data);
  });

  it("may not leave the model's folder", () => {
    writeFileSync(join(folder, "outside.bin"), new Uint8Array(1024));
    for (const location of [
      "../outside.bin",
      join(folder, "outside.bin"),
      "a/../../outside.bin",
      "C:\\w.bin",
      "..\\outside.bin",
    ]) {
      expect(codes(withLocation("escape", (entries) => ({ ...entries, location })))).toEqual(["B116", "B116"]);
    }
    const path = withLocation("link", (entries) => ({ ...entries, location: "link.bin" }));
    symlinkSync(join(folder, "outside.bin"), join(folder, "link", "link.bin"));
    expect(codes(path)).toEqual(["B116", "B116"]);
  });

  it("are refused when their range lies outside the file or makes no sense", () => {
    expect(codes(withLocation("range", (entries) => ({ ...entries, offset: "4096" })))).toEqual(["B108", "B108"]);
    expect(codes(withLocation("sign", (entries) => ({ ...entries, offset: "-1" })))).toEqual(["B108", "B108"]);
    expect(codes(withLocation("count", (entries) => ({ ...entries, length: "8" })))).toEqual(["B115", "B115"]);
    expect(codes(withLocation("nowhere", () => ({})))).toEqual(["B108", "B108"]);
    inFolder("folder/weights.bin");
    expect(codes(withLocation("folder", (entries) => entries, false))).toEqual(["B108", "B108"]);
  });

  it("are missed, accepted as absent, or replaced by random numbers", () => {
    const path = withLocation("absent", (entries) => entries, false);
    expect(problemsOf(() => importOnnx({ path }))[0]).toMatchObject({
      code: "B108",
      message: 'The external data file "weights.bin" does not exist beside the model.',
      at: { tensor: "b" },
    });
    const shapes = importOnnx({ path }, { allowAbsentWeights: true });
    expect(shapes.weights).toBe("absent");
    expect(shapes.parameterCount).toBe(16);
    expect(constantOf(shapes, "w")).toMatchObject({ data: null, source: "absent", type: { shape: [3, 4] } });
    const filled = importOnnx({ path }, { randomWeightsSeed: 3 });
    expect(filled.weights).toBe("random");
    expect(filled.graph.constants.map(({ source, data }) => [source, data === null])).toEqual([
      ["random", false],
      ["random", false],
    ]);
  });

  it("stay absent through what is computed at import", () => {
    const written = writeModelWithExternalData(
      {
        ...parts,
        nodes: [node("Transpose", "w", "t"), node("MatMul", "x t", "y")],
        initializers: {
          w: f32Tensor(
            [4, 3],
            numbers(12, () => 1),
          ),
        },
      },
      "none.bin",
    );
    const place = inFolder("transposed");
    writeFileSync(join(place, "model.onnx"), written.model);
    const imported = importOnnx({ path: join(place, "model.onnx") }, { allowAbsentWeights: true });
    expect(imported.graph.constants).toEqual([
      { name: "t", type: tensorType("f32", [3, 4]), data: null, source: "absent" },
    ]);
  });
});
