import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { at, rowMajorStrides } from "../../../base/math.ts";
import { makeRandom } from "../../../base/random.ts";
import { emitContext } from "../../../compiler/emit/chain.ts";
import { emitProgram } from "../../../compiler/emit/emitter.ts";
import { emitImages } from "../../../compiler/emit/images.ts";
import { mapNetwork } from "../../../compiler/mapper/mapper.ts";
import { planNetwork } from "../../../compiler/plan.ts";
import { piecesOf, stepChunks, storedBytes } from "../../../compiler/step-chunks.ts";
import type { StepPlan } from "../../../compiler/step-plan.ts";
import { anchorAccesses } from "../../../compiler/tiling.ts";
import { fieldValue } from "../../../ir/instruction.ts";
import type { Box } from "../../../ir/iteration.ts";
import { getPacked } from "../../../ir/packing.ts";
import type { Program } from "../../../ir/program.ts";
import { elementTypes } from "../../../ir/type.ts";
import { loadChip } from "../../../targets/load.ts";
import { applyOverrides } from "../../../targets/override.ts";
import { type Built, build, randomCase, randomSteps } from "../../contracts/random-case.ts";
import { TestGraph } from "../mapper/networks.ts";

const mini = loadChip("mini-4x4");

/** The bytes that stand at an address of a core's memory before the program starts. */
function initialBytes({ images }: Program, sidecar: Uint8Array, core: number, address: number): Uint8Array {
  const [row, column] = [Math.floor(core / 4), core % 4];
  for (const image of images) {
    const [down, across] = [row - image.cores.row, column - image.cores.column];
    if (down < 0 || across < 0 || down >= image.cores.rows || across >= image.cores.columns) continue;
    if (fieldValue(image.address, down, across, 0) !== address) continue;
    const offset = fieldValue(image.offset, down, across, 0);
    return sidecar.subarray(offset, offset + image.bytes);
  }
  throw new Error(`core ${core} has no image at ${address}`);
}

function points(box: Box): number[][] {
  return box.reduce<number[][]>(
    (list, { start, end }) =>
      list.flatMap((point) => Array.from({ length: end - start }, (_, index) => [...point, start + index])),
    [[]],
  );
}

/** Reads a step's weights back from what its cores hold, and compares each number with the constant. */
function checkWeights({ plan, mapping, program, sidecar }: Built, step: StepPlan): number {
  const { weights, roles } = step;
  if (weights === null || roles === null) return 0;
  const constant = plan.network.graph.constants.find(({ name }) => name === weights.read.value);
  const { bits } = elementTypes[weights.read.type.element];
  const address = mapping.buffers.find(({ name }) => name === weights.buffer)?.address ?? -1;
  const pieces = weights.group.rows * weights.group.columns;
  const strides = rowMajorStrides(weights.read.type.shape);
  const access = anchorAccesses(step.layer)[1];
  const order = [...roles.group, ...roles.inner, ...roles.column];
  const seen = new Set<number>();
  step.boxes.forEach((box, core) => {
    if (!step.active[core]) return;
    const corner = {
      row: Math.floor(Math.floor(core / 4) / weights.group.rows) * weights.group.rows,
      column: Math.floor((core % 4) / weights.group.columns) * weights.group.columns,
    };
    let position = 0;
    for (const chunk of stepChunks(step, box, plan.target)) {
      const piece = storedBytes(chunk, pieces);
      const whole = new Uint8Array(piece * pieces);
      for (let member = 0; member < pieces; member += 1) {
        const row = corner.row + Math.floor(member / weights.group.columns);
        const column = corner.column + (member % weights.group.columns);
        const own = initialBytes(program, sidecar, row * 4 + column, address);
        whole.set(own.subarray(position, position + piece), member * piece);
      }
      position += piece;
      const inner = points(chunk.inner);
      const columns = points(chunk.columns);
      points(chunk.groups).forEach((group, g) => {
        inner.forEach((k, innerIndex) => {
          columns.forEach((n, columnIndex) => {
            const point: number[] = [];
            order.forEach((dimension, index) => {
              point[dimension] = at([...group, ...k, ...n], index);
            });
            const element = access.reduce(
              (sum, { terms, offset }, axis) =>
                sum +
                at(strides, axis) *
                  terms.reduce((value, term) => value + term.stride * (point[term.dimension] ?? 0), offset),
              0,
            );
            seen.add(element);
            const groupBytes = Math.ceil((Math.ceil(inner.length / 2) * 2 * columns.length * bits) / 8);
            const place = (innerIndex >> 1) * 2 * columns.length + 2 * columnIndex + (innerIndex & 1);
            const own = whole.subarray(g * groupBytes);
            const found = bits === 8 ? (at(own, place) << 24) >> 24 : getPacked(own, bits, true, place);
            expect(found).toBe(Number(constant?.data?.[element]));
          });
        });
      });
    }
  });
  return seen.size;
}

describe("initial images", () => {
  it("hold every weight where its core expects it, resident or in pieces", () => {
    let streamed = 0;
    for (let seed = 0; seed < 25; seed += 1) {
      const random = makeRandom(seed + 500);
      const graph = randomCase(random, { blockCount: 3, maximumSize: 8 });
      const built = build(graph, mini, randomSteps(random, graph.network, mini));
      if (built === null) throw new Error(`seed ${seed} does not fit`);
      for (const step of built.plan.steps) {
        if (step.weights === null) continue;
        if (piecesOf(step) > 1) streamed += 1;
        expect(checkWeights(built, step), `seed ${seed}, ${step.step.name}`).toBe(
          step.weights.read.type.shape.reduce((product, size) => product * size, 1),
        );
      }
    }
    expect(streamed).toBeGreaterThan(5);
  });

  it("are absent when a constant has no numbers, and have a checksum otherwise", () => {
    const graph = new TestGraph();
    const network = graph.output(graph.matmul("fc", graph.input("x", [2, 4]), 3)).network();
    const { mapping } = mapNetwork(network, mini);
    const plan = planNetwork(network, mapping.steps, mapping.layouts, mini);
    const addresses = new Map(mapping.buffers.map(({ name, address }) => [name, address]));
    expect(emitImages(emitContext(plan, addresses), [])).toBeNull();
    const { program, sidecar } = emitProgram(plan, mapping, { name: "p", modelElements: new Map() });
    expect([program.images, program.sidecar, sidecar]).toEqual([[], null, null]);
    const random = makeRandom(1);
    const built = build(randomCase(random, { blockCount: 2, maximumSize: 6 }), mini, null);
    expect(built?.program.sidecar).toEqual({
      sha256: createHash("sha256")
        .update(built?.sidecar ?? new Uint8Array(0))
        .digest("hex"),
      bytes: built?.sidecar.length,
    });
  });
});

describe("an emitted program", () => {
  const random = makeRandom(3);
  const graph = randomCase(random, { blockCount: 3, maximumSize: 8 });
  const built = build(graph, mini, null) as Built;

  it("leaves out weights when shapes alone are wanted, and changes nothing else", () => {
    const shapes = emitProgram(built.plan, built.mapping, {
      name: "random",
      modelElements: graph.modelElements,
      shapesOnly: true,
    });
    expect(shapes.sidecar).toBeNull();
    expect({ ...shapes.program, images: built.program.images, sidecar: built.program.sidecar }).toEqual(built.program);
  });

  it("has ports one after the other in the framebuffer, in multiples of 64 bytes", () => {
    let address = 0;
    for (const port of [...built.program.inputs, ...built.program.outputs]) {
      expect(port.frameAddress).toBe(address);
      address += Math.ceil(port.bytes / 64) * 64;
    }
    expect(built.program.inputs.every(({ modelElement }) => modelElement === "f32")).toBe(true);
  });

  it("starts with every half of a buffer free and room for each boundary tensor", () => {
    const tokens = new Map(
      built.program.initialTokens.map(({ token, count, cores }) => [token, [count, cores.column]]),
    );
    expect([...tokens.keys()]).toEqual([11, 12, 15, 16, 19, 20, 24, 26]);
    expect(tokens.get(11)).toEqual([1, 0]);
    expect(tokens.get(24)).toEqual([built.program.inputs.length, -1]);
    expect(tokens.get(26)).toEqual([built.program.outputs.length, -1]);
  });

  it("is refused when programs or boundary tensors do not fit", () => {
    const emit = (overrides: readonly string[]) => {
      const target = applyOverrides(mini, overrides);
      emitProgram({ ...built.plan, target }, built.mapping, { name: "p", modelElements: new Map() });
    };
    const peak = Math.max(...built.mapping.buffers.map(({ address, bytes }) => address + bytes));
    expect(() => emit([`core.memory=${peak + 64}`])).toThrow(
      /B401.*core memory: data take \d+ bytes and programs \d+.*\(gap \d+\)/,
    );
    expect(() => emit(["frameBuffer.memory=64"])).toThrow(
      /B401.*framebuffer: inputs and outputs need \d+ bytes, the chip has 64/,
    );
    expect(() => emit([])).not.toThrow();
  });
});
