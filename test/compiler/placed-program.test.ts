import { describe, expect, it } from "vitest";
import { emitProgram, ProgramBufferError, ProgramRoomError } from "../../compiler/emit/emitter.ts";
import { type MapResult, mapNetwork } from "../../compiler/mapper/mapper.ts";
import { placedProgram } from "../../compiler/placed-program.ts";
import { loadChip } from "../../targets/load.ts";
import { applyOverrides } from "../../targets/override.ts";
import { TestGraph } from "./mapper/networks.ts";

const mini = loadChip("mini-4x4");
const options = { name: "p", modelElements: new Map() };

/** Products of [rows, width] by [width, width], one after the other. */
function stack(rows: number, width: number, layerCount = 6): ReturnType<TestGraph["network"]> {
  const graph = new TestGraph();
  let value = graph.input("x", [rows, width]);
  for (let layer = 0; layer < layerCount; layer += 1) value = graph.matmul(`fc${layer}`, value, width);
  return graph.output(value).network();
}

describe("a placed program", () => {
  const network = stack(64, 256);
  const quickest = mapNetwork(network, mini);

  it("has the quickest mapping where programs fit beside its data", () => {
    const placed = placedProgram(network, mini, {}, options);
    expect(placed.map).toEqual(quickest);
    expect(placed.program).toEqual(emitProgram(quickest.plan, quickest.mapping, options).program);
  });

  it("has leaner data where they would leave no room for its programs", () => {
    // Where streaming is slow, every core keeps all weights of a layer as long as there is room.
    const slow = applyOverrides(mini, ["networks.model.link=1"]);
    const square = stack(66, 66, 24);
    const copied = mapNetwork(square, slow);
    // A 64th is kept from copies of weights, less than the programs take.
    const tight = applyOverrides(slow, [`core.memory=${Math.ceil((copied.peakBytes * 64) / 63)}`]);
    const mapped = mapNetwork(square, tight);
    expect(mapped.predictedCycles).toBe(copied.predictedCycles);
    expect(() => emitProgram(mapped.plan, mapped.mapping, options)).toThrow(ProgramRoomError);
    const { map, program } = placedProgram(square, tight, {}, options);
    expect(map.peakBytes).toBeLessThan(copied.peakBytes);
    expect(map.predictedCycles).toBeGreaterThan(copied.predictedCycles);
    const end = Math.max(
      ...program.buffers.filter(({ space }) => space === "memory").map(({ address, bytes }) => address + bytes),
    );
    expect(end).toBeLessThanOrEqual(tight.core.memoryBytes);
    expect(program.buffers.find(({ name }) => name === "partial sums")?.bytes).toBe(tight.core.partialBufferBytes);
  });

  it("has leaner data in both streams where the programs of both would leave it no room", () => {
    const slow = applyOverrides(mini, ["networks.model.link=1"]);
    const square = stack(66, 66, 24);
    const copied = mapNetwork(square, slow);
    const { program: alone } = placedProgram(square, slow, {}, options);
    const programBytes = alone.buffers.find(({ name }) => name === "programs")?.bytes ?? 0;
    // Room for the programs of one stream.
    const tight = applyOverrides(slow, [`core.memory=${copied.peakBytes + programBytes + 1024}`]);
    expect(placedProgram(square, tight, {}, options).map.predictedCycles).toBe(copied.predictedCycles);
    const { map, program } = placedProgram(square, tight, { streamCount: 2 }, options);
    expect(program.steps).toHaveLength(2 * alone.steps.length);
    expect(map.predictedCycles).toBeGreaterThan(2 * copied.predictedCycles);
    const plans = new Map(map.mapping.steps.map(({ name, weights }) => [name, weights]));
    for (const [name, weights] of plans) expect(plans.get(name.replace("@2", ""))).toEqual(weights);
  });

  it("has another split of a step whose program exceeds its buffer, unless the step was given", () => {
    const cramped = applyOverrides(mini, [
      "core.weightBuffer=512",
      "core.partialBuffer=256",
      "core.programBuffer=3072",
    ]);
    const uneven = stack(7, 66, 1);
    const quick = mapNetwork(uneven, cramped);
    expect(() => emitProgram(quick.plan, quick.mapping, options)).toThrow(ProgramBufferError);
    const { map } = placedProgram(uneven, cramped, {}, options);
    const splitOf = ({ mapping }: MapResult): unknown => mapping.steps.find(({ name }) => name === "fc0")?.split;
    expect(splitOf(map)).not.toEqual(splitOf(quick));
    expect(map.predictedCycles).toBeGreaterThanOrEqual(quick.predictedCycles);
    const both = placedProgram(uneven, cramped, { streamCount: 2 }, options).map;
    const splits = ["fc0", "fc0@2"].map((name) => both.mapping.steps.find((step) => step.name === name)?.split);
    expect(splits).toEqual([splitOf(map), splitOf(map)]);
    const given = { ...quick.mapping, buffers: [] };
    expect(() => placedProgram(uneven, cramped, { mapping: given }, options)).toThrow(ProgramBufferError);
  });

  it("is refused with both demands where no data leave room, and where the buffers are given", () => {
    const phases: string[] = [];
    const small = applyOverrides(mini, ["core.memory=27000"]);
    expect(() => placedProgram(network, small, {}, options, (phase) => phases.push(phase))).toThrow(
      /core memory: data take \d+ bytes and programs \d+, together \d+; a core has 27000/,
    );
    expect(phases.slice(0, 2)).toEqual(["map", "emit"]);
    const tight = applyOverrides(mini, [`core.memory=${quickest.peakBytes + 256}`]);
    expect(() => placedProgram(network, tight, { mapping: quickest.mapping }, options)).toThrow(ProgramRoomError);
  });
});
