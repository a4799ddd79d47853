import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { decodeTensorProto } from "../../compiler/onnx/codec.ts";
import { formatNpy } from "../../recordings/npy.ts";
import { compileResultSchema } from "../../report/listing-schemas.ts";
import { runResultSchema, simulationResultSchema } from "../../report/schemas.ts";
import { boreal, borealJson, folderOf } from "./command.ts";
import { bytesOf, perceptron, small, weights } from "./models.ts";

const calibration = ["--calibrate", "c.npy"] as const;
const folder = folderOf({
  "p.onnx": bytesOf(perceptron()),
  "x.npy": formatNpy(weights([3, 16], 21)),
  "c.npy": formatNpy(weights([4, 16], 22)),
});
const given = ["run", "p.onnx", ...small, ...calibration, "--input", "x.npy"] as const;

describe("--streams", () => {
  it("gives the answers of one stream, of both an inference's figures, and what the program simulates to", async () => {
    await boreal(folder, [...given, "--outputs", "one"]);
    const result = await borealJson(folder, [...given, "--streams", "2", "--outputs", "two"], runResultSchema);
    const output = (name: string): Buffer => readFileSync(join(folder, name, "output_0.pb"));
    expect(output("two").equals(output("one"))).toBe(true);
    expect(decodeTensorProto(output("two")).type.shape).toEqual([3, 1, 8]);
    expect(result.choices).toMatchObject({ batchCount: 2, streamCount: 2 });
    const args = ["--target", "mini-4x4", ...calibration, "--streams", "2", "--out", "made/p"];
    const compiled = await borealJson(folder, ["compile", "p.onnx", ...args], compileResultSchema);
    expect(compiled.choices).toMatchObject({ batchCount: 2, streamCount: 2 });
    expect([compiled.macCount, compiled.model.macCount]).toEqual([result.model.macCount, result.model.macCount]);
    const alone = await borealJson(folder, ["simulate", "made/p.basm", "--target", "mini-4x4"], simulationResultSchema);
    expect(alone.program).toMatchObject({ batchCount: 2, macCount: compiled.macCount });
    expect(alone.timing.intervalCycles).toBe(result.timing.intervalCycles);
    expect(alone.energy).toEqual(result.energy);
    const again = [...given, "--streams", "2", "--mapping", "made/p.mapping.yaml"];
    const mapped = await borealJson(folder, again, runResultSchema);
    expect(mapped.choices.mapping).toBe("given");
    expect(mapped.timing).toEqual(result.timing);
  });

  it("is refused where there are three, where no chip answers, and by commands that have no use for it", async () => {
    const refusal = async (...args: readonly string[]): Promise<string> => {
      const { code, stderr } = await boreal(folder, args);
      expect(code).toBe(2);
      return stderr;
    };
    expect(await refusal("run", "p.onnx", ...small, "--streams", "3")).toMatch(/B604.*3 streams were asked for/);
    expect(await refusal(...given, "--streams", "2", "--executor", "exact")).toMatch(/B601.*excludes --streams/);
    for (const command of ["explain", "sensitivity", "precision"]) {
      expect(await refusal(command, "p.onnx", "--streams", "2")).toMatch(/B601.*--streams/);
    }
  });
});
