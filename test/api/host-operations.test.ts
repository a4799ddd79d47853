import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { evaluateExact } from "../../api/answers.ts";
import { compileModel, inputElements } from "../../api/compile.ts";
import { runConformance } from "../../api/conformance.ts";
import { executeFunctional } from "../../api/execution.ts";
import { hostOperationResults, makeHost } from "../../api/host-operations.ts";
import { reportImport } from "../../api/import-report.ts";
import { importModel } from "../../api/model.ts";
import { simulateProgramFile } from "../../api/program-file.ts";
import { type Run, runModel } from "../../api/run.ts";
import { chooseTarget } from "../../api/target.ts";
import { BorealError } from "../../base/errors.ts";
import { at } from "../../base/math.ts";
import { makeRandom } from "../../base/random.ts";
import { encodeTensorProto } from "../../compiler/onnx/codec.ts";
import type { ImportedModel } from "../../compiler/onnx/importer.ts";
import { writeModel } from "../../compiler/onnx/write-model.ts";
import type { Program } from "../../ir/program.ts";
import { parseProgram, printProgram } from "../../ir/program-text.ts";
import { f32Tensor, i64Tensor, type Tensor } from "../../ir/tensor.ts";
import { printConformance } from "../../report/conformance.ts";
import { printRun, printSimulation } from "../../report/text.ts";
import { createExecutor } from "../../runtime-sim/functional/executor.ts";
import { checkOrder } from "../../runtime-sim/functional/order-check.ts";
import { traceEvents } from "../../runtime-sim/trace.ts";
import { node, value } from "../compiler/onnx/written-models.ts";

const target = chooseTarget("mini-4x4");
const { chip } = target;
const machine = {
  memoryBytes: chip.core.memoryBytes,
  weightBufferBytes: chip.core.weightBufferBytes,
  partialBufferBytes: chip.core.partialBufferBytes,
  frameBufferBytes: chip.frameBuffer.bytes,
};

function normal(seed: number, ...shape: number[]): Tensor {
  const random = makeRandom(seed);
  const count = shape.reduce((product, size) => product * size, 1);
  return f32Tensor(
    shape,
    Array.from({ length: count }, () => random.normal() / 4),
  );
}

/** A table that the chip computes, a look-up in it by indices that are data, and a product of what it gives. */
function lookUpBytes(): Uint8Array {
  return writeModel({
    name: "look-up",
    opset: 17,
    inputs: [value("x", 512, 32), { name: "i", element: "i64", shape: [300] }],
    outputs: [value("y", 300, 16)],
    initializers: { v: normal(1, 32, 32), w: normal(2, 32, 16) },
    nodes: [
      node("MatMul", "x v", "a"),
      node("Relu", "a", "t"),
      node("Gather", "t i", "g", {}, "look"),
      node("MatMul", "g w", "y"),
    ],
  });
}

const lookUp = (): ImportedModel => importModel({ bytes: lookUpBytes(), name: "look-up" });

function frame(seed: number): Map<string, Tensor> {
  const random = makeRandom(seed);
  const indices = Array.from({ length: 300 }, () => random.integer(-512, 511));
  return new Map([
    ["x", normal(seed, 512, 32)],
    ["i", i64Tensor([300], indices)],
  ]);
}

describe("a network with an operator on the host", () => {
  const frames = [frame(11), frame(12)];
  let run: Run;
  let program: Program;

  beforeAll(() => {
    run = runModel({
      model: lookUp(),
      target,
      hostOps: true,
      inputs: { frames, count: frames.length, description: "two samples" },
      calibration: [frame(13)],
      baselines: ["h100"],
    });
    program = run.compiled.program;
  });

  it("is refused without the host, with a hint at it", () => {
    const refused = (): unknown => compileModel(lookUp(), chip, { calibration: frames });
    expect(refused).toThrow(/B404.*"gather_data"/);
    try {
      refused();
    } catch (error) {
      const problem = error instanceof BorealError ? error.problems[0] : undefined;
      expect([problem?.at.onnxNode, problem?.hint]).toEqual(["look", expect.stringContaining("--host-ops")]);
    }
  });

  it("equals the exact evaluation, in any legal order", () => {
    expect(run.result.accuracy?.exactCheck).toEqual({ sampleCount: 2, equal: true });
    const { chipGraph, sidecar } = run.compiled;
    const [wanted] = evaluateExact(chipGraph, at(frames, 0), inputElements(lookUp().graph));
    expect(executeFunctional(program, sidecar, chip, { checked: true }).run(at(frames, 0))[0]?.data).toEqual(
      wanted?.data,
    );
    const inputs = new Map(program.inputs.map(({ name, bytes }) => [name, new Uint8Array(bytes)]));
    const expected = createExecutor(program, sidecar, machine, { host: makeHost() }).run(inputs);
    for (let seed = 0; seed < 4; seed += 1) {
      const executor = createExecutor(program, sidecar, machine, { host: makeHost(), order: { seed } });
      expect(executor.run(inputs)).toEqual(expected);
      expect(executor.run(inputs)).toEqual(expected);
    }
    expect(checkOrder(program, machine)).toEqual([]);
  });

  it("equals it on a chip of one row, whose io core has both directions of the link", () => {
    const row = chooseTarget("mini-4x4", ["grid.rows=1"]).chip;
    const { chipGraph, program: other, sidecar } = compileModel(lookUp(), row, { hostOps: true, calibration: frames });
    const [wanted] = evaluateExact(chipGraph, at(frames, 0), inputElements(lookUp().graph));
    expect(executeFunctional(other, sidecar, row, { checked: true }).run(at(frames, 0))[0]?.data).toEqual(wanted?.data);
    expect(checkOrder(other, machine)).toEqual([]);
  });

  it("keeps states beside it", () => {
    const bytes = writeModel({
      name: "memory",
      opset: 18,
      inputs: [value("memory", 512, 32), { name: "i", element: "i64", shape: [300, 1] }, value("u", 300, 32)],
      outputs: [value("y", 512, 32), value("next_memory", 512, 32)],
      initializers: {},
      nodes: [node("ScatterND", "memory i u", "next_memory", { reduction: "add" }), node("Relu", "next_memory", "y")],
    });
    const random = makeRandom(7);
    const samples = [1, 2].map(
      (seed) =>
        new Map([
          [
            "i",
            i64Tensor(
              [300, 1],
              Array.from({ length: 300 }, () => random.integer(-512, 511)),
            ),
          ],
          ["u", normal(seed, 300, 32)],
        ]),
    );
    const { result, compiled } = runModel({
      model: importModel({ bytes, name: "memory" }),
      target,
      hostOps: true,
      inputs: { frames: samples, count: 2, description: "two samples" },
      baselines: [],
    });
    expect(result.choices.states).toEqual([{ output: "next_memory", input: "memory" }]);
    expect(result.accuracy?.exactCheck).toEqual({ sampleCount: 2, equal: true });
    expect(compiled.program.hostOperations.map(({ operator, operands }) => [operator, operands.length])).toEqual([
      ["scatter_data", 3],
    ]);
  });

  it("says everything in its listing", () => {
    const text = printProgram(program);
    const read = parseProgram(text);
    expect(read).toEqual(program);
    expect(read.hostOperations.map(({ name, operator, operands }) => [name, operator, operands.length])).toEqual([
      ["g", "gather_data", 2],
    ]);
    const again = executeFunctional(read, run.compiled.sidecar, chip).run(at(frames, 1));
    expect(again).toEqual(executeFunctional(program, run.compiled.sidecar, chip).run(at(frames, 1)));
    const { result } = simulateProgramFile({ program: read, sha256: "0".repeat(64), sidecar: null }, target);
    const { hostOperations, timing } = run.result;
    expect(result.hostOperations).toEqual(hostOperations);
    expect(result.timing.latencyCycles).toBe(timing.latencyCycles);
    expect(result.warnings.map(({ code }) => code)).toContain("W205");
    expect(printSimulation(result)).toContain("on the host 1 operator,");
  });

  // At 100 MHz: a command takes 100 cycles and 10 bytes one; an operation 200 to begin with and 5 elements one.
  it("takes the time of link and host in the middle of each run, on device and with host", () => {
    const cyclesOf = (kind: string, port: (number: number) => boolean, host: boolean): number[] =>
      [...traceEvents(host ? run.simulation.withHost : run.simulation.onDevice)]
        .filter(({ batch, place: { instruction } }) => {
          if (batch !== 1 || instruction.kind !== kind) return false;
          return !("port" in instruction) || port(instruction.port);
        })
        .map(({ start, end }) => end - start);
    const elements = 512 * 32 + 300 + 300 * 32;
    for (const host of [false, true]) {
      expect(cyclesOf("host.out", (port) => port >= 1, host)).toEqual([100 + 3277, 100 + 240]);
      expect(cyclesOf("host.run", () => true, host)).toEqual([200 + Math.ceil(elements / 5)]);
      expect(cyclesOf("host.in", (port) => port >= 2, host)).toEqual([100 + 1920]);
    }
    expect(cyclesOf("host.out", (port) => port === 0, false)).toEqual([0]);
    // The second transfer's first cycle passes while the signals after the first are still on their way.
    expect(run.result.timing.cyclesByCause.host).toBe(3377 + (340 - 1) + 5457 + 2020);
    expect(Math.abs(run.compiled.map.predictedCycles / run.result.timing.latencyCycles - 1)).toBeLessThan(0.1);
    expect(run.result.timing.boundLatencyCycles).toBeLessThan(run.result.timing.latencyCycles);
    expect(run.result.timing.boundResource).toBe("hostOperation");
    expect(run.result.energy.byComponentJoules.host).toBeCloseTo((32768 + 2400 + 19200) * 50e-12, 15);
  });

  it("is reported with bytes and times", () => {
    expect(run.result.hostOperations).toEqual([
      {
        name: "g",
        operator: "gather_data",
        elementCount: 26284,
        transferBytes: 32768 + 2400 + 19200,
        transferSeconds: (3377 + 340 + 2020) / 1e8,
        operationSeconds: 5457 / 1e8,
      },
    ]);
    expect(run.result.choices.hostOps).toBe(true);
    expect(run.result.warnings.find(({ code }) => code === "W205")?.message).toContain('gather_data "g"');
    expect(printRun(run.result)).toContain("on the host 1 operator, 53.1 KiB");
    expect(run.result.layers.map(({ name, kind }) => `${kind} ${name}`)).toEqual([
      "input input x",
      "input input i",
      "contraction MatMul_0",
      "output look operand 0",
      "output look operand 1",
      "input look",
      "vector look#2",
      "contraction MatMul_3",
      "output output 0 y",
    ]);
    expect(run.result.baselines).not.toEqual([]);
  });

  it("is listed by the report on an import", () => {
    const { onHost, refused } = reportImport(lookUp(), { chip, hostOps: true });
    expect([onHost, refused]).toEqual([[{ node: "look", operator: "Gather" }], []]);
  });

  it("is refused when its listing says something else", () => {
    const [operation] = program.hostOperations;
    if (operation === undefined) throw new Error("no host operation");
    const bytes = operation.operands.map((port) => new Uint8Array(port.bytes));
    const compute = (graph: string) => () => makeHost()({ ...operation, graph }, bytes);
    expect(makeHost()(operation, bytes).length).toBe(operation.result.bytes);
    expect(compute(operation.graph.replaceAll("300", "30"))).toThrow(/B702/);
    expect(compute("graph")).toThrow(/B201/);
    expect(compute(operation.graph.replace("return %g", "return %t"))).toThrow(/B503.*"g"/);
  });
});

describe("a case whose operator the host runs", () => {
  const folder = mkdtempSync(join(tmpdir(), "boreal-host-"));
  const name = "look_up";

  beforeAll(() => {
    const set = join(folder, name, "test_data_set_0");
    mkdirSync(set, { recursive: true });
    writeFileSync(join(folder, name, "model.onnx"), lookUpBytes());
    const given = [...frame(17).values()];
    given.forEach((tensor, index) => {
      writeFileSync(join(set, `input_${index}.pb`), encodeTensorProto(tensor, `input_${index}`));
    });
    writeFileSync(join(set, "output_0.pb"), encodeTensorProto(f32Tensor([1], [0]), "y"));
  });

  afterAll(() => rmSync(folder, { recursive: true }));

  it("passes with the host, and says so; else it is refused", () => {
    const hosted = runConformance(folder, { executor: "functional", chip, hostOps: true });
    expect([hosted.passCount, hosted.cases[0]?.hostNodes]).toEqual([1, ["look"]]);
    expect(printConformance(hosted)).toContain("The host runs nodes of 1 case that the chip cannot.");
    const refused = runConformance(folder, { executor: "functional", chip });
    expect(refused.cases.map(({ status, code }) => [status, code])).toEqual([["refused", "B404"]]);
  });
});

describe("operators on the host", () => {
  /** The greatest elements of many, and their places, of a product with weights. */
  const top = (): ImportedModel => {
    const bytes = writeModel({
      name: "top",
      opset: 17,
      inputs: [value("x", 1, 8)],
      outputs: [value("values", 1, 5), { name: "places", element: "i64", shape: [1, 5] }],
      initializers: { w: normal(3, 8, 5000), k: i64Tensor([1], [5]) },
      nodes: [node("MatMul", "x w", "s"), node("TopK", "s k", "values places")],
    });
    return importModel({ bytes, name: "top" });
  };

  it("are a transfer each, and may end a network", () => {
    const inputs = { frames: [new Map([["x", normal(5, 1, 8)]])], count: 1, description: "one sample" };
    const { result, compiled } = runModel({ model: top(), target, hostOps: true, inputs, baselines: [] });
    expect(result.accuracy?.exactCheck).toEqual({ sampleCount: 1, equal: true });
    expect(result.hostOperations.map(({ operator }) => operator)).toEqual(["top_values", "top_indexes"]);
    expect(compiled.program.outputs.map(({ name }) => name)).toEqual(["values", "places"]);
    expect(checkOrder(compiled.program, machine)).toEqual([]);
  });

  it("are computed in each of two streams from its own operands", () => {
    const frames = [5, 6, 7].map((seed) => new Map([["x", normal(seed, 1, 8)]]));
    const inputs = { frames, count: 3, description: "three samples" };
    const { result, compiled } = runModel({
      model: top(),
      target,
      hostOps: true,
      inputs,
      baselines: [],
      streamCount: 2,
      objective: "throughput",
    });
    expect(result.accuracy?.exactCheck).toEqual({ sampleCount: 3, equal: true });
    const { program } = compiled;
    const operands = program.hostOperations.map(({ name, operands }) => [name, operands.map((port) => port.name)]);
    expect(operands).toEqual([
      ["values", ["s"]],
      ["values@2", ["s@2"]],
      ["places", ["s"]],
      ["places@2", ["s@2"]],
    ]);
    expect(program.outputs.map(({ name }) => name)).toEqual(["values", "values@2", "places", "places@2"]);
    expect(checkOrder(program, machine)).toEqual([]);
  });

  it("are timed without weights too", () => {
    const compiled = compileModel(top(), chip, { hostOps: true });
    const withWeights = compileModel(top(), chip, { hostOps: true, calibration: [new Map([["x", normal(5, 1, 8)]])] });
    expect(hostOperationResults(compiled.program, chip)).toEqual(hostOperationResults(withWeights.program, chip));
    expect(compiled.sidecar).toBe(null);
  });

  it("keep nothing on the host where the chip can run all", () => {
    const bytes = writeModel({
      name: "plain",
      opset: 17,
      inputs: [value("x", 1, 8)],
      outputs: [value("y", 1, 8)],
      initializers: {},
      nodes: [node("Softmax", "x", "y")],
    });
    const model = importModel({ bytes, name: "plain" });
    const calibration = [new Map([["x", normal(6, 1, 8)]])];
    const compiled = compileModel(model, chip, { hostOps: true, calibration });
    expect(printProgram(compiled.program)).toBe(printProgram(compileModel(model, chip, { calibration }).program));
    expect(compiled.program.hostOperations).toEqual([]);
  });
});
