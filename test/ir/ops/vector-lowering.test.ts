import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { at, rowMajorStrides } from "../../../base/math.ts";
import { makeRandom, type Random } from "../../../base/random.ts";
import type { Attributes } from "../../../ir/graph.ts";
import type { Operator } from "../../../ir/operator.ts";
import { broadcastStrides } from "../../../ir/ops/broadcast.ts";
import { padPlanes } from "../../../ir/ops/contraction-values.ts";
import { type Conversion, conversionFactors } from "../../../ir/ops/conversion-values.ts";
import { inferNode, operatorOf, operators } from "../../../ir/ops/index.ts";
import { averagePoolDivisors, paddingNumber } from "../../../ir/ops/pooling.ts";
import { elementsOf } from "../../../ir/ops/values.ts";
import { allocateData, type Tensor, type TensorData } from "../../../ir/tensor.ts";
import {
  type ElementType,
  elementCount,
  elementTypes,
  isFloat,
  type TensorType,
  tensorType,
} from "../../../ir/type.ts";
import { storedBytes } from "../../../kernels/element.ts";
import { fixedPoint } from "../../../kernels/fixed-point.ts";
import { plainKernels } from "../../../kernels/plain-kernels.ts";
import { Workspace } from "../../../kernels/workspace.ts";
import { apply, tensor } from "./checks.ts";

/** The element types that the vector unit computes on. */
const chipElements = [
  "bool",
  "i2",
  "u2",
  "i4",
  "u4",
  "i8",
  "u8",
  "i16",
  "u16",
  "i32",
  "u32",
  "i64",
  "u64",
  "f16",
] as const;
const conversions = new Set(["quantize", "dequantize", "requantize"]);

/** Any f16 bits, specials made frequent. */
const halfBits = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 0xffff }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 0x8000, 0x7c00, 0xfc00, 0x7e00, 0x7bff, 0xfbff, 1, 0x8001, 0x3c00) },
);

/** Sample operands that the vector unit has: f32 ones are replaced by f16 ones of the given bits. */
function onChip(operands: readonly (Tensor | null)[], bits: () => number): Tensor[] {
  return operands.map((operand) => {
    const { type, data } = operand as Tensor;
    if (!isFloat(type.element)) return { type, data };
    return { type: { ...type, element: "f16" }, data: Uint16Array.from({ length: data.length }, bits) };
  });
}

function chipAttributes(attributes: Attributes): Attributes {
  return attributes.element === "f32" || attributes.element === "f64" ? { ...attributes, element: "f16" } : attributes;
}

/** The factors of a conversion as (M, s) pairs and their strides over the result's axes. */
function scaleOperand(workspace: Workspace, op: Conversion, from: TensorType, to: TensorType) {
  const { axis, factors } = conversionFactors(op, from, to);
  const pairs = factors.map(fixedPoint).flatMap(({ multiplier, shift }) => [multiplier, shift]);
  return {
    address: workspace.put(Int32Array.from(pairs)),
    element: "scale" as const,
    strides: to.shape.map((_, index) => (index === axis ? 8 : 0)),
  };
}

/** The element-wise operator as its lowering issues it to the vector unit, by the plain kernels. */
function issueElementwise(operator: Operator, operands: readonly Tensor[], attributes: Attributes): Tensor {
  const types = operands.map((operand) => operand.type);
  const { type, attributes: complete } = inferNode(operator.name, types, attributes);
  const issue = operator.vector?.issue({ operands: types, attributes: complete, type });
  if (issue === undefined) throw new Error(`${operator.name} is not lowered`);
  const workspace = new Workspace(plainKernels);
  const sources = operands.map((operand) => ({
    address: workspace.put(operand.data),
    element: operand.type.element,
    strides: broadcastStrides(operand.type.shape, type.shape).map(
      (stride) => stride * storedBytes(operand.type.element),
    ),
  }));
  const scale = conversions.has(operator.name)
    ? [scaleOperand(workspace, operator.name as Conversion, at(types, 0), type)]
    : [];
  const address = workspace.allocate(elementCount(type) * storedBytes(type.element));
  const strides = rowMajorStrides(type.shape).map((stride) => stride * storedBytes(type.element));
  workspace.kernels.vector({
    function: issue.function,
    parameters: issue.parameters,
    counts: type.shape,
    sources: [...sources, ...scale],
    destination: { address, element: type.element, strides },
  });
  return { type, data: workspace.take(address, allocateData(type.element, elementCount(type))) };
}

const elementwise = [...operators.values()].filter((operator) => operator.vector?.kind === "elementwise");

describe.each(elementwise)("$name on the vector unit", (operator) => {
  it("gives the bits that evaluation gives, on any f16 and on stored integers", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 0, max: 9999 }),
        fc.array(halfBits, { minLength: 64, maxLength: 64 }),
        (seed, bits) => {
          let next = 0;
          const draw = (): number => at(bits, next++ % bits.length);
          let compared = 0;
          for (const sample of operator.samples(makeRandom(seed))) {
            const operands = onChip(sample.operands, draw);
            const attributes = chipAttributes(sample.attributes);
            const issued = issueElementwise(operator, operands, attributes);
            expect(issued).toEqual(apply(operator.name, operands, attributes));
            compared += 1;
          }
          expect(compared).toBeGreaterThan(0);
        },
      ),
      { numRuns: 8 },
    );
  });
});

/** Elements of any bits that the type has; small ones and the ends of the range are frequent. */
function anyElements(random: Random, element: ElementType, count: number): TensorData {
  const data = allocateData(element, count);
  const bytes = new Uint8Array(data.buffer);
  for (let index = 0; index < bytes.length; index += 1) bytes[index] = random.integer(0, 255);
  const { bits, signed } = elementTypes[element];
  for (let index = 0; index < count; index += 1) {
    const least = signed ? -(2 ** (bits - 1)) : 0;
    const special = at([0, 1, 2, -1, 3, least, -least - 1], random.integer(0, 6));
    if (bits < 8 || element === "bool" || (!isFloat(element) && random.uniform() < 0.5)) {
      data[index] = at(elementsOf(element, [bits < 8 ? random.integer(-8, 15) : special]) as Int8Array, 0) as never;
    }
  }
  return data;
}

const plainOperators = elementwise.filter(({ name }) => !conversions.has(name));

describe.each(plainOperators)("$name on every element type", (operator) => {
  it.each(chipElements)("gives the bits that evaluation gives, or refuses %s", (element) => {
    const random = makeRandom(elementTypes[element].bits);
    const { operands, attributes } = at(operator.samples(random), 0);
    for (let round = 0; round < 8; round += 1) {
      const drawn = operands.map((operand, index): Tensor => {
        const { shape } = (operand as Tensor).type;
        const type = tensorType(operator.name === "where" && index === 0 ? "bool" : element, shape);
        return { type, data: anyElements(random, type.element, elementCount(type)) };
      });
      const chosen =
        operator.name === "cast"
          ? { element: at(chipElements, random.integer(0, chipElements.length - 1)) }
          : chipAttributes(attributes);
      let evaluated: Tensor;
      try {
        evaluated = apply(operator.name, drawn, chosen);
      } catch (error) {
        expect(error).toMatchObject({ problems: [{ code: "B202" }] });
        return;
      }
      expect(issueElementwise(operator, drawn, chosen)).toEqual(evaluated);
    }
  });
});

describe.each(["reduce_sum", "reduce_prod", "reduce_mean", "reduce_max", "reduce_min", "arg_max", "arg_min"])(
  "%s of every element type",
  (name) => {
    it.each(chipElements.filter((element) => element !== "bool" || name !== "reduce_mean"))(
      "gives the bits that evaluation gives: %s",
      (element) => {
        const random = makeRandom(elementTypes[element].bits + name.length);
        for (let round = 0; round < 20; round += 1) {
          const [rows, columns] = [random.integer(1, 4), random.integer(1, 9)];
          const type = tensorType(element, [rows, columns]);
          const x: Tensor = { type, data: anyElements(random, element, rows * columns) };
          const attributes = name.startsWith("arg")
            ? { axis: 1, keepdims: false, selectLast: round % 2 === 1 }
            : { axes: [1], keepdims: false };
          const evaluated = apply(name, [x], attributes);
          const issue = operatorOf(name).vector?.issue({ operands: [type], attributes, type: evaluated.type });
          const width = storedBytes(element);
          const resultWidth = storedBytes(evaluated.type.element);
          const workspace = new Workspace(plainKernels);
          const address = workspace.allocate(rows * resultWidth);
          workspace.kernels.reduce({
            function: issue?.function ?? "copy",
            counts: [rows],
            inner: [columns],
            source: { address: workspace.put(x.data), element, strides: [width * columns, width] },
            divisor: null,
            destination: { address, element: evaluated.type.element, strides: [resultWidth] },
          });
          expect(workspace.take(address, allocateData(evaluated.type.element, rows))).toEqual(evaluated.data);
        }
      },
    );
  },
);

describe.each(["reduce_sum", "reduce_mean", "reduce_max", "reduce_min"])("%s on the vector unit", (name) => {
  it("gives the bits that evaluation gives, for sums of any f16", () => {
    const finite = halfBits.map((bits) => ((bits & 0x7c00) === 0x7c00 ? bits & 0x83ff : bits));
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 5 }),
        fc.oneof(
          fc.array(finite, { minLength: 1, maxLength: 40 }),
          fc.array(halfBits, { minLength: 1, maxLength: 40 }),
        ),
        (rows, line) => {
          const columns = line.length;
          const data = Uint16Array.from({ length: rows * columns }, (_, index) => at(line, (index * 7) % columns));
          const x: Tensor = { type: { element: "f16", quantization: null, shape: [rows, columns] }, data };
          const workspace = new Workspace(plainKernels);
          const issue = operatorOf(name).vector?.issue({
            operands: [x.type],
            attributes: { axes: [1], keepdims: false },
            type: x.type,
          });
          const source = { address: workspace.put(data), element: "f16", strides: [2 * columns, 2] } as const;
          const address = workspace.allocate(rows * 2);
          workspace.kernels.reduce({
            function: issue?.function ?? "copy",
            counts: [rows],
            inner: [columns],
            source,
            divisor: null,
            destination: { address, element: "f16", strides: [2] },
          });
          const evaluated = apply(name, [x], { axes: [1], keepdims: false });
          expect(workspace.take(address, new Uint16Array(rows))).toEqual(evaluated.data);
        },
      ),
      { numRuns: 60 },
    );
  });

  it("sums what f64 cannot hold exactly", () => {
    const line = [
      65504,
      2 ** -24,
      ...new Array<number>(9000).fill(65504),
      ...new Array<number>(9000).fill(-65504),
      -65504,
    ];
    const x = tensor("f16", [1, line.length], line);
    if (name === "reduce_sum") expect(apply(name, [x], { axes: [1], keepdims: false }).data[0]).toBe(1);
    else expect(apply(name, [x], { axes: [1], keepdims: false }).data).toHaveLength(1);
  });
});

/** A pool as the vector unit computes it: padding filled in, windows by strides, means by divisors. */
function issuePool(name: string, x: Tensor, attributes: Attributes): Tensor {
  const { type, attributes: complete } = inferNode(name, [x.type], attributes);
  const context = { operands: [x.type], attributes: complete, type };
  const [kernel, strides, pads, dilations] = ["kernel", "strides", "pads", "dilations"].map((key) => complete[key]) as [
    number[],
    number[],
    number[],
    number[],
  ];
  const fill = at(elementsOf(x.type.element, [paddingNumber(name, context)]) as Uint8Array, 0);
  const generous = pads.slice(2).map((pad, axis) => pad + at(strides, axis));
  const spatial = x.type.shape.slice(2);
  const planes = at(x.type.shape, 0) * at(x.type.shape, 1);
  const { data, padded } = padPlanes(x.data as Uint16Array, planes, spatial, pads.slice(0, 2), generous, fill);
  const width = storedBytes(x.type.element);
  const [height, across] = [at(padded, 0), at(padded, 1)];
  const workspace = new Workspace(plainKernels);
  const positions = type.shape.slice(2);
  const address = workspace.allocate(elementCount(type) * width);
  const divisors = name === "average_pool" ? workspace.put(averagePoolDivisors(context)) : null;
  workspace.kernels.reduce({
    function: operatorOf(name).vector?.issue(context).function ?? "copy",
    counts: [planes, ...positions],
    inner: kernel,
    source: {
      address: workspace.put(data),
      element: x.type.element,
      strides: [
        height * across,
        across * at(strides, 0),
        at(strides, 1),
        across * at(dilations, 0),
        at(dilations, 1),
      ].map((stride) => stride * width),
    },
    divisor: divisors === null ? null : { address: divisors, element: "i32", strides: [0, 4 * at(positions, 1), 4] },
    destination: {
      address,
      element: type.element,
      strides: rowMajorStrides([planes, ...positions]).map((stride) => stride * width),
    },
  });
  return { type, data: workspace.take(address, allocateData(type.element, elementCount(type))) };
}

describe.each(["max_pool", "average_pool"])("%s on the vector unit", (name) => {
  it("gives the bits that evaluation gives, the padding being filled in", () => {
    let compared = 0;
    for (let seed = 0; seed < 20; seed += 1) {
      for (const sample of operatorOf(name).samples(makeRandom(seed))) {
        const x = at(
          onChip(sample.operands, () => 0),
          0,
        );
        if (x.type.shape.length !== 4) continue;
        const source = isFloat(x.type.element)
          ? tensor("f16", x.type.shape, Array.from(sample.operands[0]?.data as Float32Array))
          : x;
        expect(issuePool(name, source, sample.attributes)).toEqual(apply(name, [source], sample.attributes));
        compared += 1;
      }
    }
    expect(compared).toBeGreaterThan(60);
  });
});
