import { at } from "../../base/math.ts";
import type { GraphBuilder, NodeBuilder, OnnxForm, OnnxNode } from "../operator.ts";
import { rowsAt, sliceAxis } from "./composite-support.ts";
import { compositeForm, onnxInput, onnxInteger, onnxOptional } from "./onnx-node.ts";

/** What a rotation takes beside its operand [..,D]. */
interface Rotation {
  /** Cosines and sines [..,R/2] that broadcast to the operand's pairs. */
  readonly cosines: string;
  readonly sines: string;
  /** How many leading numbers R of the last axis are rotated; the others pass. */
  readonly width: number;
  /** Whether pairs are neighbours (0, 1), (2, 3), ...; otherwise they lie R/2 apart. */
  readonly interleaved: boolean;
}

/** Rotates pairs (a, b) of the last axis into (a·cos − b·sin, a·sin + b·cos). */
function writeRotation(x: string, rotation: Rotation, builder: NodeBuilder): string {
  const { cosines, sines, width, interleaved } = rotation;
  const { shape } = builder.type(x);
  const axis = shape.length - 1;
  const size = at(shape, axis);
  const half = width / 2;
  const a = interleaved ? sliceAxis(x, axis, 0, width, builder, 2) : sliceAxis(x, axis, 0, half, builder);
  const b = interleaved ? sliceAxis(x, axis, 1, width, builder, 2) : sliceAxis(x, axis, half, width, builder);
  const scaled = (value: string, factor: string): string => builder.add("mul", [value, factor]);
  const first = builder.add("sub", [scaled(a, cosines), scaled(b, sines)]);
  const second = builder.add("add", [scaled(a, sines), scaled(b, cosines)]);
  const passed = width === size ? [] : [sliceAxis(x, axis, width, size, builder)];
  const lead = shape.slice(0, -1);
  if (!interleaved) return builder.add("concat", [first, second, ...passed], { axis: lead.length });
  const apart = [first, second].map((part) => builder.add("reshape", [part], { shape: [...lead, half, 1] }));
  const pairs = builder.add("concat", apart, { axis: lead.length + 1 });
  const rotated = builder.add("reshape", [pairs], { shape: [...lead, width] });
  return passed.length === 0 ? rotated : builder.add("concat", [rotated, ...passed], { axis: lead.length });
}

/**
 * Writes a rotary embedding of a value [B,H,S,D], or [B,S,H·D] whose heads are `heads` or as wide as `width` says, with
 * caches [P,R/2] and positions [B,S], or caches [B,S,R/2] and none.
 */
function writeRotaryEmbedding(
  builder: GraphBuilder,
  x: string,
  caches: { readonly cosines: string; readonly sines: string; readonly positions: string | null },
  choices: { readonly heads: number; readonly width: number; readonly interleaved: boolean },
  name: string,
): string {
  const { shape } = builder.type(x);
  const headsFirst = shape.length === 4;
  const [batch, length] = [at(shape, 0), at(shape, headsFirst ? 2 : 1)];
  const size = headsFirst ? at(shape, 3) : at(shape, 2) / choices.heads;
  const width = choices.width === 0 ? size : choices.width;
  if (!Number.isInteger(size) || width > size || width % 2 !== 0) {
    builder.refuse("B110", `Rotary embedding cannot rotate ${width} of ${size} numbers of a head in pairs.`);
  }
  const cache = (table: string): string => {
    const rows = caches.positions === null ? table : rowsAt(table, caches.positions, builder);
    const found = builder.type(rows).shape;
    if (found.join() !== [batch, length, width / 2].join()) {
      builder.refuse(
        "B110",
        `The cache of a rotary embedding gives [${found.join(",")}], expected [${batch},${length},${width / 2}].`,
      );
    }
    const placed = headsFirst ? [batch, 1, length, width / 2] : [batch, length, 1, width / 2];
    return builder.add("reshape", [rows], { shape: placed });
  };
  const apart = headsFirst ? x : builder.add("reshape", [x], { shape: [batch, length, choices.heads, size] });
  const rotation = {
    cosines: cache(caches.cosines),
    sines: cache(caches.sines),
    width,
    interleaved: choices.interleaved,
  };
  return builder.add("reshape", [writeRotation(apart, rotation, builder)], { shape }, name);
}

function heads(node: OnnxNode, builder: GraphBuilder, x: string): number {
  const count = onnxInteger(node, builder, "num_heads", 0);
  if (builder.type(x).shape.length === 4 || count > 0) return count;
  return builder.refuse("B111", "RotaryEmbedding of three axes needs num_heads.");
}

/** RotaryEmbedding of the default domain. */
export const rotaryForms: readonly OnnxForm[] = [
  compositeForm("RotaryEmbedding", 23, (node, builder, name) => {
    const x = onnxInput(node, builder, 0);
    const caches = {
      cosines: onnxInput(node, builder, 1),
      sines: onnxInput(node, builder, 2),
      positions: onnxOptional(node, 3),
    };
    const choices = {
      heads: heads(node, builder, x),
      width: onnxInteger(node, builder, "rotary_embedding_dim", 0),
      interleaved: onnxInteger(node, builder, "interleaved", 0) !== 0,
    };
    return writeRotaryEmbedding(builder, x, caches, choices, name);
  }),
];
