import { resnet50, tsMixer } from "./networks.ts";
import { loadChip } from "../../../targets/load.ts";
import { searchSpace, search } from "../../../compiler/mapper/search.ts";
import { mapNetwork } from "../../../compiler/mapper/mapper.ts";
import { vectorWork } from "../../../compiler/mapper/work.ts";
const chip = loadChip("northpole-style");
const net = process.argv[2] === "t" ? tsMixer(71721) : resnet50();
const now = () => process.cpuUsage().user/1e3;
{ let t=now(); const work = vectorWork(net.graph, net.layers); const space = searchSpace(net, work, chip); search(space); console.log("search cold", now()-t); t=now(); mapNetwork(net, chip); console.log("map warm", now()-t); }
