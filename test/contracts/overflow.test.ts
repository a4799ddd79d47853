import { expect, it } from "vitest";
import { chooseTarget, importModel, runModel, type WrittenModel, writeModel } from "../../api.ts";
import { f32Tensor, makeTensor } from "../../ir/tensor.ts";
import { tensorType } from "../../ir/type.ts";

const greatest = 2 ** 31 - 1;

/** x u8 [1,1,1,4] times 1, plus a bias of i32 so great that sums of `over` and more leave i32. */
function model(over: number): WrittenModel {
  const scale = f32Tensor([], [2 ** -20]);
  const zero = makeTensor(tensorType("u8", []), Uint8Array.of(0));
  return {
    name: "overflow",
    opset: 17,
    inputs: [{ name: "x", element: "u8", shape: [1, 1, 1, 4] }],
    outputs: [{ name: "y", element: "u8", shape: [1, 1, 1, 4] }],
    initializers: {
      scale,
      zero,
      result: f32Tensor([], [1]),
      w: makeTensor(tensorType("u8", [1, 1, 1, 1]), Uint8Array.of(1)),
      b: makeTensor(tensorType("i32", [1]), Int32Array.of(greatest - over + 1)),
    },
    nodes: [
      {
        operator: "QLinearConv",
        inputs: ["x", "scale", "zero", "w", "scale", "zero", "result", "zero", "b"],
        outputs: ["y"],
        name: "conv",
        attributes: {},
      },
    ],
  };
}

it("sums that leave i32 wrap around on the chip as in the exact evaluation, and a report counts them", () => {
  const run = (over: number) => {
    const { result } = runModel({
      model: importModel({ bytes: writeModel(model(over)), name: "overflow" }),
      target: chooseTarget("mini-4x4"),
      inputs: {
        frames: [new Map([["x", makeTensor(tensorType("u8", [1, 1, 1, 4]), Uint8Array.of(0, 99, 100, 255))]])],
        count: 1,
        description: "by hand",
      },
      baselines: [],
    });
    const { accuracy, warnings } = result;
    return {
      overflowCount: accuracy?.overflowCount,
      equal: accuracy?.exactCheck?.equal,
      warned: warnings.some(({ code }) => code === "W206"),
    };
  };
  // Of 0, 99, 100 and 255 the last two are 100 or more.
  expect(run(100)).toEqual({ overflowCount: 2, equal: true, warned: true });
  expect(run(256)).toEqual({ overflowCount: 0, equal: true, warned: false });
});
