import { join } from "node:path";
import { expect, it } from "vitest";
import { runConformanceCase } from "../../api/conformance.ts";
import { loadChip } from "../../targets/load.ts";
import { describeShared } from "../shared.ts";

/** Models of which every operator is supported. */
const models = [
  "basic-pitch",
  "burn-mnist-cnn",
  "cifar-wide-kw",
  "dummy-transformer",
  "energy-disagg",
  "gtsrb-fast",
  "light-inception_v1",
  "light-resnet50",
  "light-squeezenet",
  "light-zfnet512",
  "micro-kws-fp32",
  "micro-kws-qdq",
  "mjx-go1-policy",
  "onnx-mlir-mnist",
  "pulp-dronet-v2",
  "quant-attention",
  "t5-random-encoder",
  "tcw-transformer",
  "ultraface-slim-320",
];

const chip = loadChip("mini-4x4");

describeShared("real models in f32", (folder) => {
  it.each(models)("%s answers as its golden output", (name) => {
    const options = { executor: "evaluate", chip, tolerance: { relative: 1e-3, absolute: 1e-5 } } as const;
    expect(runConformanceCase(name, join(folder, "models", name), options)).toMatchObject({ status: "pass" });
  });
});
