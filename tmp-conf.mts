import { runCase } from "./test/onnx-cases.ts";
import { readdirSync, existsSync } from "node:fs";
const dir=process.argv[2]!; const only=process.argv[3];
let pass:string[]=[], fail:string[]=[]; const by=new Map<string,number>();
for (const n of readdirSync(dir)) {
  if(!existsSync(`${dir}/${n}/model.onnx`)|| (only && !n.includes(only))) continue;
  const t=Date.now();
  try { const r=runCase(`${dir}/${n}`); if(r===null) pass.push(n); else fail.push(`WRONG ${n}: ${r}`); }
  catch(e:any){ const m=e.problems? e.problems.map((p:any)=>p.code+" "+p.message).join(" / "):e.stack; fail.push(`${e.problems?.[0]?.code==="B104"?"UNSUP":"ERROR"} ${n}: ${m.slice(0,400)}`);}
  if(Date.now()-t>2000) console.log("slow",n,Date.now()-t);
}
console.log(pass.length,"pass",fail.length,"fail"); if(process.argv[4]) console.log(pass.join("\n"));
console.log(fail.filter(x=>!x.startsWith("UNSUP")).join("\n"));
console.log([...new Set(fail.filter(x=>x.startsWith("UNSUP")).map(x=>x.match(/Operator (\w+)/)?.[1]??x))].join(" "));
