import type { GraphBuilder } from "../operator.ts";
import type { ElementType } from "../type.ts";

/** By number of ONNX's TensorProto.DataType. */
const onnxElements: readonly (ElementType | null)[] = [
  null,
  "f32",
  "u8",
  "i8",
  "u16",
  "i16",
  "i32",
  "i64",
  null,
  "bool",
  "f16",
  "f64",
  "u32",
  "u64",
  null,
  null,
  "bf16",
  null,
  null,
  null,
  null,
  "u4",
  "i4",
  null,
  null,
  "u2",
  "i2",
];

/** The element type of a number of ONNX's TensorProto.DataType; refuses others (B104). */
export function onnxElement(code: number, builder: GraphBuilder): ElementType {
  return onnxElements[code] ?? builder.refuse("B104", `Element type ${code} of ONNX is not supported.`);
}
