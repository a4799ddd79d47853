import type { GraphBuilder, OnnxForm } from "../operator.ts";
import { microsoftForm } from "./microsoft-support.ts";
import { onnxInput, onnxInteger, onnxNumber, onnxOptional, scalarLike } from "./onnx-node.ts";

function biased(x: string, bias: string | null, builder: GraphBuilder): string {
  return bias === null ? x : builder.add("add", [x, bias]);
}

/** The last two axes exchanged. */
function transposed(value: string, builder: GraphBuilder): string {
  const { shape } = builder.type(value);
  const rank = shape.length;
  if (rank < 2) return value;
  const permutation = shape.map((_, axis) => (axis < rank - 2 ? axis : 2 * rank - 3 - axis));
  return builder.add("transpose", [value], { permutation });
}

/** Gelu, BiasGelu, FastGelu and QuickGelu of ONNX Runtime. */
export const microsoftGeluForms: readonly OnnxForm[] = [
  microsoftForm("Gelu", (node, builder, name) =>
    builder.add("gelu", [onnxInput(node, builder, 0)], { approximate: "none" }, name),
  ),
  microsoftForm("BiasGelu", (node, builder, name) => {
    const x = biased(onnxInput(node, builder, 0), onnxInput(node, builder, 1), builder);
    return builder.add("gelu", [x], { approximate: "none" }, name);
  }),
  microsoftForm("FastGelu", (node, builder, name) => {
    const x = biased(onnxInput(node, builder, 0), onnxOptional(node, 1), builder);
    return builder.add("gelu", [x], { approximate: "tanh" }, name);
  }),
  microsoftForm("QuickGelu", (node, builder, name) => {
    const x = onnxInput(node, builder, 0);
    const scaled = builder.add("mul", [x, scalarLike(builder, x, onnxNumber(node, builder, "alpha", 1.702))]);
    return builder.add("mul", [x, builder.add("sigmoid", [scaled])], {}, name);
  }),
];

/** FusedMatMul of ONNX Runtime: alpha · A' · B'. */
export const fusedMatMulForm: OnnxForm = microsoftForm("FusedMatMul", (node, builder, name) => {
  for (const attribute of ["transBatchA", "transBatchB"]) {
    if (onnxInteger(node, builder, attribute, 0) !== 0) {
      builder.refuse("B104", `FusedMatMul with ${attribute} is not supported.`);
    }
  }
  const [x, w] = (["transA", "transB"] as const).map((attribute, index) => {
    const value = onnxInput(node, builder, index);
    return onnxInteger(node, builder, attribute, 0) === 0 ? value : transposed(value, builder);
  });
  const operands = [x ?? null, w ?? null, null];
  const alpha = onnxNumber(node, builder, "alpha", 1);
  if (alpha === 1) return builder.add("matmul", operands, {}, name);
  const product = builder.add("matmul", operands);
  return builder.add("mul", [product, scalarLike(builder, product, alpha)], {}, name);
});
