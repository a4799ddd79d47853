import { BorealError, type Location, type Problem, problem } from "../../base/errors.ts";
import type { AttributeValue } from "../../ir/graph.ts";
import type { Tensor } from "../../ir/tensor.ts";
import type { ByteSource } from "./byte-source.ts";
import type { AttributeProto } from "./proto-types.ts";
import { densify } from "./sparse-tensor.ts";
import { readTensorProto, toNumber } from "./tensor-proto.ts";

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

function attributeValue(proto: AttributeProto, at: Location, source: ByteSource | null): AttributeValue | Tensor {
  const kind = attributeKind(proto);
  switch (kind) {
    case "float":
      return proto.f ?? 0;
    case "integer":
      return toNumber(proto.i);
    case "string":
      return textOfBytes(proto.s);
    case "tensor":
      return readTensorProto(proto.t ?? {}, at, source);
    case "floats":
      return proto.floats ?? [];
    case "integers":
      return (proto.ints ?? []).map(toNumber);
    case "strings":
      return (proto.strings ?? []).map(textOfBytes);
    case "sparse tensor":
      return densify(proto.sparseTensor ?? {}, at, source);
    default:
      throw problem(
        "B111",
        `Attribute "${proto.name ?? ""}" holds a value of kind ${kind}; expected a number, a text, a tensor, or a list of numbers or texts.`,
        at,
      );
  }
}

/** The attributes of an ONNX node by name, without the graphs that it holds; throws all problems of their values together. */
export function nodeAttributes(
  protos: readonly AttributeProto[],
  at: Location,
  source: ByteSource | null,
): Map<string, AttributeValue | Tensor> {
  const attributes = new Map<string, AttributeValue | Tensor>();
  const problems: Problem[] = [];
  for (const proto of protos) {
    const name = proto.name ?? "";
    try {
      if (attributes.has(name)) throw problem("B111", `Attribute "${name}" is given twice.`, at);
      if (attributeKind(proto) !== "graph") attributes.set(name, attributeValue(proto, at, source));
    } catch (error) {
      if (!(error instanceof BorealError)) throw error;
      problems.push(...error.problems);
    }
  }
  if (problems.length > 0) throw new BorealError(problems);
  return attributes;
}

/**
 * The attributes of a node within a function, in which references to the function's attributes are replaced by what the
 * call gives; a reference to one that the call leaves out is left out too. Throws B111 for a reference outside a function.
 */
export function resolveReferences(
  protos: readonly AttributeProto[],
  given: ReadonlyMap<string, AttributeProto> | null,
  at: Location,
): readonly AttributeProto[] {
  const refers = ({ refAttrName }: AttributeProto): boolean =>
    refAttrName !== null && refAttrName !== undefined && refAttrName !== "";
  if (!protos.some(refers)) return protos;
  return protos.flatMap((proto) => {
    if (!refers(proto)) return [proto];
    const reference = proto.refAttrName ?? "";
    if (given === null) {
      throw problem(
        "B111",
        `Attribute "${proto.name ?? ""}" refers to attribute "${reference}" of a function; the node stands in none.`,
        at,
      );
    }
    const value = given.get(reference);
    return value === undefined ? [] : [{ ...value, name: proto.name ?? "" }];
  });
}
