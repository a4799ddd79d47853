import { resnet50, tsMixer } from "./networks.ts";
import { loadChip } from "../../../targets/load.ts";
import { searchSpace, search } from "../../../compiler/mapper/search.ts";
import { vectorWork } from "../../../compiler/mapper/work.ts";
const chip = loadChip("northpole-style");
for (const net of process.argv[2] === "t" ? [tsMixer(71721)] : [resnet50()]) {
  const work = vectorWork(net.graph, net.layers);
  for (let k=0;k<2;k++){ const t = process.cpuUsage().user/1e3;
  const space = searchSpace(net, work, chip);
  console.log(net.graph.name, "space", process.cpuUsage().user/1e3 - t);}
}
