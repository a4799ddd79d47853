import { createHash } from "node:crypto";
import { beforeAll, describe, expect, it } from "vitest";
import { BorealError } from "../../base/errors.ts";
import { at } from "../../base/math.ts";
import { makeRandom } from "../../base/random.ts";
import { layOut } from "../../compiler/geometry.ts";
import { checkStep } from "../../compiler/mapper/check.ts";
import { stepChunks, storedBytes } from "../../compiler/step-chunks.ts";
import { tilePlan } from "../../compiler/tiling.ts";
import { pairedBytes } from "../../compiler/weights.ts";
import { evaluate } from "../../ir/evaluate.ts";
import {
  type ActivationStage,
  type Field,
  fieldValue,
  type Instruction,
  type Operand,
  type SimpleInstruction,
} from "../../ir/instruction.ts";
import { boxCount } from "../../ir/iteration.ts";
import type { MappedStep, Split } from "../../ir/mapping.ts";
import type { Program } from "../../ir/program.ts";
import { elementBytes, elementTypes } from "../../ir/type.ts";
import type { WeightPlan } from "../../ir/weight-plan.ts";
import { loadChip } from "../../targets/load.ts";
import type { ChipTarget } from "../../targets/target.ts";
import { load, model, node, normalWeights, value } from "../compiler/onnx/written-models.ts";
import { type Built, build, bytesOf, difference, preparedCase, type RandomCase, runFunctional } from "./random-case.ts";

const mini: ChipTarget = { ...loadChip("mini-4x4"), activation: { fillCycles: 3 } };

/** A residual block of convolutions and a product, without an activation that could hide a fault. */
function smallCase(precision: string): RandomCase {
  const random = makeRandom(5);
  const weights = (...shape: number[]) => normalWeights(random, 4, ...shape);
  const { graph } = load(
    model(
      [
        node("Conv", "x w1 b1", "a", { pads: [1, 1, 1, 1] }),
        node("Conv", "a w2", "b", { pads: [1, 1, 1, 1] }),
        node("Add", "a b", "c"),
        node("Flatten", "c", "d"),
        node("MatMul", "d w3", "y"),
      ],
      {
        inputs: [value("x", 1, 3, 4, 4)],
        outputs: [value("y", 1, 5)],
        initializers: { w1: weights(4, 3, 3, 3), b1: weights(4), w2: weights(4, 4, 3, 3), w3: weights(64, 5) },
      },
    ),
  );
  return preparedCase(random, graph, new Set(), precision);
}

/** Steps that use everything: streamed weights with halos, partial sums along rows, resident weights. */
function smallSteps({ network }: RandomCase): MappedStep[] {
  const parts = (list: readonly (readonly [string, number])[]) =>
    list.map(([dimension, count]) => ({ dimension, parts: count }));
  let contraction = 0;
  return network.layers.map((layer) => {
    let split: Split = { rows: [], columns: [] };
    let weights: WeightPlan | null = null;
    if (layer.kind === "contraction") {
      split = at(
        [
          { rows: parts([["h", 2]]), columns: parts([["w", 2]]) },
          {
            rows: parts([
              ["h", 2],
              ["c", 2],
            ]),
            columns: parts([["o", 2]]),
          },
          { rows: parts([]), columns: parts([["k", 4]]) },
        ],
        contraction,
      );
      weights = { copies: contraction === 0 ? 1 : "all" };
      contraction += 1;
    } else if (layer.kind === "input") split = { rows: parts([["d2", 2]]), columns: [] };
    else if (layer.kind !== "output" && layer.dimensions.length === 4)
      split = { rows: parts([["d1", 2]]), columns: parts([["d2", 2]]) };
    const geometry = layOut(layer.dimensions, split, mini.grid);
    const step: MappedStep = {
      name: layer.name,
      kind: layer.kind,
      nodes: layer.nodes.map(({ name }) => name),
      value:
        layer.kind === "input"
          ? (layer.writes[0]?.value ?? null)
          : layer.kind === "output"
            ? (layer.reads[0]?.value ?? null)
            : null,
      split,
      weights,
      tile: layer.kind === "contraction" ? tilePlan(layer, geometry, mini) : null,
      reduction:
        geometry.reduction === null ? null : { axis: geometry.reduction.axis, parts: geometry.reduction.parts },
    };
    expect(checkStep(layer, step, mini)).toEqual([]);
    return step;
  });
}

/** Where an instruction stands in a program. */
interface Place {
  readonly step: number;
  readonly classIndex: number;
  readonly thread: string;
  readonly index: number;
  /** Position in a loop's body; −1 outside loops. */
  readonly inner: number;
}

function placesOf(program: Program): { readonly place: Place; readonly instruction: SimpleInstruction }[] {
  return program.steps.flatMap((step, stepIndex) =>
    step.classes.flatMap(({ threads }, classIndex) =>
      Object.entries(threads).flatMap(([thread, list]) =>
        list.flatMap((instruction, index) => {
          const place = { step: stepIndex, classIndex, thread, index };
          return instruction.kind === "loop"
            ? instruction.body.map((body, inner) => ({ place: { ...place, inner }, instruction: body }))
            : [{ place: { ...place, inner: -1 }, instruction }];
        }),
      ),
    ),
  );
}

/** Where a weight stands in the sidecar, and its highest bit. */
interface WeightPlace {
  readonly offset: number;
  readonly sign: number;
}

/** The program with other instructions in place of one. */
function replaced(program: Program, place: Place, others: readonly SimpleInstruction[]): Program {
  const swap = (list: readonly Instruction[]): Instruction[] =>
    list.flatMap((instruction, index): readonly Instruction[] => {
      if (index !== place.index) return [instruction];
      if (instruction.kind !== "loop") return others;
      return [
        { ...instruction, body: instruction.body.flatMap((body, inner) => (inner === place.inner ? others : [body])) },
      ];
    });
  return {
    ...program,
    steps: program.steps.map((step, stepIndex) =>
      stepIndex !== place.step
        ? step
        : {
            ...step,
            classes: step.classes.map((entry, classIndex) =>
              classIndex !== place.classIndex
                ? entry
                : {
                    ...entry,
                    threads: Object.fromEntries(
                      Object.entries(entry.threads).map(([thread, list]) => [
                        thread,
                        thread === place.thread ? swap(list) : list,
                      ]),
                    ),
                  },
            ),
          },
    ),
  };
}

const shifted = (field: Field, by: number): Field =>
  typeof field === "number" ? field + by : { ...field, base: field.base + by };

/** An instruction with each of its addresses shifted by an element, one at a time. */
function withShiftedAddresses(instruction: SimpleInstruction): SimpleInstruction[] {
  switch (instruction.kind) {
    case "matmul": {
      const { activations, weights, partial } = instruction;
      return [
        {
          ...instruction,
          activations: { ...activations, address: shifted(activations.address, elementBytes(activations.element)) },
        },
        { ...instruction, weights: { ...weights, address: shifted(weights.address, elementBytes(weights.element)) } },
        { ...instruction, partial: shifted(partial, 4) },
        ...(instruction.start === "bias" ? [{ ...instruction, bias: shifted(instruction.bias, 4) }] : []),
      ];
    }
    case "vector": {
      const width = (element: Operand["element"]): number => (element === "scale" ? 8 : elementBytes(element));
      return [
        ...instruction.sources.map((source, index) => ({
          ...instruction,
          sources: instruction.sources.map((other, position) =>
            position === index ? { ...source, address: shifted(source.address, width(source.element)) } : other,
          ),
        })),
        {
          ...instruction,
          destination: {
            ...instruction.destination,
            address: shifted(instruction.destination.address, width(instruction.destination.element)),
          },
        },
        ...instruction.activation.flatMap(({ element, kept, scale }, index) => {
          const others: Partial<ActivationStage>[] = [];
          if (kept !== null) others.push({ kept: { ...kept, address: shifted(kept.address, width(element)) } });
          if (scale !== null) others.push({ scale: { ...scale, address: shifted(scale.address, width("scale")) } });
          return others.map((other) => ({
            ...instruction,
            activation: instruction.activation.map((stage, position) =>
              position === index ? { ...stage, ...other } : stage,
            ),
          }));
        }),
      ];
    }
    case "gather":
    case "move":
    case "multicast": {
      const { source, destination, elementBytes } = instruction;
      return [
        { ...instruction, source: { ...source, address: shifted(source.address, elementBytes) } },
        { ...instruction, destination: { ...destination, address: shifted(destination.address, elementBytes) } },
      ];
    }
    case "psum.send":
      return [
        { ...instruction, address: shifted(instruction.address, 4) },
        { ...instruction, destination: shifted(instruction.destination, 4) },
      ];
    case "psum.recv":
    case "weights.load":
    case "weights.stream":
      return [
        { ...instruction, source: shifted(instruction.source, 4) },
        { ...instruction, destination: shifted(instruction.destination, 4) },
      ];
    default:
      return [];
  }
}

describe.each(["w8a8", "w4a8", "w2a8", "w4a4"])("sabotage of a small program at %s", (precision) => {
  let small: RandomCase;
  let built: Built;
  let expected: Map<string, Uint8Array>;

  beforeAll(() => {
    small = smallCase(precision);
    const made = build(small, mini, smallSteps(small));
    if (made === null) throw new Error("the small network does not fit");
    built = made;
    expected = bytesOf(evaluate(small.prepared.chipGraph, small.inputs));
  }, 60_000);

  /** Whether a run of a program shows that something is wrong. */
  const caught = (program: Program, sidecar = built.sidecar, checked = true): boolean => {
    try {
      return difference(expected, runFunctional({ program, sidecar }, small.inputs, mini, { checked })) !== "";
    } catch (error) {
      if (error instanceof BorealError) return true;
      throw error;
    }
  };

  it("starts from a program that is right and uses every way to move data", () => {
    expect(difference(expected, runFunctional(built, small.inputs, mini, { checked: true }))).toBe("");
    const stages = placesOf(built.program).flatMap(({ instruction }) =>
      instruction.kind === "vector" ? instruction.activation : [],
    );
    const kinds = new Set(placesOf(built.program).map(({ instruction }) => instruction.kind));
    expect(stages.map(({ function: name, kept }) => [name, kept !== null])).toContainEqual(["quantize", true]);
    for (const kind of ["move", "multicast", "gather", "psum.send", "weights.load", "weights.stream"] as const) {
      expect(kinds, kind).toContain(kind);
    }
  });

  it("is always caught when a transfer is left out", () => {
    const transfers = placesOf(built.program).filter(({ instruction }) =>
      ["move", "multicast", "gather", "psum.send", "psum.recv", "weights.load", "weights.stream"].includes(
        instruction.kind,
      ),
    );
    const missed = transfers.filter(({ place }) => !caught(replaced(built.program, place, [])));
    process.stdout.write(
      `${transfers.length - missed.length} of ${transfers.length} transfers that were left out were caught\n`,
    );
    expect(missed).toEqual([]);
  });

  it("is always caught when a transfer brings its token but not its bytes", () => {
    const transfers = placesOf(built.program).flatMap(({ place, instruction }) => {
      if (instruction.kind === "move" || instruction.kind === "psum.send") {
        const { token, core } = instruction;
        return [{ place, others: [{ kind: "signal", token, core } as const] }];
      }
      if (instruction.kind !== "multicast") return [];
      const { cores } = at(at(built.program.steps, place.step).classes, place.classIndex);
      if (cores.rows * cores.columns > 1) return [];
      const { rows, columns } = instruction.cores;
      const [row, column] = [fieldValue(instruction.cores.row, 0, 0, 0), fieldValue(instruction.cores.column, 0, 0, 0)];
      const others = Array.from({ length: rows * columns }, (_, index) => ({
        kind: "signal" as const,
        token: instruction.token,
        core: { row: row + Math.floor(index / columns), column: column + (index % columns) },
      })).filter(({ core }) => core.row !== cores.row || core.column !== cores.column);
      return [{ place, others }];
    });
    expect(transfers.length).toBeGreaterThan(10);
    const missed = transfers.filter(({ place, others }) => !caught(replaced(built.program, place, others)));
    process.stdout.write(
      `${transfers.length - missed.length} of ${transfers.length} transfers without bytes were caught\n`,
    );
    expect(missed).toEqual([]);
  });

  // Coarse values between the layers hide small changes, as an activation function would.
  const whereAllShows = (name: string, body: () => void): void => {
    if (precision === "w8a8" || precision === "w4a8") it(name, body);
  };

  whereAllShows("is always caught when an address is shifted by an element", () => {
    const shifts = placesOf(built.program).flatMap(({ place, instruction }) =>
      withShiftedAddresses(instruction).map((other) => ({ place, other })),
    );
    const missed = shifts.filter(({ place, other }) => !caught(replaced(built.program, place, [other])));
    process.stdout.write(`${shifts.length - missed.length} of ${shifts.length} shifted addresses were caught\n`);
    expect(missed.map(({ place, other }) => ({ ...place, other }))).toEqual([]);
  });

  whereAllShows("is always caught when a used weight is changed", () => {
    const flipped = ({ offset, sign }: WeightPlace): boolean => {
      const sidecar = built.sidecar.slice();
      sidecar[offset] = at(sidecar, offset) ^ sign;
      const sha256 = createHash("sha256").update(sidecar).digest("hex");
      return caught({ ...built.program, sidecar: { sha256, bytes: sidecar.length } }, sidecar, false);
    };
    const used = usedWeights();
    const missed = used.filter((place) => !flipped(place));
    process.stdout.write(`${used.length - missed.length} of ${used.length} changed weights were caught\n`);
    expect(used.length).toBe(4 * 27 + 4 * 36 + 64 * 5);
    expect(missed).toEqual([]);
  });

  it("is refused when the checksum of the weights is wrong", () => {
    const sidecar = built.sidecar.slice();
    sidecar[0] = at(sidecar, 0) ^ 1;
    expect(() => runFunctional({ program: built.program, sidecar }, small.inputs, mini)).toThrow("B506");
  });

  /** The places in the sidecar of all weights but those of padding. */
  function usedWeights(): WeightPlace[] {
    const places = new Map<string, WeightPlace>();
    for (const plan of built.plan.steps) {
      const { weights } = plan;
      if (weights === null) continue;
      const address = built.mapping.buffers.find((buffer) => buffer.name === weights.buffer)?.address ?? -1;
      const pieces = weights.group.rows * weights.group.columns;
      plan.boxes.forEach((box, core) => {
        if (!plan.active[core]) return;
        const [row, column] = [Math.floor(core / mini.grid.columns), core % mini.grid.columns];
        const image = built.program.images.find(({ cores, address: at_ }) => {
          const [down, across] = [row - cores.row, column - cores.column];
          const inside = down >= 0 && down < cores.rows && across >= 0 && across < cores.columns;
          return inside && fieldValue(at_, down, across, 0) === address;
        });
        if (image === undefined) throw new Error(`core ${core} has no weights`);
        const start = fieldValue(image.offset, row - image.cores.row, column - image.cores.column, 0);
        const member = (row % weights.group.rows) * weights.group.columns + (column % weights.group.columns);
        let position = 0;
        for (const chunk of stepChunks(plan, box, mini)) {
          const piece = storedBytes(chunk, pieces);
          const inner = boxCount(chunk.inner);
          const columns = boxCount(chunk.columns);
          const { element } = weights.read.type;
          const { bits } = elementTypes[element];
          const share = 8 / bits;
          const groupBytes = pairedBytes(1, inner, columns, element);
          for (let index = 0; index < piece * share; index += 1) {
            const byte = Math.floor(index / share);
            const packed = member * piece + byte;
            const within = (packed % groupBytes) * share + (index % share);
            const k = 2 * Math.floor(within / (2 * columns)) + (within & 1);
            if (packed >= chunk.bytes || k >= inner) continue;
            const place = { offset: start + position + byte, sign: 1 << ((index % share) * bits + bits - 1) };
            places.set(`${place.offset} ${place.sign}`, place);
          }
          position += piece;
        }
      });
    }
    return [...places.values()];
  }
});
