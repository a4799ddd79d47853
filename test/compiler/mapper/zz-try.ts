import { resnet50, tsMixer } from "/work/main/test/compiler/mapper/networks.ts";
import { loadChip } from "/work/main/targets/load.ts";
import { searchSpace, search } from "/work/main/compiler/mapper/search.ts";
import { vectorWork } from "/work/main/compiler/mapper/work.ts";
import { stepCosts } from "/work/main/compiler/mapper/steps.ts";
import { formatSplit } from "/work/main/compiler/mapper/splits.ts";
import { mapNetwork } from "/work/main/compiler/mapper/mapper.ts";
const chip = loadChip("northpole-style");
for (const net of [tsMixer(71721), resnet50()]) {
  let t = performance.now();
  const work = vectorWork(net.graph, net.layers);
  const space = searchSpace(net, work, chip);
  console.log(net.graph.name, "space", performance.now() - t, space.candidates.map(c=>c.length).reduce((a,b)=>a+b,0), "layers", net.layers.length); t = performance.now();
  const r = search(space);
  console.log("search", performance.now() - t, r.predictedCycles, r.exact);
  const costs = stepCosts(space, r.chosen);
  if (process.argv[2]) costs.forEach((c, i) => console.log(c.name.padEnd(14), String(c.cycles).padStart(7), "m", c.work.matrixCycles, "v", c.work.vectorCycles, "p", c.work.portCycles, "mod", c.work.modelCycles, "psum", c.work.partialCycles, "frame", c.work.frameCycles, "tr", c.transfers.map(t=>`${t.cost.cycles}(${t.cost.remoteBytes}B)`).join(" "), "|", formatSplit(r.chosen[i]!.split), r.chosen[i]!.weights?.mode ?? ""));
  t = performance.now();
  try {
  const m = mapNetwork(net, chip);
  console.log("map", performance.now() - t, m.predictedCycles, m.exact, m.peakBytes, m.liveBytes);
  } catch (e) { console.log(performance.now() - t); console.log(String(e.message)); }
}
