import type { GraphBuilder, OnnxForm, OnnxNode } from "../operator.ts";
import { compositeForm } from "./onnx-node.ts";

const domain = "com.microsoft";

/** A composite form of an operator that ONNX Runtime adds to ONNX. */
export function microsoftForm(
  operator: string,
  write: (node: OnnxNode, builder: GraphBuilder, name: string) => string,
): OnnxForm {
  return { ...compositeForm(operator, 1, write), domain };
}

/** A form of an operator that ONNX Runtime adds to ONNX, with more outputs than one. */
export function microsoftTranslation(operator: string, translate: OnnxForm["translate"]): OnnxForm {
  return { operator, domain, since: 1, translate };
}
