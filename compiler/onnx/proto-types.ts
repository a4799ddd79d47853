/**
 * The types of onnx-proto 8.0.1 (ONNX IR 8), with the fields that later ONNX releases added. Types alone: decoding goes
 * by the schema in proto/onnx.proto.
 */
import type { onnx } from "onnx-proto";

declare global {
  /** onnx-proto's declarations name this type globally. */
  type Long = import("long").default;
}

declare module "onnx-proto" {
  namespace onnx {
    interface INodeProto {
      overload?: string | null;
      metadataProps?: IStringStringEntryProto[] | null;
    }
    interface IGraphProto {
      metadataProps?: IStringStringEntryProto[] | null;
    }
    interface ITensorProto {
      /** Data that stay in the file: the data's field number, offset and length. Not of ONNX; see skeleton.ts. */
      stored?: Integer64[] | null;
      metadataProps?: IStringStringEntryProto[] | null;
    }
    interface IValueInfoProto {
      metadataProps?: IStringStringEntryProto[] | null;
    }
    interface IFunctionProto {
      attributeProto?: IAttributeProto[] | null;
      overload?: string | null;
      valueInfo?: IValueInfoProto[] | null;
      metadataProps?: IStringStringEntryProto[] | null;
    }
    interface IModelProto {
      configuration?: IDeviceConfigurationProto[] | null;
    }
    interface IDeviceConfigurationProto {
      name?: string | null;
      numDevices?: number | null;
      device?: string[] | null;
    }
  }
}

/** A decoded ONNX model. */
export type ModelProto = onnx.IModelProto;
/** A decoded ONNX graph. */
export type GraphProto = onnx.IGraphProto;
/** A decoded ONNX node. */
export type NodeProto = onnx.INodeProto;
/** A decoded attribute of an ONNX node. */
export type AttributeProto = onnx.IAttributeProto;
/** A decoded ONNX tensor. */
export type TensorProto = onnx.ITensorProto;
/** A decoded sparse tensor: values, and where they stand. */
export type SparseTensorProto = onnx.ISparseTensorProto;
/** A decoded function that a model defines. */
export type FunctionProto = onnx.IFunctionProto;
/** A decoded version of a domain's operators. */
export type OperatorSetIdProto = onnx.IOperatorSetIdProto;
/** A decoded declaration of a value's type. */
export type ValueInfoProto = onnx.IValueInfoProto;
/** A 64-bit integer as protobufjs gives it. */
export type Integer64 = number | Long;
