import type { Affine, Instruction } from "../../../ir/instruction.ts";
import type { Program } from "../../../ir/program.ts";

const affine: Affine = { base: 64, row: 16, column: -4, turn: 128 };

/** One instruction of every kind, with every form of field. */
export const everyInstruction: readonly Instruction[] = [
  {
    kind: "matmul",
    groups: 2,
    rows: [3, 4],
    inner: [5, 6],
    columns: 7,
    activations: {
      space: "memory",
      address: affine,
      element: "i8",
      groupStride: 8,
      rowStrides: [9, 10],
      innerStrides: [1, 2],
    },
    weights: {
      space: "weights",
      address: 2048,
      element: "i4",
      layout: "paired",
      groupStride: 32,
      innerStrides: [],
      columnStride: 0,
    },
    partial: 16,
    start: "bias",
    bias: affine,
  },
  {
    kind: "vector",
    function: "clip",
    counts: [8, 2],
    sources: [{ space: "memory", address: 4, strides: [2, 0], element: "f16" }],
    destination: { space: "partial", address: affine, strides: [16, -2], element: "f16" },
    parameters: { low: Number.NEGATIVE_INFINITY, high: Number.POSITIVE_INFINITY },
    activation: [],
  },
  {
    kind: "reduce",
    function: "mean",
    counts: [4],
    inner: [2, 2],
    source: { space: "memory", address: 0, strides: [8, 4, 2], element: "i8" },
    divisor: { space: "memory", address: 8, strides: [0], element: "i32" },
    destination: { space: "memory", address: 12, strides: [1], element: "i8" },
  },
  {
    kind: "reduce",
    function: "reduce_maximum",
    counts: [4],
    inner: [2],
    source: { space: "memory", address: 0, strides: [8, 4], element: "f16" },
    divisor: null,
    destination: { space: "memory", address: 12, strides: [1], element: "f16" },
  },
  {
    kind: "loop",
    count: 3,
    body: [
      {
        kind: "gather",
        counts: [6],
        elementBytes: 2,
        source: { space: "memory", address: affine, strides: [2] },
        destination: { space: "memory", address: 0, strides: [4] },
      },
      {
        kind: "move",
        counts: [6],
        elementBytes: 1,
        source: { space: "frame", address: 0, strides: [1] },
        core: { row: { base: 0, row: 1, column: 0, turn: 0 }, column: -1 },
        destination: { space: "memory", address: 9, strides: [1] },
        token: 5,
      },
    ],
  },
  {
    kind: "multicast",
    counts: [6],
    elementBytes: 1,
    source: { space: "memory", address: 0, strides: [1] },
    cores: { row: 0, column: affine, rows: 2, columns: 3 },
    destination: { space: "memory", address: 9, strides: [1] },
    token: 5,
  },
  { kind: "psum.send", count: 12, address: 0, core: { row: 1, column: 2 }, destination: 2048, token: 17 },
  { kind: "psum.recv", count: 12, source: 2048, destination: 0 },
  { kind: "weights.load", bytes: 48, source: 128, destination: 0 },
  {
    kind: "weights.stream",
    bytes: 48,
    source: 128,
    destination: 0,
    group: { row: 0, column: affine, rows: 2, columns: 2 },
  },
  { kind: "program.load", bytes: 96, source: 512, cores: { row: 0, column: 0, rows: 4, columns: 4 }, token: 8 },
  { kind: "host.in", port: 0 },
  { kind: "host.out", port: 1 },
  { kind: "host.run", operation: 0 },
  { kind: "signal", token: 3, core: { row: 0, column: -1 } },
  { kind: "wait", token: 3, count: 2 },
  { kind: "barrier" },
];

/** A program of every kind of line. */
export const everything: Program = {
  kind: "program",
  name: 'a "quoted" name',
  target: { name: "mini-4x4", rows: 4, columns: 4 },
  batchCount: 2,
  inputs: [
    {
      name: "x 0",
      type: { element: "i8", quantization: { axis: null, scales: [0.1], zeros: [-3] }, shape: [2, 3] },
      modelElement: "f32",
      frameAddress: 0,
      bytes: 6,
    },
  ],
  outputs: [
    {
      name: "true",
      type: { element: "f16", quantization: null, shape: [] },
      modelElement: "f32",
      frameAddress: 64,
      bytes: 2,
    },
  ],
  hostOperations: [
    {
      name: "top 1",
      operator: "topk",
      operands: [
        {
          name: "a",
          type: { element: "f16", quantization: null, shape: [4] },
          modelElement: "f16",
          frameAddress: 128,
          bytes: 8,
        },
      ],
      result: {
        name: "top 1",
        type: { element: "i64", quantization: null, shape: [2] },
        modelElement: "i64",
        frameAddress: 192,
        bytes: 16,
      },
      elementCount: 6,
      graph: 'graph @"top 1"(%a: f16[4]) {\n}\n',
    },
  ],
  states: [
    {
      input: "h 0",
      output: "h 1",
      type: { element: "f16", quantization: null, shape: [2] },
      modelElement: "f32",
      buffer: "h 0",
    },
  ],
  initialTokens: [{ cores: { row: 0, column: -1, rows: 1, columns: 1 }, token: 24, count: 1 }],
  images: [{ cores: { row: 0, column: 0, rows: 2, columns: 2 }, address: 16, offset: affine, bytes: 32 }],
  buffers: [{ name: "conv/weights", space: "memory", address: 16, bytes: 32, firstStep: 0, lastStep: 1 }],
  sidecar: { sha256: "00ff", bytes: 32 },
  steps: [
    {
      name: "nan",
      kind: "contraction",
      origin: ["node/1", "null", ""],
      macCount: 12,
      macElement: "i8",
      classes: [
        { cores: { row: 0, column: 0, rows: 4, columns: 4 }, threads: { control: everyInstruction, host: [] } },
        { cores: { row: 0, column: -1, rows: 4, columns: 1 }, threads: {} },
      ],
    },
    { name: "empty", kind: "output", origin: [], macCount: 0, macElement: null, classes: [] },
  ],
};
