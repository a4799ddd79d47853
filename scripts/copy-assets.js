// Copies the files that the built code reads beside itself: the kernels, the ONNX schema and the target files.
import { cpSync, mkdirSync } from "node:fs";

for (const asset of ["kernels/generated", "compiler/onnx/generated", "targets/chips", "targets/gpus"]) {
  mkdirSync(`dist/${asset}`, { recursive: true });
  cpSync(asset, `dist/${asset}`, { recursive: true });
}
