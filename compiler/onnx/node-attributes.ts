import { BorealError, type Location, type Problem, problem } from "../../base/errors.ts";
import { product } from "../../base/math.ts";
import type { AttributeValue } from "../../ir/graph.ts";
import { allocateData, type Tensor } from "../../ir/tensor.ts";
import { tensorType } from "../../ir/type.ts";
import type { AttributeProto, NodeProto, SparseTensorProto } from "./proto-types.ts";
import { checkedShape, readTensorProto, toNumber } from "./tensor-proto.ts";

/** AttributeProto.AttributeType: the field that holds the value. */
const kinds = [
  "undefined",
  "float",
  "integer",
  "string",
  "tensor",
  "graph",
  "floats",
  "integers",
  "strings",
  "tensors",
  "graphs",
  "sparse tensor",
  "sparse tensors",
  "type",
  "types",
] as const;

type AttributeKind = (typeof kinds)[number];

/** What kind of value an attribute has; files before IR version 2 do not say it, so the field that is there decides. */
export function attributeKind(proto: AttributeProto): AttributeKind {
  const stated = kinds[proto.type ?? 0] ?? "undefined";
  if (stated !== "undefined") return stated;
  if (Object.hasOwn(proto, "f")) return "float";
  if (Object.hasOwn(proto, "i")) return "integer";
  if (Object.hasOwn(proto, "s")) return "string";
  if (Object.hasOwn(proto, "t")) return "tensor";
  if (Object.hasOwn(proto, "g")) return "graph";
  if ((proto.floats?.length ?? 0) > 0) return "floats";
  if ((proto.ints?.length ?? 0) > 0) return "integers";
  if ((proto.strings?.length ?? 0) > 0) return "strings";
  return "undefined";
}

function textOfBytes(bytes: Uint8Array | null | undefined): string {
  return new TextDecoder().decode(Uint8Array.from(bytes ?? []));
}

/** A dense tensor from a sparse one; throws B115 when an index lies outside the shape. */
export function densify(sparse: SparseTensorProto, at: Location): Tensor {
  const values = readTensorProto(sparse.values ?? {}, at);
  const shape = checkedShape((sparse.dims ?? []).map(toNumber), at);
  const type = tensorType(values.type.element, shape);
  const data = allocateData(type.element, product(shape)) as Float64Array;
  const source = values.data as Float64Array;
  const rank = shape.length;
  if (source.length > 0) {
    const indices = readTensorProto(sparse.indices ?? {}, at);
    const linear = indices.type.shape.length === 1;
    if (indices.type.element !== "i64" || indices.data.length !== source.length * (linear ? 1 : rank)) {
      throw problem(
        "B115",
        `Found indices of type ${indices.type.element}[${indices.type.shape.join(",")}] for ${source.length} values; expected i64[${source.length}] or i64[${source.length},${rank}].`,
        at,
      );
    }
    const numbers = Array.from(indices.data as BigInt64Array, Number);
    source.forEach((value, position) => {
      const own = linear ? [numbers[position] as number] : numbers.slice(position * rank, (position + 1) * rank);
      const inside = linear
        ? (own[0] as number) >= 0 && (own[0] as number) < data.length
        : own.every((index, axis) => index >= 0 && index < (shape[axis] as number));
      if (!inside)
        throw problem(
          "B115",
          `Index [${own.join(",")}] of value ${position} lies outside shape [${shape.join(",")}].`,
          at,
        );
      const offset = linear
        ? (own[0] as number)
        : own.reduce((sum, index, axis) => sum * (shape[axis] as number) + index, 0);
      data[offset] = value;
    });
  }
  return { type, data };
}

function attributeValue(proto: AttributeProto, at: Location): AttributeValue | Tensor {
  const kind = attributeKind(proto);
  switch (kind) {
    case "float":
      return proto.f ?? 0;
    case "integer":
      return toNumber(proto.i);
    case "string":
      return textOfBytes(proto.s);
    case "tensor":
      return readTensorProto(proto.t ?? {}, at);
    case "floats":
      return proto.floats ?? [];
    case "integers":
      return (proto.ints ?? []).map(toNumber);
    case "strings":
      return (proto.strings ?? []).map(textOfBytes);
    case "sparse tensor":
      return densify(proto.sparseTensor ?? {}, at);
    default:
      throw problem(
        "B111",
        `Attribute "${proto.name ?? ""}" holds a value of kind ${kind}; expected a number, a text, a tensor, or a list of numbers or texts.`,
        at,
      );
  }
}

/** The attributes of an ONNX node by name; throws all problems of their values together. */
export function nodeAttributes(node: NodeProto, at: Location): Map<string, AttributeValue | Tensor> {
  const attributes = new Map<string, AttributeValue | Tensor>();
  const problems: Problem[] = [];
  for (const proto of node.attribute ?? []) {
    const name = proto.name ?? "";
    try {
      if (attributes.has(name)) throw problem("B111", `Attribute "${name}" is given twice.`, at);
      attributes.set(name, attributeValue(proto, at));
    } catch (error) {
      if (!(error instanceof BorealError)) throw error;
      problems.push(...error.problems);
    }
  }
  if (problems.length > 0) throw new BorealError(problems);
  return attributes;
}
