import type { OnnxForm, Operator } from "../operator.ts";
import { attentionForms } from "./attention-onnx.ts";
import { fusedMatMulForm, microsoftGeluForms } from "./microsoft-activations.ts";
import { microsoftAttentionForm } from "./microsoft-attention.ts";
import { microsoftNormForms } from "./microsoft-normalization.ts";
import { recurrentForms } from "./recurrent.ts";
import { rotaryForms } from "./rotary.ts";

/** ONNX operators that become many nodes, by the operator that they are listed under. */
const compositeForms: Readonly<Record<string, readonly OnnxForm[]>> = {
  matmul: [...recurrentForms, ...attentionForms, microsoftAttentionForm, fusedMatMulForm],
  mul: rotaryForms,
  layer_norm: microsoftNormForms,
  gelu: microsoftGeluForms,
};

/** The operator with the composite ONNX operators that are listed under it. */
export function withCompositeForms(operator: Operator): Operator {
  const forms = compositeForms[operator.name];
  return forms === undefined ? operator : { ...operator, onnx: [...operator.onnx, ...forms] };
}
