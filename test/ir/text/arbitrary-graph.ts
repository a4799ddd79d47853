import fc from "fast-check";
import type { AttributeValue, Constant, Graph, Node } from "../../../ir/graph.ts";
import { allocateData, type TensorData } from "../../../ir/tensor.ts";
import { type ElementType, elementCount, elementTypes, type Quantization, type TensorType } from "../../../ir/type.ts";

const names = fc.oneof(fc.string({ unit: "binary", maxLength: 8 }), fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_.]{0,6}$/));
const elements = fc.constantFrom(...(Object.keys(elementTypes) as ElementType[]));
const shapes = fc.array(fc.integer({ min: 0, max: 4 }), { maxLength: 3 });
const scale = fc.double({ min: 1e-30, max: 1e30, noNaN: true });
const zero = fc.integer({ min: -128, max: 255 });

function quantization(shape: readonly number[]): fc.Arbitrary<Quantization | null> {
  const whole = fc
    .tuple(scale, zero)
    .map(([one, other]): Quantization => ({ axis: null, scales: [one], zeros: [other] }));
  if (shape.length === 0) return fc.option(whole);
  const perAxis = fc.nat(shape.length - 1).chain((axis) => {
    const exactly = { minLength: shape[axis] ?? 0, maxLength: shape[axis] ?? 0 };
    return fc.record({ axis: fc.constant(axis), scales: fc.array(scale, exactly), zeros: fc.array(zero, exactly) });
  });
  return fc.oneof(fc.constant(null), whole, perAxis);
}

/** Any type, with or without a quantization that fits its shape. */
export const arbitraryType: fc.Arbitrary<TensorType> = fc
  .tuple(elements, shapes)
  .chain(([element, shape]) => quantization(shape).map((each): TensorType => ({ element, shape, quantization: each })));

const attribute: fc.Arbitrary<AttributeValue> = fc.oneof(
  fc.double(),
  fc.string({ unit: "binary" }),
  fc.boolean(),
  fc.array(fc.double(), { maxLength: 4 }),
  fc.array(fc.string(), { maxLength: 3 }),
);

/** Random bits of the right storage; NaNs of every kind included. */
function data(type: TensorType): fc.Arbitrary<TensorData> {
  const count = elementCount(type);
  const { bits, signed } = elementTypes[type.element];
  const empty = allocateData(type.element, count);
  const random = fc.uint8Array({ minLength: empty.byteLength, maxLength: empty.byteLength }).map((bytes) => {
    const result = allocateData(type.element, count);
    new Uint8Array(result.buffer).set(bytes);
    if (type.element === "bool") return Uint8Array.from(result as Uint8Array, (value) => value & 1);
    if (bits < 8) {
      const narrow = (value: number): number =>
        signed ? (value << (32 - bits)) >> (32 - bits) : value & (2 ** bits - 1);
      return signed ? Int8Array.from(result as Int8Array, narrow) : Uint8Array.from(result as Uint8Array, narrow);
    }
    return result;
  });
  return fc.oneof({ arbitrary: random, weight: 4 }, fc.constant(empty));
}

const constant: fc.Arbitrary<Constant> = fc.tuple(names, arbitraryType).chain(([name, type]) =>
  fc.record({
    name: fc.constant(name),
    type: fc.constant(type),
    data: fc.option(data(type)),
    source: fc.constantFrom("model" as const, "random" as const, "absent" as const),
  }),
);

const node: fc.Arbitrary<Node> = fc.record({
  name: names,
  op: names.filter((name) => name !== "const"),
  operands: fc.array(fc.option(names), { maxLength: 3 }),
  attributes: fc.dictionary(
    names.filter((name) => name !== "__proto__"),
    attribute,
    { maxKeys: 3, noNullPrototype: true },
  ),
  type: arbitraryType,
  origin: fc.array(names, { maxLength: 3 }),
  layer: fc.option(names),
});

/** Any graph that the text form can hold; most are not valid. */
export const arbitraryGraph: fc.Arbitrary<Graph> = fc.record({
  kind: fc.constant("graph" as const),
  name: names,
  inputs: fc.array(fc.record({ name: names, type: arbitraryType }), { maxLength: 3 }),
  constants: fc.array(constant, { maxLength: 3 }),
  nodes: fc.array(node, { maxLength: 4 }),
  outputs: fc.array(names, { maxLength: 3 }),
});
