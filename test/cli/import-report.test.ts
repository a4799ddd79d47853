import { describe, expect, it } from "vitest";
import { writeModel } from "../../compiler/onnx/write-model.ts";
import { importReportSchema } from "../../report/listing-schemas.ts";
import { boreal, borealJson, folderOf } from "./command.ts";
import { bytesOf, perceptron } from "./models.ts";

describe("boreal import --report", () => {
  it("says what became of the nodes of a model", async () => {
    const folder = folderOf({ "perceptron.onnx": bytesOf(perceptron()) });
    const report = await borealJson(
      folder,
      ["import", "perceptron.onnx", "--report", "--target", "mini-4x4"],
      importReportSchema,
    );
    expect(report).toMatchObject({ model: "perceptron", target: "mini-4x4", precision: "w8a8", refused: [] });
    expect(report.fused.map(({ nodes }) => nodes)).toContainEqual(["first", "bias", "activation"]);
    const { stdout } = await boreal(folder, ["import", "perceptron.onnx", "--report", "--target", "mini-4x4"]);
    expect(stdout).toMatch(/^perceptron on mini-4x4 at w8a8\n\nfused: /);
  });

  it("lists what is refused, and ends as a refused import does", async () => {
    const { nodes, ...rest } = perceptron();
    const strange = writeModel({ ...rest, nodes: nodes.map((each) => ({ ...each, domain: "acme" })) });
    const folder = folderOf({ "strange.onnx": strange });
    const { code, stdout, stderr } = await boreal(folder, ["import", "strange.onnx", "--report", "--json"]);
    expect(code).toBe(1);
    expect(importReportSchema.parse(JSON.parse(stdout)).refused.map((each) => each.code)).toEqual([
      "B104",
      "B104",
      "B104",
    ]);
    expect(stderr).toContain('Operator MatMul of domain "acme"');
  });
});
