import { describe, expect, it } from "vitest";
import { removeDead } from "../../../compiler/passes/eliminate-dead.ts";
import { widenHalves } from "../../../compiler/passes/widen-halves.ts";
import { evaluate } from "../../../ir/evaluate.ts";
import { parseGraph, printGraph } from "../../../ir/graph-text.ts";
import { tensorNumbers, tensorOf } from "../../../ir/ops/values.ts";
import { tensorType } from "../../../ir/type.ts";
import { verifyGraph } from "../../../ir/verify.ts";

describe("halves computed in f32", () => {
  it("are cast at inputs and outputs, constants are converted, and casts to halves still round", () => {
    const graph = parseGraph(`graph @g(%x: f16[2]) {
  %c = const() {values=[1,2]} : f16[2]
  %a = add(%x, %c) : f16[2] @ "a"
  %w = cast(%a) {element="f32"} : f32[2] @ "w"
  %h = cast(%w) {element="f16"} : f16[2] @ "h"
  %y = mul(%h, %h) : f16[2] @ "y"
  return %y, %w
}
`);
    const wide = widenHalves(graph);
    expect(verifyGraph(wide)).toEqual([]);
    expect(printGraph(removeDead(wide))).toBe(`graph @g(%x: f16[2]) {
  %c.f32 = const() {values=[1,2]} : f32[2]
  %x.f32 = cast(%x) {element="f32"} : f32[2] @ "a"
  %a = add(%x.f32, %c.f32) : f32[2]
  %w = cast(%a) {element="f32"} : f32[2]
  %h.rounded = cast(%w) {element="f16"} : f16[2] @ "h"
  %h = cast(%h.rounded) {element="f32"} : f32[2]
  %y = mul(%h, %h) : f32[2]
  %y.f16 = cast(%y) {element="f16"} : f16[2] @ "y"
  return %y.f16, %w
}
`);
  });

  it("round once where nodes of halves would round at each step", () => {
    const graph = parseGraph(`graph @g(%x: f16[1]) {
  %a = add(%x, %x) : f16[1] @ "a"
  %b = mul(%a, %a) : f16[1] @ "b"
  %y = sub(%b, %x) : f16[1] @ "y"
  return %y
}
`);
    const x = tensorOf(tensorType("f16", [1]), [1.2001953125]);
    const [value] = [...evaluate(widenHalves(graph), new Map([["x", x]])).values()];
    const exact = (2 * 1.2001953125) ** 2 - 1.2001953125;
    expect(value && Array.from(tensorNumbers(value))).toEqual(
      Array.from(tensorNumbers(tensorOf(tensorType("f16", [1]), [exact]))),
    );
  });

  it("leave graphs without halves alone", () => {
    const graph = parseGraph('graph @g(%x: f32[2]) {\n  %y = neg(%x) : f32[2] @ "y"\n  return %y\n}\n');
    expect(widenHalves(graph)).toBe(graph);
  });
});
