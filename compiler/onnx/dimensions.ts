import { BorealError, type Location, type Problem, problem } from "../../base/errors.ts";
import type { GraphInput } from "../../ir/graph.ts";
import { tensorType } from "../../ir/type.ts";
import type { ValueInfoProto } from "./proto-types.ts";
import { checkedShape, elementOfDataType, toNumber } from "./tensor-proto.ts";

/** A size that a declaration gives, a name for it, or neither. */
export type DeclaredSize = number | string | null;

/** The sizes of a declared shape; null when none is declared. */
export function declaredSizes(info: ValueInfoProto): DeclaredSize[] | null {
  const shape = info.type?.tensorType?.shape;
  if (shape === null || shape === undefined) return null;
  return (shape.dim ?? []).map((dimension) => {
    if (Object.hasOwn(dimension, "dimValue")) {
      const size = toNumber(dimension.dimValue);
      return size >= 0 ? size : null;
    }
    return dimension.dimParam === null || dimension.dimParam === undefined || dimension.dimParam === ""
      ? null
      : dimension.dimParam;
  });
}

/** How a value that is no tensor is declared. */
function declaredKind({ type }: ValueInfoProto): string {
  const kinds = {
    sequenceType: "as a sequence",
    optionalType: "as optional",
    mapType: "as a map",
    sparseTensorType: "as sparse",
  };
  const found = Object.entries(kinds).find(([field]) => type?.[field as keyof typeof kinds] != null);
  return found === undefined ? "without a type" : found[1];
}

/** The inputs with every dimension bound. Each open dimension goes by its name, or by INPUT:AXIS. Problems are collected. */
export function bindInputs(
  infos: readonly ValueInfoProto[],
  dimensions: ReadonlyMap<string, number>,
  file: Location,
  problems: Problem[],
): GraphInput[] {
  const used = new Set<string>();
  const open: string[] = [];
  const reported = new Set<string>();
  const inputs: GraphInput[] = [];
  for (const info of infos) {
    const name = info.name ?? "";
    const at = { ...file, tensor: name };
    const sizes = declaredSizes(info);
    if (info.type?.tensorType === null || info.type?.tensorType === undefined) {
      const kind = declaredKind(info);
      problems.push(...problem("B110", `The input is declared ${kind}; expected a tensor.`, at).problems);
      continue;
    }
    if (sizes === null) {
      problems.push(
        ...problem(
          "B105",
          "The input is declared without a shape; its number of axes is not known.",
          at,
          "Export the model with a shape for each input.",
        ).problems,
      );
      continue;
    }
    const bound = sizes.map((size, axis) => {
      const byPlace = `${name}:${axis}`;
      const keys = typeof size === "string" ? [byPlace, size] : size === null ? [byPlace] : [];
      open.push(...keys.slice(-1));
      for (const key of keys) {
        const value = dimensions.get(key);
        if (value === undefined) continue;
        used.add(key);
        if (typeof size === "string") used.add(size);
        if (Number.isSafeInteger(value) && value >= 0) return value;
        problems.push(
          ...problem("B105", `Dimension "${key}" is bound to ${value}; expected a whole number of at least 0.`, at)
            .problems,
        );
        return 1;
      }
      if (typeof size === "number") return size;
      const key = size ?? byPlace;
      if (reported.has(key)) return 1;
      reported.add(key);
      const what =
        size === null
          ? `Axis ${axis} of the input has no size and no name`
          : `Dimension "${size}" (axis ${axis} of the input) has no value`;
      problems.push({ code: "B105", message: `${what}.`, at, hint: `Bind it with --dim ${key}=VALUE.` });
      return 1;
    });
    try {
      inputs.push({
        name,
        type: tensorType(elementOfDataType(info.type.tensorType.elemType, at), checkedShape(bound, at)),
      });
    } catch (error) {
      collect(error, problems);
    }
  }
  for (const key of dimensions.keys()) {
    if (used.has(key) || open.includes(key)) continue;
    const known = [...new Set(open)].map((each) => `"${each}"`).join(", ");
    problems.push(
      ...problem(
        "B105",
        `"${key}" was given a value, but the model has no such open dimension; it has ${known === "" ? "none" : known}.`,
        file,
        "Leave it out or correct its name.",
      ).problems,
    );
  }
  return inputs;
}

function collect(error: unknown, problems: Problem[]): void {
  if (!(error instanceof BorealError)) throw error;
  problems.push(...error.problems);
}
