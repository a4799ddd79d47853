import { search, searchSpace } from "../../../compiler/mapper/search.ts";
import { vectorWork } from "../../../compiler/mapper/work.ts";
import { loadChip } from "../../../targets/load.ts";
import { resnet50, tsMixer } from "./networks.ts";

const chip = loadChip("northpole-style");
for (const net of process.argv[2] === "t" ? [tsMixer(71721)] : [resnet50()]) {
  const work = vectorWork(net.graph, net.layers);
  for (let k = 0; k < 2; k++) {
    const t = process.cpuUsage().user / 1e3;
    const space = searchSpace(net, work, chip);
    console.log(net.graph.name, "space", process.cpuUsage().user / 1e3 - t);
  }
}
import { candidatesOf } from "../../../compiler/mapper/candidates.ts";
import { candidateSplits } from "../../../compiler/mapper/splits.ts";
{ const net = resnet50(); const work = vectorWork(net.graph, net.layers);
let n=0; let t=process.cpuUsage().user/1e3; for (const l of net.layers) n+=candidateSplits(l, chip.grid).length; console.log("splits", n, process.cpuUsage().user/1e3-t);
t=process.cpuUsage().user/1e3; for (const l of net.layers) candidatesOf(l, work.get(l.name)??[], chip); console.log("candidates all", process.cpuUsage().user/1e3-t); }
