import { describe, expect, it } from "vitest";
import { evaluateExact } from "../../api/answers.ts";
import { compileModel } from "../../api/compile.ts";
import { executeFunctional } from "../../api/execution.ts";
import { importModel } from "../../api/model.ts";
import { boundaryInputElements, runModel } from "../../api/run.ts";
import { chooseStates, completeSamples, StateSequence } from "../../api/states.ts";
import { chooseTarget } from "../../api/target.ts";
import type { BorealError } from "../../base/errors.ts";
import { makeRandom } from "../../base/random.ts";
import type { WrittenModel } from "../../compiler/onnx/write-model.ts";
import { writeModel } from "../../compiler/onnx/write-model.ts";
import { parseProgram, printProgram } from "../../ir/program-text.ts";
import { f32Tensor, type Tensor } from "../../ir/tensor.ts";
import { node, value } from "../compiler/onnx/written-models.ts";

const target = chooseTarget("mini-4x4");

/** h' = tanh(x·W + h·U), y = h'·V; and a register that hands the last x on. */
function recurrent(names: { readonly h: string; readonly next: string }): ReturnType<typeof importModel> {
  const random = makeRandom(5);
  const weights = (...shape: number[]): Tensor =>
    f32Tensor(
      shape,
      Array.from({ length: shape.reduce((a, b) => a * b, 1) }, () => random.normal() / 3),
    );
  const written: WrittenModel = {
    name: "recurrent",
    opset: 17,
    inputs: [value("x", 1, 8), value(names.h, 1, 12), value("past.x", 1, 8)],
    outputs: [value("y", 1, 4), value(names.next, 1, 12), value("present.x", 1, 8)],
    initializers: { w: weights(8, 12), u: weights(12, 12), v: weights(12, 4), p: weights(8, 12) },
    nodes: [
      node("MatMul", "x w", "xw"),
      node("MatMul", `${names.h} u`, "hu"),
      node("MatMul", "past.x p", "pp"),
      node("Sum", "xw hu pp", "s"),
      node("Tanh", "s", names.next),
      node("MatMul", `${names.next} v`, "y"),
      node("Identity", "x", "present.x"),
    ],
  };
  return importModel({ bytes: writeModel(written), name: "recurrent" });
}

const steps = 6;
const frames = Array.from({ length: steps }, (_, index) => {
  const random = makeRandom(100 + index);
  const numbers = Array.from({ length: 8 }, () => random.normal());
  return new Map([["x", f32Tensor([1, 8], numbers)]]);
});

describe("states", () => {
  it("are guessed by the names of outputs and inputs of one type", () => {
    const found = (h: string, next: string) => chooseStates(recurrent({ h, next })).pairs;
    const register = { output: "present.x", input: "past.x" };
    expect(found("h", "hn")).toEqual([{ output: "hn", input: "h" }, register]);
    expect(found("h_in", "h_out")).toEqual([{ output: "h_out", input: "h_in" }, register]);
    expect(found("state", "new_state")).toEqual([{ output: "new_state", input: "state" }, register]);
    expect(found("h", "other")).toEqual([register]);
  });

  it("that are guessed come with a warning, none with none, and pairs are taken as they are", () => {
    const model = recurrent({ h: "h", next: "hn" });
    expect(chooseStates(model).warnings.map(({ code }) => code)).toEqual(["W104"]);
    expect(chooseStates(model, "none")).toEqual({ states: [], pairs: [], warnings: [] });
    expect(chooseStates(model, [{ output: "hn", input: "h" }]).states).toEqual([{ input: "h", output: 1 }]);
  });

  it("that do not fit are refused together, each with what was found and expected", () => {
    const model = recurrent({ h: "h", next: "hn" });
    const wrong = [
      { output: "y", input: "h" },
      { output: "hm", input: "h" },
      { output: "hn", input: "g" },
    ];
    try {
      chooseStates(model, wrong);
      expect.unreachable();
    } catch (error) {
      expect((error as BorealError).problems.map(({ code, message }) => `${code} ${message}`)).toEqual([
        "B118 State y=h: the input is f32[1,12], the output f32[1,4].",
        'B118 State hm=h: there is no output "hm", expected y, hn, present.x.',
        'B118 State hn=g: there is no input "g", expected x, h, past.x.',
      ]);
    }
  });

  it("stay in the cores' memories: the chip answers a sequence as the exact evaluation fed back by hand, until it is reset", () => {
    const model = recurrent({ h: "h", next: "hn" });
    const { states } = chooseStates(model);
    const calibration = completeSamples(model.graph, states, frames);
    const compiled = compileModel(model, target.chip, { states, calibration });
    expect(compiled.program.inputs.map(({ name }) => name)).toEqual(["x"]);
    expect(compiled.program.outputs.map(({ name }) => name)).toEqual(["y"]);
    expect(compiled.program.states.map(({ input, output }) => [input, output])).toEqual([
      ["h", "hn"],
      ["past.x", "past.x.next"],
    ]);
    const read = parseProgram(printProgram(compiled.program));
    const chip = executeFunctional(read, compiled.sidecar, target.chip, { checked: true });
    const sequence = new StateSequence(compiled.chipGraph, states);
    const elements = boundaryInputElements(model.graph, compiled, states);
    const exact = frames.map((frame) => {
      const outputs = evaluateExact(compiled.chipGraph, sequence.complete(frame), elements);
      sequence.advance(outputs);
      return [[...(outputs[0]?.data ?? [])]];
    });
    const first = frames.map((frame) => chip.run(frame).map(({ data }) => [...data]));
    expect(first).toEqual(exact);
    chip.reset();
    const again = frames.map((frame) => chip.run(frame).map(({ data }) => [...data]));
    expect(again).toEqual(first);
    chip.reset();
    const [once, twice] = [0, 1].map(() => chip.run(frames[0] as (typeof frames)[number])[0]?.data);
    expect(twice).not.toEqual(once);
  });

  it("are part of a run: exact on every sample of the sequence, with initial values, and without crossing the host link", () => {
    const model = recurrent({ h: "h", next: "hn" });
    const inputs = { frames, count: steps, description: "six steps" };
    const initialStates = new Map([["h", f32Tensor([1, 12], new Array<number>(12).fill(0.5))]]);
    const options = { model, target, inputs, calibration: frames, baselines: ["v100"] } as const;
    const kept = runModel({ ...options, initialStates });
    expect(kept.result.accuracy?.exactCheck).toEqual({ sampleCount: steps, equal: true });
    expect(kept.result.accuracy?.sqnrDb).toBeGreaterThan(25);
    expect(kept.result.choices.states).toHaveLength(2);
    const answers: (readonly Tensor[])[] = [];
    runModel({ ...options, onAnswer: ({ chip }) => void answers.push(chip) });
    expect(answers).toHaveLength(steps);
    const fed = completeSamples(model.graph, chooseStates(model).states, frames);
    const handed = runModel({ ...options, inputs: { ...inputs, frames: fed }, calibration: fed, states: "none" });
    const ports = ({ compiled: { program } }: typeof kept): number[] => [program.inputs.length, program.outputs.length];
    expect([ports(kept), ports(handed)]).toEqual([
      [1, 1],
      [3, 3],
    ]);
    expect(handed.result.choices.states).toEqual([]);
  });

  it("of a sequence begin at zero and take the outputs as they come", () => {
    const { graph, outputNames } = recurrent({ h: "h", next: "hn" });
    const sequence = new StateSequence(graph, chooseStates({ graph, outputNames }).states);
    expect([...(sequence.complete(new Map()).get("h")?.data ?? [])]).toEqual(new Array(12).fill(0));
    const next = f32Tensor([1, 12], new Array<number>(12).fill(2));
    sequence.advance([f32Tensor([1, 4], [0, 0, 0, 0]), next, f32Tensor([1, 8], new Array<number>(8).fill(1))]);
    expect(sequence.complete(new Map()).get("h")).toEqual(next);
  });
});
