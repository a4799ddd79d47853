import fc from "fast-check";
import type {
  AttributeProto,
  GraphProto,
  ModelProto,
  NodeProto,
  TensorProto,
  ValueInfoProto,
} from "../../compiler/onnx/proto-types.ts";

/** One change of a model; numbers choose what is changed, modulo how many there are. */
export interface Mutation {
  readonly kind: (typeof kinds)[number];
  readonly which: number;
  readonly part: number;
  readonly value: number;
}

const kinds = [
  "drop node",
  "duplicate node",
  "rename input",
  "swap inputs",
  "rename output",
  "change operator",
  "change domain",
  "change attribute",
  "drop attribute",
  "add attribute",
  "change input size",
  "change input type",
  "change tensor size",
  "change tensor type",
  "cut tensor data",
  "spoil tensor data",
  "grow tensor data",
  "make initializer an input",
  "change opset",
  "change IR version",
  "repeat output",
  "drop outputs",
  "hold node in If",
  "hold node in Loop",
  "make node a function",
  "make sparse",
  "move data outside",
] as const;

/** Any change of a model. */
export const mutation: fc.Arbitrary<Mutation> = fc.record({
  kind: fc.constantFrom(...kinds),
  which: fc.nat(1000),
  part: fc.nat(1000),
  value: fc.nat(1000),
});

const sizes: readonly (number | string)[] = [0, 1, 2, 3, 5, 8, -1, 2 ** 16, 2 ** 31, 2 ** 40, 2 ** 53, "n"];
const numbers = [0, 1, -1, 2, 3, 7, 2 ** 20, 2 ** 31, -(2 ** 31), 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY];
const texts = ["", "constant", "SAME_UPPER", "linear", "x".repeat(300), "\u0000"];
const operators = [
  ..."Relu Add MatMul Conv Reshape Transpose Concat Slice Gather Expand Tile Range ConstantOfShape Softmax".split(" "),
  ..."ReduceSum Pad Resize MaxPool Split Where Cast Einsum LSTM Scan Loop If NonZero TopK Nothing".split(" "),
];
const locations = ["weights.bin", "absent.bin", "../weights.bin", "/etc/hostname", "", "a\u0000b", "loop.bin", "."];

function pick<Item>(items: readonly Item[], index: number): Item | undefined {
  return items.length === 0 ? undefined : items[index % items.length];
}

/** The nodes of a graph and of the graphs that they hold, each with the list that it stands in. */
function allNodes(graph: GraphProto): { readonly node: NodeProto; readonly list: NodeProto[] }[] {
  const list = graph.node ?? [];
  return list.flatMap((node) => [
    { node, list },
    ...(node.attribute ?? []).flatMap(({ g }) => (g === null || g === undefined ? [] : allNodes(g))),
  ]);
}

/** Changes a decoded model in place; what a change does not apply to stays. */
export function mutate(model: ModelProto, { kind, which, part, value }: Mutation): void {
  const graph = model.graph ?? {};
  const nodes = allNodes(graph);
  const chosen = pick(nodes, which);
  const node = chosen?.node;
  const inputs = node?.input ?? [];
  const outputs = node?.output ?? [];
  const initializers = graph.initializer ?? [];
  const tensor = pick(initializers, which);
  const info = pick([...(graph.input ?? []), ...(graph.output ?? [])], which);
  switch (kind) {
    case "drop node":
      chosen?.list.splice(chosen.list.indexOf(chosen.node), 1);
      return;
    case "duplicate node":
      if (chosen === undefined) return;
      chosen.list.splice(part % (chosen.list.length + 1), 0, {
        ...chosen.node,
        output: value % 2 === 0 ? outputs : outputs.map((name) => `${name}.copy`),
      });
      return;
    case "rename input": {
      const names = [
        ...nodes.flatMap((each) => each.node.output ?? []),
        ...(graph.input ?? []).map(({ name }) => name ?? ""),
        ...initializers.map(({ name }) => name ?? ""),
        "",
        "nothing",
      ];
      if (inputs.length > 0) inputs[part % inputs.length] = pick(names, value) ?? "";
      return;
    }
    case "swap inputs":
      inputs.reverse();
      return;
    case "rename output":
      if (outputs.length > 0) outputs[part % outputs.length] = ["renamed", "", outputs[0] ?? ""][value % 3] ?? "";
      return;
    case "change operator":
      if (node !== undefined) node.opType = pick(operators, value) ?? "";
      return;
    case "change domain":
      if (node !== undefined) node.domain = ["", "ai.onnx", "com.microsoft", "strange"][value % 4] ?? "";
      return;
    case "change attribute":
      changeAttribute(pick(node?.attribute ?? [], part), value);
      return;
    case "drop attribute":
      node?.attribute?.splice(part % Math.max(1, node.attribute.length), 1);
      return;
    case "add attribute": {
      const other = pick(
        nodes.flatMap((each) => (each.node.attribute ?? []).filter(({ g }) => g == null)),
        part,
      );
      if (other !== undefined && node !== undefined) node.attribute = [...(node.attribute ?? []), other];
      return;
    }
    case "change input size":
      changeSize(info, part, value);
      return;
    case "change input type":
      if (info?.type?.tensorType != null) info.type.tensorType.elemType = value % 30;
      return;
    case "change tensor size":
      if (tensor?.dims != null) {
        const size = pick(sizes, value);
        tensor.dims[part % (tensor.dims.length + 1)] = typeof size === "number" ? size : 4;
      }
      return;
    case "change tensor type":
      if (tensor !== undefined) tensor.dataType = value % 30;
      return;
    case "cut tensor data":
      if (tensor?.rawData != null) tensor.rawData = tensor.rawData.slice(0, part % (tensor.rawData.length + 1));
      return;
    case "spoil tensor data":
      if (tensor?.rawData != null)
        tensor.rawData = tensor.rawData
          .slice()
          .fill(value % 2 === 0 ? 255 : value % 256, part % (tensor.rawData.length + 1));
      return;
    case "grow tensor data":
      if (tensor !== undefined)
        Object.assign(tensor, { rawData: new Uint8Array(4 * value * value), dims: [value, value], dataType: 1 });
      return;
    case "make initializer an input":
      if (tensor === undefined) return;
      graph.initializer = initializers.filter((each) => each !== tensor);
      graph.input = [...(graph.input ?? []), valueInfo(tensor)];
      return;
    case "change opset":
      model.opsetImport = [{ domain: part % 8 === 0 ? "strange" : "", version: 4 + (value % 24) }];
      return;
    case "change IR version":
      model.irVersion = value % 16;
      return;
    case "repeat output":
      graph.output = [...(graph.output ?? []), ...(graph.output ?? []).slice(0, 1)];
      return;
    case "drop outputs":
      graph.output = [];
      return;
    case "hold node in If":
    case "hold node in Loop":
      if (chosen !== undefined)
        hold(graph, chosen.node, chosen.list, kind === "hold node in If" ? "If" : "Loop", value);
      return;
    case "make node a function":
      if (node !== undefined) makeFunction(model, node);
      return;
    case "make sparse":
      if (tensor !== undefined) makeSparse(graph, tensor, value);
      return;
    case "move data outside":
      if (tensor === undefined) return;
      Object.assign(tensor, { dataLocation: 1, rawData: new Uint8Array(0) });
      tensor.externalData = [
        { key: "location", value: pick(locations, value) ?? "" },
        { key: "offset", value: String(pick([0, 4, 2 ** 40, -1], part)) },
      ];
  }
}

function valueInfo({ name, dims, dataType }: TensorProto): ValueInfoProto {
  const dim = (dims ?? []).map((dimValue) => ({ dimValue }));
  return { name: name ?? "", type: { tensorType: { elemType: dataType ?? 1, shape: { dim } } } };
}

function changeSize(info: ValueInfoProto | undefined, part: number, value: number): void {
  const dim = info?.type?.tensorType?.shape?.dim;
  if (dim === null || dim === undefined) return;
  const size = pick(sizes, value);
  if (part % 5 === 0) dim.splice(0, 1);
  else dim[part % (dim.length + 1)] = typeof size === "number" ? { dimValue: size } : { dimParam: String(size) };
}

function changeAttribute(attribute: AttributeProto | undefined, value: number): void {
  if (attribute === undefined) return;
  const number = pick(numbers, value) ?? 0;
  const whole = Number.isFinite(number) ? Math.trunc(number) : 0;
  if (value % 7 === 0) attribute.type = value % 15;
  else if (attribute.type === 1) attribute.f = number;
  else if (attribute.type === 2) attribute.i = whole;
  else if (attribute.type === 3) attribute.s = new TextEncoder().encode(pick(texts, value));
  else if (attribute.type === 7)
    attribute.ints = [...(attribute.ints ?? []).slice(value % 2), ...(value % 3 === 0 ? [] : [whole])];
  else if (attribute.type === 4 && attribute.t != null) attribute.t.dims = [whole];
  else attribute.name = "renamed";
}

/** Puts a node into both branches of an If, or into the body of a Loop. */
function hold(graph: GraphProto, node: NodeProto, list: NodeProto[], operator: "If" | "Loop", value: number): void {
  const outputs = (node.output ?? []).filter((name) => name !== "");
  const held = { name: "held", node: [{ ...node }], output: outputs.map((name) => ({ name })) };
  const truth = { name: "held.truth", dims: [], dataType: 9, rawData: Uint8Array.of(value % 2) };
  const count = { name: "held.count", dims: [], dataType: 7, int64Data: [pick([0, 1, 2, 3, 2 ** 40], value) ?? 0] };
  graph.initializer = [...(graph.initializer ?? []), truth, count];
  const branches = [
    { name: "then_branch", type: 5, g: held },
    { name: "else_branch", type: 5, g: held },
  ];
  const body = {
    ...held,
    input: [{ name: "held.step" }, { name: "held.go" }],
    output: [{ name: "held.go" }, ...outputs.map((name) => ({ name }))],
  };
  list[list.indexOf(node)] =
    operator === "If"
      ? {
          opType: "If",
          input: [value % 5 === 0 ? (node.input?.[0] ?? "") : "held.truth"],
          output: outputs,
          attribute: branches,
        }
      : {
          opType: "Loop",
          input: [value % 5 === 0 ? "" : "held.count", "held.truth"],
          output: outputs,
          attribute: [{ name: "body", type: 5, g: body }],
        };
}

/** Makes a function of a node, which calls it; sometimes the function calls itself. */
function makeFunction(model: ModelProto, node: NodeProto): void {
  const [input, output] = [(node.input ?? []).filter((name) => name !== ""), node.output ?? []];
  const name = `F${model.functions?.length ?? 0}`;
  model.functions = [
    ...(model.functions ?? []),
    {
      name,
      domain: "made",
      input: [...new Set(input)],
      output: [...output],
      node: [{ ...node }],
      opsetImport: model.opsetImport ?? [],
    },
  ];
  Object.assign(node, { opType: name, domain: "made", input: [...new Set(input)], attribute: [] });
}

/** Replaces an initializer by a sparse one of the same shape, sometimes with an index outside. */
function makeSparse(graph: GraphProto, tensor: TensorProto, value: number): void {
  graph.initializer = (graph.initializer ?? []).filter((each) => each !== tensor);
  graph.sparseInitializer = [
    ...(graph.sparseInitializer ?? []),
    {
      dims: [...(tensor.dims ?? [])],
      values: { name: tensor.name ?? "", dims: [1], dataType: 1, floatData: [2] },
      indices: { dims: [1], dataType: 7, int64Data: [value % 4 === 0 ? -1 : 0] },
    },
  ];
}
