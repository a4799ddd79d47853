import { at } from "../../base/math.ts";
import type { GraphBuilder, OnnxForm, OnnxNode } from "../operator.ts";
import { type ElementType, elementTypes, isFloat, tensorType } from "../type.ts";
import {
  type AttentionStages,
  joinHeads,
  keyPositions,
  maskBias,
  mayHideAllKeys,
  splitHeads,
  writeAttention,
} from "./attention.ts";
import { sumOf } from "./composite-support.ts";
import { bindExtra, onnxInput, onnxInteger, onnxNumber, onnxOptional, onnxOutput, scalarLike } from "./onnx-node.ts";
import { tensorOf } from "./values.ts";

/** Query, key or value as [batch,heads,length,size]: given so, or as [batch,length,heads·size]. */
function headed(node: OnnxNode, builder: GraphBuilder, value: string, headAttribute: string): string {
  const { shape } = builder.type(value);
  if (shape.length === 4) return value;
  const heads = onnxInteger(node, builder, headAttribute, 0);
  if (shape.length !== 3 || heads < 1 || at(shape, 2) % heads !== 0) {
    builder.refuse(
      "B110",
      `Attention takes four axes, or three with ${headAttribute} that divides the last; found [${shape.join(",")}] and ${heads}.`,
    );
  }
  return splitHeads(value, heads, builder);
}

/** The mask as what is added to the scores; a last axis shorter than the keys is filled up with −∞. */
function maskOf(node: OnnxNode, builder: GraphBuilder, keys: number, like: string): string | null {
  const mask = onnxOptional(node, 3);
  if (mask === null) return null;
  const { shape, element } = builder.type(mask);
  const missing = keys - (shape.at(-1) ?? keys);
  const pads = [...new Array<number>(2 * shape.length - 1).fill(0), missing];
  const value = element === "bool" ? 0 : Number.NEGATIVE_INFINITY;
  const whole = missing > 0 ? builder.add("pad", [mask], { pads, mode: "constant", value }) : mask;
  if (element === "bool") return maskBias(whole, Number.NEGATIVE_INFINITY, like, builder);
  const wanted = builder.type(like).element;
  return element === wanted ? whole : builder.add("cast", [whole], { element: wanted });
}

/** How many keys of each sequence are no padding, [B,1,1,1]; null where all are. */
function validKeys(node: OnnxNode, builder: GraphBuilder, batch: number): string | null {
  const counts = onnxOptional(node, 6);
  if (counts === null) return null;
  return builder.add("reshape", [wide(counts, builder)], { shape: [batch, 1, 1, 1] });
}

function wide(value: string, builder: GraphBuilder): string {
  return builder.type(value).element === "i64" ? value : builder.add("cast", [value], { element: "i64" });
}

function integer(number: number, builder: GraphBuilder): string {
  return builder.addConstant(tensorOf(tensorType("i64", []), [number]));
}

/**
 * What hides keys from queries by their positions. Causal: key j is seen by query i where j − i is at most the number of
 * keys before the first query, which are those of the past, or the valid ones without as many as there are queries.
 */
function positionBiases(node: OnnxNode, builder: GraphBuilder, q: string, k: string): (string | null)[] {
  const [batch, queries, keys] = [
    at(builder.type(q).shape, 0),
    at(builder.type(q).shape, 2),
    at(builder.type(k).shape, 2),
  ];
  const valid = validKeys(node, builder, batch);
  const past = onnxOptional(node, 4);
  const hidden = (seen: string): string => maskBias(seen, Number.NEGATIVE_INFINITY, q, builder);
  const causal = (): string => {
    const positions = keyPositions(queries, keys, builder);
    if (valid !== null && past === null) {
      const needed = builder.add("add", [positions, integer(queries, builder)]);
      return hidden(builder.add("less_or_equal", [needed, valid]));
    }
    const before = past === null ? 0 : at(builder.type(past).shape, 2);
    return hidden(builder.add("less_or_equal", [positions, integer(before, builder)]));
  };
  return [
    onnxInteger(node, builder, "is_causal", 0) === 0 ? null : causal(),
    valid === null ? null : hidden(builder.add("less", [keyPositions(1, keys, builder), valid])),
  ];
}

const precisions: Readonly<Record<number, ElementType>> = { 1: "f32", 10: "f16", 11: "f64", 16: "bf16" };

/** The element type in which softmax is rounded; null where it is no narrower than that of the scores. */
function softmaxElement(node: OnnxNode, builder: GraphBuilder, scores: ElementType): ElementType | null {
  const number = onnxInteger(node, builder, "softmax_precision", 0);
  if (number === 0) return null;
  const element = precisions[number];
  if (element === undefined) return builder.refuse("B111", `softmax_precision is ${number}, expected 1, 10, 11 or 16.`);
  return elementTypes[element].bits < elementTypes[scores].bits ? element : null;
}

/** What `qk_matmul_output` holds, by `qk_matmul_output_mode`. */
const scoreStages: readonly (keyof AttentionStages)[] = ["scores", "capped", "biased", "weights"];

/** Keys or values of the past before those of the node, along the axis of their positions. */
function withPast(builder: GraphBuilder, past: string | null, value: string, name: string): string {
  return past === null ? value : builder.add("concat", [past, value], { axis: 2 }, name);
}

/** The scale of the scores on the query, before its heads are split. */
function scaledQuery(node: OnnxNode, builder: GraphBuilder): string {
  const query = onnxInput(node, builder, 0);
  const { shape, element } = builder.type(query);
  if (!isFloat(element)) builder.refuse("B110", `Attention takes floats; found ${element}.`);
  const heads = shape.length === 3 ? onnxInteger(node, builder, "q_num_heads", 1) : 1;
  const scale = onnxNumber(node, builder, "scale", 1 / Math.sqrt((shape.at(-1) ?? 1) / heads));
  return scale === 1 ? query : builder.add("mul", [query, scalarLike(builder, query, scale)]);
}

const attention: OnnxForm["translate"] = (node, builder) => {
  const q = headed(node, builder, scaledQuery(node, builder), "q_num_heads");
  const [presentKey, presentValue] = [node.outputs[1] ?? "", node.outputs[2] ?? ""];
  const newKey = headed(node, builder, onnxInput(node, builder, 1), "kv_num_heads");
  const newValue = headed(node, builder, onnxInput(node, builder, 2), "kv_num_heads");
  const k = withPast(builder, onnxOptional(node, 4), newKey, presentKey || `${onnxOutput(node)}.key`);
  const v = withPast(builder, onnxOptional(node, 5), newValue, presentValue || `${onnxOutput(node)}.value`);
  const [heads, groups] = [at(builder.type(q).shape, 1), at(builder.type(k).shape, 1)];
  if (groups !== at(builder.type(v).shape, 1) || heads % groups !== 0) {
    builder.refuse(
      "B110",
      `Attention of ${heads} query heads cannot share ${groups} key heads and ${at(builder.type(v).shape, 1)} value heads.`,
    );
  }
  const keys = at(builder.type(k).shape, 2);
  const bias = sumOf([maskOf(node, builder, keys, q), ...positionBiases(node, builder, q, k)], builder);
  const stages = writeAttention(
    {
      q,
      k,
      v,
      bias,
      mayHideAll: mayHideAllKeys(bias, builder),
      softcap: onnxNumber(node, builder, "softcap", 0),
      softmaxElement: softmaxElement(node, builder, builder.type(q).element),
    },
    builder,
  );
  bindExtra(node, builder, 0, (name) =>
    builder.type(onnxInput(node, builder, 0)).shape.length === 3
      ? joinHeads(stages.result, builder, name)
      : builder.add("identity", [stages.result], {}, name),
  );
  bindExtra(node, builder, 1, (name) => builder.add("identity", [k], {}, name));
  bindExtra(node, builder, 2, (name) => builder.add("identity", [v], {}, name));
  bindExtra(node, builder, 3, (name) => {
    const mode = onnxInteger(node, builder, "qk_matmul_output_mode", 0);
    const stage = scoreStages[mode];
    if (stage === undefined) return builder.refuse("B111", `qk_matmul_output_mode is ${mode}, expected 0 to 3.`);
    return builder.add("identity", [stages[stage]], {}, name);
  });
};

/** Attention of the default domain. */
export const attentionForms: readonly OnnxForm[] = [{ operator: "Attention", since: 23, translate: attention }];
