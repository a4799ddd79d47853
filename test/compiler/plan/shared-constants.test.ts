import { describe, expect, it } from "vitest";
import { at } from "../../../base/math.ts";
import { makeRandom } from "../../../base/random.ts";
import { layOut } from "../../../compiler/geometry.ts";
import { boundaryValue } from "../../../compiler/mapper/check.ts";
import { minimize } from "../../../compiler/mapper/elimination.ts";
import { constantWeights } from "../../../compiler/mapper/layer-cost.ts";
import { mapNetwork } from "../../../compiler/mapper/mapper.ts";
import { parseMapping, printMapping } from "../../../compiler/mapper/mapping-file.ts";
import { searchSpace } from "../../../compiler/mapper/search.ts";
import { vectorWork } from "../../../compiler/mapper/work.ts";
import { gridOf, type Network } from "../../../compiler/network.ts";
import { tilePlan } from "../../../compiler/tiling.ts";
import { evaluate } from "../../../ir/evaluate.ts";
import type { MappedBuffer, MappedStep, Split } from "../../../ir/mapping.ts";
import { f32Tensor, type Tensor } from "../../../ir/tensor.ts";
import { checkOrder } from "../../../runtime-sim/functional/order-check.ts";
import { loadChip } from "../../../targets/load.ts";
import {
  build,
  bytesOf,
  difference,
  memoriesOf,
  preparedCase,
  type RandomCase,
  randomSteps,
  runFunctional,
} from "../../contracts/random-case.ts";
import { load, model, node, numbers, value } from "../onnx/written-models.ts";

const mini = loadChip("mini-4x4");

/** A GRU over `stepCount` steps of 5 numbers with 4 hidden ones, unrolled and quantized. */
function gru(stepCount: number): RandomCase {
  const random = makeRandom(7);
  const weights = (...shape: number[]): Tensor => {
    const count = shape.reduce((product, size) => product * size, 1);
    return f32Tensor(
      shape,
      numbers(count, () => random.uniform() - 0.5),
    );
  };
  const bytes = model([node("GRU", "x w r b", "y", { hidden_size: 4, linear_before_reset: 1 })], {
    inputs: [value("x", stepCount, 1, 5)],
    outputs: [value("y", stepCount, 1, 1, 4)],
    initializers: { w: weights(1, 12, 5), r: weights(1, 12, 4), b: weights(1, 24) },
  });
  return preparedCase(random, load(bytes).graph);
}

/** Steps that have a split as `splitOf` says, all weights resident. */
function stepsWith(network: Network, splitOf: (recurrent: number | null) => Split): MappedStep[] {
  let recurrent = 0;
  return network.layers.map((layer) => {
    const hasWeights = constantWeights(layer) !== null;
    const isRecurrent = hasWeights && layer.dimensions.find(({ kind }) => kind === "reduction")?.size === 4;
    const split = splitOf(isRecurrent ? recurrent : null);
    if (isRecurrent) recurrent += 1;
    return {
      name: layer.name,
      kind: layer.kind,
      nodes: layer.nodes.map(({ name }) => name),
      value: boundaryValue(layer),
      split,
      weights: hasWeights ? { copies: "all" as const } : null,
      tile: layer.kind === "contraction" ? tilePlan(layer, layOut(layer.dimensions, split, gridOf(mini)), mini) : null,
      reduction: null,
    };
  });
}

const whole: Split = { rows: [], columns: [] };
const halves: Split = { rows: [{ dimension: "n", parts: 2 }], columns: [] };

function weightsOf(buffers: readonly MappedBuffer[]): (readonly [string | null, number])[] {
  return buffers.filter(({ role }) => role === "weights").map(({ value: name, bytes }) => [name, bytes]);
}

describe("constants that several steps read", () => {
  it("are stored once by a recurrence of 32 steps", () => {
    const { network } = gru(32);
    const built = build(
      gru(32),
      mini,
      stepsWith(network, () => whole),
    );
    const contractions = network.layers.filter((layer) => constantWeights(layer) !== null);
    expect(contractions.length).toBeGreaterThanOrEqual(32);
    // In pairs along the inner dimension: 5 inputs make 3 pairs of 12 columns, 4 hidden numbers 2 pairs.
    expect(weightsOf(built?.mapping.buffers ?? []).map(([, bytes]) => bytes)).toEqual([2 * 3 * 12, 2 * 2 * 12]);
    for (const { role, firstStep, lastStep } of built?.mapping.buffers ?? []) {
      if (role === "weights" || role === "constant")
        expect([firstStep, lastStep]).toEqual([0, network.layers.length - 1]);
    }
  });

  it("are stored once for each way to cut them", () => {
    const { network } = gru(8);
    const steps = stepsWith(network, (recurrent) => (recurrent === null || recurrent % 2 === 0 ? whole : halves));
    const built = build(gru(8), mini, steps);
    expect(weightsOf(built?.mapping.buffers ?? []).map(([, bytes]) => bytes)).toEqual([
      2 * 3 * 12,
      2 * 2 * 12,
      2 * 2 * 6,
    ]);
  });

  it("stand on every core that any of the steps uses, whatever the splits", () => {
    for (let seed = 0; seed < 6; seed += 1) {
      const random = makeRandom(seed);
      const each = gru(4);
      const chosen = new Map<string, MappedStep>();
      const steps = randomSteps(random, each.network, mini).map((step, index) => {
        const layer = each.network.layers[index];
        const key = JSON.stringify([
          layer?.kind,
          layer?.dimensions,
          layer === undefined ? "" : constantWeights(layer)?.value,
        ]);
        const known = chosen.get(key) ?? step;
        chosen.set(key, known);
        // Steps that are split alike have the same cores, so none runs beside another.
        const { beside: _own, ...alone } = step;
        const { beside: _known, ...same } = known;
        const { name, nodes, value } = step;
        return random.uniform() < 0.3 ? alone : { ...same, name, nodes, value };
      });
      const built = build(each, mini, steps);
      if (built === null) throw new Error(`seed ${seed} does not fit`);
      const expected = bytesOf(evaluate(each.prepared.chipGraph, each.inputs));
      for (const options of [{ checked: true }, { order: { seed } }]) {
        expect(difference(expected, runFunctional(built, each.inputs, mini, options)), `seed ${seed}`).toBe("");
      }
      expect(checkOrder(built.program, memoriesOf(mini))).toEqual([]);
    }
  });

  it("come back from a mapping file with their addresses", () => {
    const { network } = gru(6);
    const { mapping } = mapNetwork(network, mini);
    const read = parseMapping(printMapping(mapping));
    expect(read).toEqual(mapping);
    expect(mapNetwork(network, mini, { mapping: read }).mapping).toEqual(mapping);
  });

  it("let memory and search grow slowly with the steps", () => {
    const figures = [12, 48].map((stepCount) => {
      const { network } = gru(stepCount);
      const space = searchSpace(network, vectorWork(network.layers, mini), mini);
      const single = space.candidates.map((list) => Float64Array.from(list, ({ cost }) => cost.cycles));
      const pairs = space.edges.map(({ producer, consumer }, index) => ({
        left: producer,
        right: consumer,
        table: at(space.tables, index).whole(),
      }));
      const bytes = weightsOf(mapNetwork(network, mini).mapping.buffers).reduce((sum, [, each]) => sum + each, 0);
      return { bytes, operationCount: minimize(single, pairs, 2e6).operationCount };
    });
    const [short, long] = figures as [(typeof figures)[number], (typeof figures)[number]];
    expect(long.bytes).toBeLessThanOrEqual(short.bytes);
    expect(long.operationCount).toBeLessThan(4.5 * short.operationCount);
  });
});
