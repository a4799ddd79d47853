import type { Operator } from "../operator.ts";
import { assemble } from "./movement-assemble.ts";
import { concat, expand, reshape, tile, transpose } from "./movement-rearrange.ts";
import { gather, pad, slice } from "./movement-select.ts";

/** Operators that copy elements: each gives its copies as rectangular pieces, and its values follow from them. */
export const movementOperators: readonly Operator[] = [
  transpose,
  reshape,
  slice,
  concat,
  pad,
  expand,
  tile,
  gather,
  assemble,
];
