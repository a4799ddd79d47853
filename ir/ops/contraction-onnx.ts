import { at } from "../../base/math.ts";
import type { GraphBuilder, OnnxForm } from "../operator.ts";
import { sameNumbers } from "../type.ts";
import { compositeForm, onnxInput, onnxInteger, onnxNumber, onnxOptional, scalarLike } from "./onnx-node.ts";
import { onnxGroup, onnxWindow } from "./window.ts";

/** MatMul: an operand of one axis gets a second one of size 1, which is taken out of the result again. */
export const matMulForm: OnnxForm = compositeForm("MatMul", 1, (node, builder, name) => {
  const [x, w] = [onnxInput(node, builder, 0), onnxInput(node, builder, 1)];
  const [xShape, wShape] = [builder.type(x).shape, builder.type(w).shape];
  if (xShape.length === 0 || wShape.length === 0)
    return builder.refuse("B110", "MatMul needs operands of at least one axis.");
  const left = xShape.length === 1 ? builder.add("reshape", [x], { shape: [1, at(xShape, 0)] }) : x;
  const right = wShape.length === 1 ? builder.add("reshape", [w], { shape: [at(wShape, 0), 1] }) : w;
  if (left === x && right === w) return builder.add("matmul", [x, w, null], {}, name);
  const result = builder.add("matmul", [left, right, null]);
  const { shape } = builder.type(result);
  const kept = shape.filter(
    (_, axis) => !(axis === shape.length - 2 && left !== x) && !(axis === shape.length - 1 && right !== w),
  );
  return builder.add("reshape", [result], { shape: kept }, name);
});

function scaled(value: string, factor: number, builder: GraphBuilder): string {
  return factor === 1 ? value : builder.add("mul", [value, scalarLike(builder, value, factor)]);
}

/** Gemm: alpha · A' · B' + beta · C. alpha goes to a constant B; a constant C of one number a column becomes the bias. */
export const gemmForm: OnnxForm = compositeForm("Gemm", 1, (node, builder, name) => {
  const [a, b, c] = [onnxInput(node, builder, 0), onnxInput(node, builder, 1), onnxOptional(node, 2)];
  const transposed = (value: string, attribute: string): string =>
    onnxInteger(node, builder, attribute, 0) === 0 ? value : builder.add("transpose", [value], { permutation: [1, 0] });
  const alpha = onnxNumber(node, builder, "alpha", 1);
  const constantWeights = builder.constantInfo(b) !== null;
  const x = transposed(a, "transA");
  const w = transposed(constantWeights ? scaled(b, alpha, builder) : b, "transB");
  const columns = builder.type(w).shape[1];
  const after = constantWeights ? 1 : alpha;
  if (c === null) {
    if (after === 1) return builder.add("matmul", [x, w, null], {}, name);
    const product = builder.add("matmul", [x, w, null]);
    return builder.add("mul", [product, scalarLike(builder, product, after)], {}, name);
  }
  const addend = scaled(c, onnxNumber(node, builder, "beta", 1), builder);
  const { shape } = builder.type(addend);
  const isBias = after === 1 && builder.constantInfo(c) !== null && columns !== undefined;
  if (isBias && sameNumbers(shape, [columns])) return builder.add("matmul", [x, w, addend], {}, name);
  if (isBias && sameNumbers(shape, [1, columns])) {
    const bias = builder.add("reshape", [addend], { shape: [columns] });
    return builder.add("matmul", [x, w, bias], {}, name);
  }
  const product = scaled(builder.add("matmul", [x, w, null]), after, builder);
  return builder.add("add", [product, addend], {}, name);
});

/** Conv with one, two or three spatial axes. */
export const convForm: OnnxForm = compositeForm("Conv", 1, (node, builder, name) => {
  const [x, w] = [onnxInput(node, builder, 0), onnxInput(node, builder, 1)];
  const window = onnxWindow(node, builder, builder.type(x).shape.slice(2), builder.type(w).shape.slice(2));
  return builder.add("conv", [x, w, onnxOptional(node, 2)], { ...window, group: onnxGroup(node, builder) }, name);
});
