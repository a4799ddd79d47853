import { readFileSync } from "node:fs";
import { join } from "node:path";
import { InferenceSession, Tensor as OrtTensor } from "onnxruntime-node";
import { expect, it } from "vitest";
import { evaluateModel } from "../../api/answers.ts";
import { randomFrames } from "../../api/inputs.ts";
import { decodeModel, encodeModel } from "../../compiler/onnx/codec.ts";
import { importOnnx } from "../../compiler/onnx/importer.ts";
import type { GraphProto, NodeProto } from "../../compiler/onnx/proto-types.ts";
import { writeTensorProto } from "../../compiler/onnx/tensor-proto.ts";
import { constantsByName } from "../../ir/graph.ts";
import { makeWasmContractor } from "../../ir/ops/contraction-kernels.ts";
import { describeShared } from "../shared.ts";

/** Models whose own weights are constants, which prove nothing. */
const models = ["light-squeezenet", "light-inception_v1", "light-resnet50", "light-zfnet512", "light-vgg19"];

/** Ends a model before its Softmax, which would leave but one class of random weights. */
function dropSoftmax(body: GraphProto): void {
  const output = body.output?.[0];
  const last = body.node?.find((node) => node.opType === "Softmax" && node.output?.[0] === output?.name);
  if (last === undefined || output == null) return;
  body.node = body.node?.filter((node) => node !== last) ?? [];
  output.name = last.input?.[0] ?? "";
}

/** Lets a Gemm read its weights as the importer turned them. */
function readTransposed(node: NodeProto, names: ReadonlySet<string>): void {
  const turned = `${node.output?.[0]}.transpose`;
  if (node.opType !== "Gemm" || !names.has(turned)) return;
  node.input = [node.input?.[0] ?? "", turned, node.input?.[2] ?? ""];
  node.attribute = node.attribute?.filter(({ name }) => name !== "transB") ?? [];
}

describeShared("models with random weights", (folder) => {
  it.each(models)("%s, written as ONNX, answers as onnxruntime does", { timeout: 240_000 }, async (name) => {
    const path = join(folder, "models", name, "model.onnx");
    const { graph } = importOnnx({ path }, { randomWeightsSeed: 1 });
    const constants = constantsByName(graph);
    const proto = decodeModel(readFileSync(path));
    const { graph: body } = proto;
    if (body == null) throw new Error("The model has no graph.");
    // Before version 4 an initializer had to be an input too.
    proto.irVersion = 8;
    const filled = [...constants.values()].filter(({ source }) => source === "random");
    const names = new Set(filled.map((constant) => constant.name));
    body.node = (body.node ?? []).filter(({ output }) => !names.has(output?.[0] ?? ""));
    body.initializer = [
      ...(body.initializer ?? []).filter((initializer) => !names.has(initializer.name ?? "")),
      ...filled.map(({ type, data, name: value }) => writeTensorProto({ type, data: data as Float32Array }, value)),
    ];
    expect(filled.length).toBeGreaterThan(10);
    for (const node of body.node) readTransposed(node, names);
    dropSoftmax(body);
    const bytes = encodeModel(proto);
    const written = importOnnx({ bytes, name });
    const [frame] = [...randomFrames(written.graph.inputs, 1, 3)];
    const runtime = await InferenceSession.create(bytes, { logSeverityLevel: 3, intraOpNumThreads: 1 });
    const feeds = Object.fromEntries(
      [...(frame ?? [])].map(([input, { type, data }]) => [input, new OrtTensor(data as Float32Array, type.shape)]),
    );
    const wanted = (await runtime.run(feeds))[runtime.outputNames[0] ?? ""]?.data as Float32Array;
    const contractor = makeWasmContractor();
    const found = evaluateModel(written.graph, frame ?? new Map(), { contractor })[0]?.data as Float32Array;
    expect(found.length).toBe(wanted.length);
    const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
    expect(new Set(wanted).size).toBeGreaterThan(wanted.length / 2);
    wanted.forEach((value, index) => {
      expect(Math.abs((found[index] ?? Number.NaN) - value)).toBeLessThan(1e-3 * Math.abs(value) + 1e-5 * largest);
    });
  });
});
