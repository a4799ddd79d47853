import { at } from "../../base/math.ts";
import type { GraphBuilder, OnnxForm, OnnxNode } from "../operator.ts";
import { tensorType } from "../type.ts";
import { normalizeAxis } from "./broadcast.ts";
import { indexMask } from "./index-mask.ts";
import { compositeForm, onnxConstantNumbers, onnxInput, onnxInteger, onnxOptional, scalarLike } from "./onnx-node.ts";
import { tensorOf } from "./values.ts";

/** Trilu: zeros above (below) the k-th diagonal of each matrix; k may depend on data. */
function trilu(node: OnnxNode, builder: GraphBuilder, name: string): string {
  const data = onnxInput(node, builder, 0);
  const { shape } = builder.type(data);
  if (shape.length < 2)
    return builder.refuse("B110", `Trilu takes matrices; found a value of shape [${shape.join(",")}].`);
  const [rows, columns] = [at(shape, shape.length - 2), at(shape, shape.length - 1)];
  const diagonals = Array.from({ length: rows * columns }, (_, index) => {
    const row = Math.floor(index / columns);
    return index - row * columns - row;
  });
  const diagonal = builder.addConstant(tensorOf(tensorType("i64", [rows, columns]), diagonals));
  const given = onnxOptional(node, 1);
  const first =
    given === null
      ? builder.addConstant(tensorOf(tensorType("i64", []), [0]))
      : builder.add("reshape", [given], { shape: [] });
  const upper = onnxInteger(node, builder, "upper", 1) !== 0;
  const kept = builder.add(upper ? "greater_or_equal" : "less_or_equal", [diagonal, first]);
  return builder.add("where", [kept, data, scalarLike(builder, data, 0)], {}, name);
}

/** OneHot: `on` where the index is the position along the new axis, or, from opset 11 on, that position less the depth. */
function oneHot(node: OnnxNode, builder: GraphBuilder, name: string): string {
  const indices = onnxInput(node, builder, 0);
  const depth = Math.trunc(
    onnxConstantNumbers(node, builder, 1)?.[0] ?? builder.refuse("B110", "OneHot needs a depth."),
  );
  if (depth < 1) builder.refuse("B110", `The depth of OneHot is ${depth}; expected at least 1.`);
  const values = onnxInput(node, builder, 2);
  const { shape } = builder.type(indices);
  const axis = normalizeAxis(onnxInteger(node, builder, "axis", -1), shape.length + 1);
  const aligned = builder.add("reshape", [indices], { shape: [...shape.slice(0, axis), 1, ...shape.slice(axis)] });
  const hot = indexMask(builder, aligned, axis, depth, node.opset >= 11);
  const value = (index: number): string =>
    builder.add("gather", [values], { axis: 0, indices: [index], indexShape: [] });
  return builder.add("where", [hot, value(1), value(0)], {}, name);
}

/** ONNX operators that choose by a mask: Trilu and OneHot. */
export const maskForms: readonly OnnxForm[] = [compositeForm("Trilu", 14, trilu), compositeForm("OneHot", 9, oneHot)];
