import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { BorealError } from "../../base/errors.ts";
import { f32Tensor, makeTensor } from "../../ir/tensor.ts";
import { tensorType } from "../../ir/type.ts";
import { formatNpy } from "../../recordings/npy.ts";
import { readSuite2p } from "../../recordings/suite2p.ts";
import { describeShared } from "../shared.ts";

const root = mkdtempSync(join(tmpdir(), "boreal-suite2p-"));
afterAll(() => rmSync(root, { recursive: true }));
let folders = 0;

/** A suite2p folder of the given files. */
function folderOf(files: Readonly<Record<string, Uint8Array>>): string {
  folders += 1;
  const folder = mkdtempSync(join(root, `plane${folders}-`));
  for (const [name, bytes] of Object.entries(files)) writeFileSync(join(folder, name), bytes);
  return folder;
}

const matrix = (rows: readonly (readonly number[])[]): Uint8Array =>
  formatNpy(f32Tensor([rows.length, rows[0]?.length ?? 0], rows.flat()));

function messageOf(body: () => unknown): string {
  try {
    body();
  } catch (error) {
    expect(error).toBeInstanceOf(BorealError);
    const [problem] = (error as BorealError).problems;
    expect(problem?.code).toBe("B701");
    return problem?.message ?? "";
  }
  throw new Error("nothing was refused");
}

it("turns regions by frames into frames by regions, and names what is missing", () => {
  const folder = folderOf({
    "F.npy": matrix([
      [1, 2, 3],
      [4, 5, 6],
    ]),
    "iscell.npy": formatNpy(makeTensor(tensorType("f64", [2, 2]), Float64Array.of(1, 0.9, 0, 0.2))),
  });
  const { recording, accepted } = readSuite2p(folder);
  expect(recording.frames).toEqual(f32Tensor([3, 2], [1, 4, 2, 5, 3, 6]));
  expect(accepted).toEqual([true, false]);
  const { origin, frameRateHz, missing } = recording.provenance;
  expect([origin, frameRateHz]).toEqual(["measured", null]);
  expect(missing.some((fact) => fact.startsWith("frame rate"))).toBe(true);
  expect(missing).toContain("fluorescence of the neuropil (Fneu.npy)");
  expect(missing).not.toContain("which regions are cells (iscell.npy)");
});

it("reads other traces, and says when nothing tells which regions are cells", () => {
  const { recording, accepted } = readSuite2p(folderOf({ "spks.npy": matrix([[0, 2]]) }), "spks");
  expect(recording.frames).toEqual(f32Tensor([2, 1], [0, 2]));
  expect(recording.provenance.quantity).toContain("deconvolved");
  expect(accepted).toBe(null);
  expect(recording.provenance.missing).toContain("which regions are cells (iscell.npy)");
});

it("refuses folders without traces, traces of other shapes or numbers, and cells of other regions", () => {
  expect(messageOf(() => readSuite2p(folderOf({})))).toContain("no F.npy");
  expect(messageOf(() => readSuite2p(folderOf({ "F.npy": formatNpy(f32Tensor([3], [1, 2, 3])) })))).toContain("f32[3]");
  const whole = formatNpy(makeTensor(tensorType("i32", [1, 1]), Int32Array.of(1)));
  expect(messageOf(() => readSuite2p(folderOf({ "F.npy": whole })))).toContain("expected floats");
  const gap = matrix([
    [1, 2],
    [3, Number.NaN],
  ]);
  expect(messageOf(() => readSuite2p(folderOf({ "F.npy": gap })))).toBe(
    "Found NaN in region 1, frame 1, expected a finite number.",
  );
  const cells = { "F.npy": matrix([[1, 2]]), "iscell.npy": matrix([[1], [0]]) };
  expect(messageOf(() => readSuite2p(folderOf(cells)))).toContain("Found 2 rows");
});

describeShared("the shared suite2p recording", (folder) => {
  it("has 219 regions of 2,000 frames, 20 of them cells", () => {
    const { recording, accepted } = readSuite2p(join(folder, "recordings", "suite2p-plane0"));
    expect(recording.frames.type.shape).toEqual([2000, 219]);
    expect(accepted?.filter((cell) => cell).length).toBe(20);
  });
});
