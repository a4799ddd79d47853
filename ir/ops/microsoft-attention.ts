import { at } from "../../base/math.ts";
import type { GraphBuilder, OnnxForm, OnnxNode } from "../operator.ts";
import { tensorType } from "../type.ts";
import { joinHeads, keyPositions, maskBias, splitHeads, writeAttention } from "./attention.ts";
import { pickIndex, sliceAxis, sumOf } from "./composite-support.ts";
import { microsoftTranslation } from "./microsoft-support.ts";
import { bindExtra, onnxInput, onnxInteger, onnxIntegers, onnxNumber, onnxOptional, scalarLike } from "./onnx-node.ts";
import { tensorOf } from "./values.ts";

/** The sizes of the scores: B sequences of S queries and T keys, of which the first P are of the past. */
interface ScoreSizes {
  readonly batch: number;
  readonly queries: number;
  readonly keys: number;
  readonly past: number;
}

/** Which keys the mask keeps, as truth values that broadcast to [B,H,S,T]; refuses a shape that is none of its forms. */
function keptKeys(mask: string, sizes: ScoreSizes, builder: GraphBuilder): string {
  const { batch, queries, keys, past } = sizes;
  const { shape, element } = builder.type(mask);
  const zero = builder.addConstant(tensorOf(tensorType(element, []), [0]));
  const kept = (value: string): string => builder.add("greater", [value, zero]);
  switch (shape.length) {
    case 1: {
      const wide = element === "i64" ? mask : builder.add("cast", [mask], { element: "i64" });
      const limit = (part: number): string =>
        builder.add("reshape", [sliceAxis(wide, 0, part * batch, (part + 1) * batch, builder)], {
          shape: [batch, 1, 1, 1],
        });
      const before = (): string => builder.add("less", [keyPositions(1, keys, builder), limit(0)]);
      const from = (): string => builder.add("less_or_equal", [limit(1), keyPositions(1, keys, builder)]);
      if (shape[0] === batch) return before();
      if (shape[0] === 2 * batch) return builder.add("and", [before(), from()]);
      break;
    }
    case 2:
      if (shape.join() !== [batch, keys].join()) break;
      return kept(builder.add("reshape", [mask], { shape: [batch, 1, 1, keys] }));
    case 3:
      if (shape.join() !== [batch, queries, keys].join()) break;
      return kept(builder.add("reshape", [mask], { shape: [batch, 1, queries, keys] }));
    case 4:
      if (at(shape, 2) < past + queries || at(shape, 3) < keys) break;
      return kept(sliceAxis(sliceAxis(mask, 2, past, past + queries, builder), 3, 0, keys, builder));
    default:
  }
  return builder.refuse(
    "B110",
    `mask_index of Attention is [${shape.join(",")}], which fits no form for ${batch} sequences of ${queries} queries and ${keys} keys.`,
  );
}

function biasOf(node: OnnxNode, builder: GraphBuilder, sizes: ScoreSizes, like: string): string | null {
  const mask = onnxOptional(node, 3);
  const filter = onnxNumber(node, builder, "mask_filter_value", -10000);
  const causal = (): string => {
    const before = builder.addConstant(tensorOf(tensorType("i64", []), [sizes.past]));
    const seen = builder.add("less_or_equal", [keyPositions(sizes.queries, sizes.keys, builder), before]);
    return maskBias(seen, Number.NEGATIVE_INFINITY, like, builder);
  };
  const biases = [
    mask === null ? null : maskBias(keptKeys(mask, sizes, builder), filter, like, builder),
    onnxInteger(node, builder, "unidirectional", 0) === 0 ? null : causal(),
    onnxOptional(node, 5),
  ];
  return sumOf(biases, builder);
}

/** Keys (0) or values (1) of the past [2,B,H,P,D], before those of the node. */
function withPast(past: string | null, part: number, value: string, builder: GraphBuilder): string {
  if (past === null) return value;
  return builder.add("concat", [pickIndex(past, 0, part, builder), value], { axis: 2 });
}

const attention: OnnxForm["translate"] = (node, builder) => {
  for (const attribute of ["do_rotary", "past_present_share_buffer"]) {
    if (onnxInteger(node, builder, attribute, 0) !== 0) {
      builder.refuse("B104", `Attention of com.microsoft with ${attribute} is not supported.`);
    }
  }
  const [x, weights] = [onnxInput(node, builder, 0), onnxInput(node, builder, 1)];
  const heads = onnxInteger(node, builder, "num_heads");
  const width = at(builder.type(weights).shape, 1);
  const [queryWidth, keyWidth, valueWidth] = onnxIntegers(node, builder, "qkv_hidden_sizes") ?? [
    width / 3,
    width / 3,
    width / 3,
  ];
  const parts = [queryWidth ?? 0, keyWidth ?? 0, valueWidth ?? 0];
  if (heads < 1 || parts.some((part) => part % heads !== 0) || at(parts, 0) + at(parts, 1) + at(parts, 2) !== width) {
    builder.refuse("B110", `Attention of ${heads} heads cannot split ${width} columns into [${parts.join(",")}].`);
  }
  const projected = builder.add("matmul", [x, weights, onnxOptional(node, 2)]);
  const part = (start: number, size: number): string => sliceAxis(projected, 2, start, start + size, builder);
  const headSize = at(parts, 0) / heads;
  const scale = onnxNumber(node, builder, "scale", 0) || 1 / Math.sqrt(headSize);
  const query = part(0, at(parts, 0));
  const q = splitHeads(builder.add("mul", [query, scalarLike(builder, query, scale)]), heads, builder);
  const past = onnxOptional(node, 4);
  const k = withPast(past, 0, splitHeads(part(at(parts, 0), at(parts, 1)), heads, builder), builder);
  const v = withPast(past, 1, splitHeads(part(width - at(parts, 2), at(parts, 2)), heads, builder), builder);
  const [batch, queries] = [at(builder.type(q).shape, 0), at(builder.type(q).shape, 2)];
  const keys = at(builder.type(k).shape, 2);
  const bias = biasOf(node, builder, { batch, queries, keys, past: keys - queries }, q);
  const { result } = writeAttention({ q, k, v, bias, mayHideAll: false, softcap: 0, softmaxElement: null }, builder);
  bindExtra(node, builder, 0, (name) => joinHeads(result, builder, name));
  bindExtra(node, builder, 1, (name) => {
    const states = [k, v].map((state) => builder.add("reshape", [state], { shape: [1, ...builder.type(state).shape] }));
    return builder.add("concat", states, { axis: 0 }, name);
  });
};

/** Attention of ONNX Runtime, which holds the projections to queries, keys and values. */
export const microsoftAttentionForm: OnnxForm = microsoftTranslation("Attention", attention);
