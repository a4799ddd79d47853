import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { randomFrames, readInputs } from "../../api/inputs.ts";
import { encodeTensorProto } from "../../compiler/onnx/codec.ts";
import { f32Tensor, i64Tensor } from "../../ir/tensor.ts";
import { tensorType } from "../../ir/type.ts";
import { formatNpy } from "../../recordings/npy.ts";

const image = { name: "image", type: tensorType("f32", [1, 2, 3]) };
const index = { name: "index", type: tensorType("i64", [2]) };
const numbers = (count: number, from = 0): number[] => Array.from({ length: count }, (_, place) => place + from);

function written(files: Readonly<Record<string, Uint8Array | string>>): (name: string) => string {
  const folder = mkdtempSync(join(tmpdir(), "boreal-inputs-"));
  for (const [name, content] of Object.entries(files)) writeFileSync(join(folder, name), content);
  return (name) => join(folder, name);
}

describe("reading inputs", () => {
  it("takes one sample of the input's shape from each format", async () => {
    const tensor = f32Tensor([1, 2, 3], numbers(6));
    const path = written({
      "a.npy": formatNpy(tensor),
      "a.pb": encodeTensorProto(tensor),
      "a.csv": "0,1,2\n3,4,5\n",
    });
    for (const name of ["a.npy", "a.pb", "a.csv"]) {
      const frames = await readInputs([image], [path(name)]);
      expect(frames.map((frame) => frame.get("image")?.data)).toEqual([tensor.data]);
    }
  });

  it("takes several samples along a first axis, new or of size 1", async () => {
    const path = written({
      "new.npy": formatNpy(f32Tensor([2, 1, 2, 3], numbers(12))),
      "old.npy": formatNpy(f32Tensor([2, 2, 3], numbers(12))),
      "rows.csv": `${numbers(6).join()}\n${numbers(6, 6).join()}\n`,
    });
    for (const name of ["new.npy", "old.npy", "rows.csv"]) {
      const frames = await readInputs([image], [path(name)]);
      expect(frames.map((frame) => Array.from(frame.get("image")?.data as Float32Array))).toEqual([
        numbers(6),
        numbers(6, 6),
      ]);
    }
  });

  it("gives files without a name to the inputs in turn, and named ones to theirs", async () => {
    const path = written({
      "x.npy": formatNpy(f32Tensor([1, 2, 3], numbers(6))),
      "i.npy": formatNpy(i64Tensor([2], [4, 5])),
      "i.csv": "6,7\n",
    });
    const inTurn = await readInputs([image, index], [path("x.npy"), path("i.npy"), path("x.npy"), path("i.csv")]);
    expect(inTurn.map((frame) => frame.get("index")?.data)).toEqual([
      BigInt64Array.from([4n, 5n]),
      BigInt64Array.from([6n, 7n]),
    ]);
    const named = await readInputs([image, index], [`index=${path("i.npy")}`, path("x.npy")]);
    expect(named).toHaveLength(1);
    expect(named[0]?.get("index")?.data).toEqual(BigInt64Array.from([4n, 5n]));
  });

  it("refuses fractions for an input of whole numbers", async () => {
    const path = written({ "i.csv": "1.5,2\n" });
    await expect(readInputs([index], [path("i.csv")])).rejects.toThrow(/B702.* is f32\[1,2\], expected i64\[2\]/);
  });

  it("lists the problems of all files", async () => {
    const path = written({ "x.npy": formatNpy(f32Tensor([2], [1, 2])), "i.npy": "nothing" });
    await expect(readInputs([image, index], [path("x.npy"), path("i.npy")])).rejects.toThrow(
      /B702[\s\S]*\n[\s\S]*B701/,
    );
  });
});

describe("random samples", () => {
  it("are the same for a seed and a place, in the type of the input", () => {
    const all = [...randomFrames([image, index], 3, 5)];
    const [last] = randomFrames([image, index], 1, 5, 2);
    expect(last).toEqual(all[2]);
    expect(all[0]).not.toEqual(all[1]);
    expect([...randomFrames([image], 1, 6)][0]?.get("image")).not.toEqual(all[0]?.get("image"));
    for (const frame of all) {
      const [pixels, places] = [frame.get("image")?.data as Float32Array, frame.get("index")?.data as BigInt64Array];
      expect(pixels.every((value) => value >= -1 && value < 1)).toBe(true);
      expect(places.every((value) => value === 0n || value === 1n)).toBe(true);
    }
  });
});
