import { describe, expect, it } from "vitest";
import { printCsv } from "../../report/csv.ts";
import type { LayerResult } from "../../report/figures-schema.ts";

const layer: LayerResult = {
  name: 'a,"b"',
  onnxNodes: ["n1", "n2"],
  kind: "contraction",
  macCount: 10,
  latencyCycles: 7,
  intervalCycles: 6,
  boundCycles: null,
  energyJoules: 1.5e-9,
  bindingResource: "matrix",
  cyclesByCause: {
    matrix: 3,
    vector: 0,
    fillAndDrain: 1,
    partialSums: 0,
    memory: 0,
    network: 2,
    programLoad: 0,
    host: 0,
    synchronization: 1,
  },
  split: { rows: [{ dimension: "m", parts: 4 }], columns: [] },
  corner: { row: 0, column: 8 },
  beside: "conv1",
  weights: "replicated",
  weightCopyCount: 4,
  sqnrDb: 31.25,
};

describe("layers as CSV", () => {
  it("have a column a figure, and quotes where a cell needs them", () => {
    expect(printCsv({ layers: [layer] })).toBe(
      "name,kind,onnxNodes,macCount,latencyCycles,intervalCycles,boundCycles,energyJoules,bindingResource,rowSplit,columnSplit,corner,beside,weights,weightCopyCount,sqnrDb," +
        "matrixCycles,vectorCycles,fillAndDrainCycles,partialSumsCycles,memoryCycles,networkCycles,programLoadCycles,hostCycles,synchronizationCycles\n" +
        '"a,""b""",contraction,n1 n2,10,7,6,,1.5e-9,matrix,m:4,,0 8,conv1,replicated,4,31.25,3,0,1,0,0,2,0,0,1\n',
    );
  });
});
