// Copies the files that the built code reads beside itself: the kernels, the ONNX schema and the target files; beside each of those it
// writes the tree that the file holds, checked, so that a run need not read YAML (targets/checked-tree.ts).
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { listTargets } from "../dist/targets/load.js";
import { parseTarget } from "../dist/targets/parse.js";
import { treeOf } from "../dist/targets/tree.js";

for (const asset of ["kernels/generated", "compiler/onnx/generated", "targets/chips", "targets/gpus"]) {
  mkdirSync(`dist/${asset}`, { recursive: true });
  cpSync(asset, `dist/${asset}`, { recursive: true });
}

for (const { path } of listTargets()) {
  const text = readFileSync(path, "utf8");
  writeFileSync(path.replace(/\.yaml$/, ".json"), JSON.stringify({ text, tree: treeOf(parseTarget(text, path)) }));
}
