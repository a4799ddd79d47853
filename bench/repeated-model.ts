import { readFileSync } from "node:fs";
import { decodeModel, encodeModel } from "../compiler/onnx/codec.ts";
import type { GraphProto, NodeProto, ValueInfoProto } from "../compiler/onnx/proto-types.ts";

/**
 * The bytes of a classifier of images run `count` times one after the other, each time with weights of its own: every run
 * but the first reads the image plus the first three class scores of the run before, one added to each channel. The
 * model's first input must be an image of three channels, its last node a softmax over at least three classes.
 */
export function repeatedModel(path: string, count: number): Uint8Array {
  const model = decodeModel(readFileSync(path));
  const { graph } = model;
  const [image] = graph?.input ?? [];
  const [scores] = graph?.output ?? [];
  if (graph === null || graph === undefined || !image?.name || !scores?.name) throw new Error(`${path} has no graph`);
  const nodes: NodeProto[] = [];
  for (let run = 0; run < count; run += 1) {
    const source = run === 0 ? image.name : `${run}/image`;
    if (run > 0) nodes.push(...nextImage(image.name, `${run - 1}/${scores.name}`, run));
    const renamed = (name: string): string => (name === image.name ? source : name === "" ? "" : `${run}/${name}`);
    for (const node of graph.node ?? []) {
      nodes.push({
        ...node,
        name: `${run}/${node.name ?? ""}`,
        input: (node.input ?? []).map(renamed),
        output: (node.output ?? []).map(renamed),
      });
    }
  }
  const runs = Array.from({ length: count }, (_, run) => run);
  const copied: GraphProto = {
    ...graph,
    node: nodes,
    input: [image, ...runs.flatMap((run) => (graph.input ?? []).slice(1).map((value) => copyOf(value, run)))],
    output: [copyOf(scores, count - 1)],
    initializer: runs.flatMap((run) =>
      (graph.initializer ?? []).map((tensor) => ({ ...tensor, name: `${run}/${tensor.name ?? ""}` })),
    ),
    valueInfo: [],
  };
  return encodeModel({ ...model, graph: copied });
}

function copyOf(value: ValueInfoProto, run: number): ValueInfoProto {
  return { ...value, name: `${run}/${value.name ?? ""}` };
}

/** The nodes that add three scores to the channels of the image, in operators of version 9. */
function nextImage(image: string, scores: string, run: number): NodeProto[] {
  const integers = (name: string, ints: readonly number[]) => ({ name, type: 7, ints: [...ints] });
  return [
    {
      opType: "Slice",
      name: `${run}/slice`,
      input: [scores],
      output: [`${run}/three`],
      attribute: [integers("axes", [1]), integers("starts", [0]), integers("ends", [3])],
    },
    {
      opType: "Unsqueeze",
      name: `${run}/unsqueeze`,
      input: [`${run}/three`],
      output: [`${run}/channels`],
      attribute: [integers("axes", [2, 3])],
    },
    { opType: "Add", name: `${run}/add`, input: [image, `${run}/channels`], output: [`${run}/image`] },
  ];
}
