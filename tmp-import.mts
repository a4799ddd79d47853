import { importOnnx } from "./compiler/onnx/importer.ts";
import { readdirSync, existsSync, readFileSync } from "node:fs";
const dir="/work/shared/models";
for (const n of readdirSync(dir)) {
  if(!existsSync(`${dir}/${n}/model.onnx`)) continue;
  const t=Date.now();
  try { const m=importOnnx({path:`${dir}/${n}/model.onnx`},{allowAbsentWeights:true}); console.log("OK",n,m.graph.nodes.length,m.parameterCount,m.weights,m.notes.map(x=>x.message).join(" | "),Date.now()-t,"ms", Math.round(process.memoryUsage().rss/1e6)); }
  catch(e){ console.log("ERR",n,Date.now()-t, String(e.message).slice(0,900), e.problems?"":e.stack); }
}
