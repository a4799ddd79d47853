import { mapNetwork } from "../../../compiler/mapper/mapper.ts";
import { search, searchSpace } from "../../../compiler/mapper/search.ts";
import { formatSplit } from "../../../compiler/mapper/splits.ts";
import { stepCosts } from "../../../compiler/mapper/steps.ts";
import { vectorWork } from "../../../compiler/mapper/work.ts";
import { loadChip } from "../../../targets/load.ts";
import { resnet50, tsMixer } from "./networks.ts";

const chip = loadChip("northpole-style");
for (const net of [tsMixer(71721), resnet50()]) {
  let t = process.cpuUsage().user / 1e3;
  const work = vectorWork(net.graph, net.layers);
  const space = searchSpace(net, work, chip);
  console.log(
    net.graph.name,
    "space",
    process.cpuUsage().user / 1e3 - t,
    space.candidates.map((c) => c.length).reduce((a, b) => a + b, 0),
    "layers",
    net.layers.length,
  );
  t = process.cpuUsage().user / 1e3;
  const r = search(space);
  console.log("search", process.cpuUsage().user / 1e3 - t, r.predictedCycles, r.exact);
  const costs = stepCosts(space, r.chosen);
  if (process.argv[2])
    costs.forEach((c, i) =>
      console.log(
        c.name.padEnd(14),
        String(c.cycles).padStart(7),
        "m",
        c.work.matrixCycles,
        "v",
        c.work.vectorCycles,
        "p",
        c.work.portCycles,
        "mod",
        c.work.modelCycles,
        "psum",
        c.work.partialCycles,
        "frame",
        c.work.frameCycles,
        "tr",
        c.transfers.map((t) => `${t.cost.cycles}(${t.cost.remoteBytes}B)`).join(" "),
        "|",
        formatSplit(r.chosen[i]!.split),
        r.chosen[i]!.weights?.mode ?? "",
      ),
    );
  t = process.cpuUsage().user / 1e3;
  try {
    const m = mapNetwork(net, chip);
    console.log("map", process.cpuUsage().user / 1e3 - t, m.predictedCycles, m.exact, m.peakBytes, m.liveBytes);
  } catch (e) {
    console.log(process.cpuUsage().user / 1e3 - t);
    console.log(String(e));
  }
}
