import { z } from "zod";
import { type ElementType, elementTypes } from "./type.ts";
import { isActivationPipeline, type VectorFunction, vectorFunctions } from "./vector-function.ts";

const element = z.enum(Object.keys(elementTypes) as [ElementType, ...ElementType[]]);
const vectorFunction = z.enum(Object.keys(vectorFunctions) as [VectorFunction, ...VectorFunction[]]);
const whole = z.int();
const count = z.int().nonnegative();
/** Addresses and strides: whole bytes, but for elements of 4 and 2 bits. */
const bytes = z.number().multipleOf(0.25);
const elementBytes = bytes.positive();
const affine = z.strictObject({ base: bytes, row: bytes, column: bytes, turn: bytes });
const field = z.union([bytes, affine]);
const space = z.enum(["memory", "weights", "partial", "frame"]);
const view = z.strictObject({ space, address: field, strides: z.array(bytes) });
const operand = z.strictObject({
  space,
  address: field,
  strides: z.array(bytes),
  element: z.union([element, z.literal("scale")]),
});
const place = z.strictObject({ row: field, column: field });
const rectangle = z.strictObject({ row: whole, column: whole, rows: count, columns: count });
const rectangleField = z.strictObject({ row: field, column: field, rows: count, columns: count });
const parameters = z.record(
  z.string(),
  z.union([z.number(), z.nan(), z.literal(Number.POSITIVE_INFINITY), z.literal(Number.NEGATIVE_INFINITY)]),
);

const activation = z
  .array(
    z.strictObject({
      function: vectorFunction,
      element,
      kept: view.nullable(),
      scale: operand.nullable(),
      parameters,
    }),
  )
  .refine((stages) => isActivationPipeline(stages.map(({ function: name }) => name)), {
    error: "expected at most one function of the activation unit, then at most one conversion",
  })
  .refine(
    (stages) => stages.every(({ function: name, scale }) => vectorFunctions[name].sources === (scale === null ? 1 : 2)),
    { error: "expected a scale for a conversion by one, and null for other functions" },
  );

/** The form of every instruction but loop, by kind. */
export const instructionSchemas = {
  matmul: z.strictObject({
    kind: z.literal("matmul"),
    groups: count,
    rows: z.array(count),
    inner: z.array(count),
    columns: count,
    activations: z.strictObject({
      space,
      address: field,
      element,
      groupStride: bytes,
      rowStrides: z.array(bytes),
      innerStrides: z.array(bytes),
    }),
    weights: z.strictObject({
      space,
      address: field,
      element,
      layout: z.enum(["paired", "strided"]),
      groupStride: bytes,
      innerStrides: z.array(bytes),
      columnStride: bytes,
    }),
    partial: field,
    start: z.enum(["zero", "accumulate", "bias"]),
    bias: field,
  }),
  vector: z.strictObject({
    kind: z.literal("vector"),
    function: vectorFunction,
    counts: z.array(count),
    sources: z.array(operand),
    destination: operand,
    parameters,
    activation,
  }),
  reduce: z.strictObject({
    kind: z.literal("reduce"),
    function: vectorFunction,
    counts: z.array(count),
    inner: z.array(count),
    source: operand,
    divisor: operand.nullable(),
    destination: operand,
  }),
  gather: z.strictObject({
    kind: z.literal("gather"),
    counts: z.array(count),
    elementBytes,
    source: view,
    destination: view,
  }),
  move: z.strictObject({
    kind: z.literal("move"),
    counts: z.array(count),
    elementBytes,
    source: view,
    destination: view,
    core: place,
    token: count,
  }),
  multicast: z.strictObject({
    kind: z.literal("multicast"),
    counts: z.array(count),
    elementBytes,
    source: view,
    destination: view,
    cores: rectangleField,
    token: count,
  }),
  "psum.send": z.strictObject({
    kind: z.literal("psum.send"),
    count,
    address: field,
    core: place,
    destination: field,
    token: count,
  }),
  "psum.recv": z.strictObject({ kind: z.literal("psum.recv"), count, source: field, destination: field }),
  "weights.load": z.strictObject({ kind: z.literal("weights.load"), bytes: count, source: field, destination: field }),
  "weights.stream": z.strictObject({
    kind: z.literal("weights.stream"),
    bytes: count,
    source: field,
    destination: field,
    group: rectangleField,
  }),
  "program.load": z.strictObject({
    kind: z.literal("program.load"),
    bytes: count,
    source: field,
    cores: rectangleField,
    token: count,
  }),
  "host.in": z.strictObject({ kind: z.literal("host.in"), port: count }),
  "host.out": z.strictObject({ kind: z.literal("host.out"), port: count }),
  "host.run": z.strictObject({ kind: z.literal("host.run"), operation: count }),
  signal: z.strictObject({ kind: z.literal("signal"), token: count, core: place }),
  wait: z.strictObject({ kind: z.literal("wait"), token: count, count }),
  barrier: z.strictObject({ kind: z.literal("barrier") }),
} as const;

const tensorType = z.strictObject({
  element,
  quantization: z
    .strictObject({ axis: whole.nullable(), scales: z.array(z.number()), zeros: z.array(z.number()) })
    .nullable(),
  shape: z.array(count),
});

const port = z.strictObject({
  name: z.string(),
  type: tensorType,
  modelElement: element,
  frameAddress: count,
  bytes: count,
});

/** The form of the lines of a listing that stand outside steps, by their first word. */
export const lineSchemas = {
  program: z.strictObject({ name: z.string(), batchCount: count }),
  target: z.strictObject({ name: z.string(), rows: count, columns: count }),
  sidecar: z.strictObject({ sha256: z.string(), bytes: count }),
  port,
  hostOperation: z.strictObject({
    name: z.string(),
    operator: z.string(),
    operands: z.array(port),
    result: port,
    elementCount: count,
    graph: z.string(),
  }),
  state: z.strictObject({
    input: z.string(),
    output: z.string(),
    type: tensorType,
    modelElement: element,
    buffer: z.string(),
  }),
  token: z.strictObject({ cores: rectangle, token: count, count }),
  image: z.strictObject({ cores: rectangle, address: field, offset: field, bytes: count }),
  buffer: z.strictObject({
    name: z.string(),
    space: z.enum(["memory", "partial", "weights"]),
    address: count,
    bytes: count,
    firstStep: count,
    lastStep: count,
  }),
  step: z.strictObject({
    name: z.string(),
    kind: z.enum(["input", "state", "contraction", "vector", "reduce", "movement", "output"]),
    origin: z.array(z.string()),
    macCount: count,
    macElement: element.nullable(),
  }),
  class: rectangle,
  loop: z.strictObject({ count }),
} as const;
