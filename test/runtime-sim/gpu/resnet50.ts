import type { GpuKernel, GpuWork } from "../../../targets/gpu-work.ts";

/**
 * The kernels of ResNet-50 (v1.5: the stride stands in the 3×3 convolution) for one image, written down from the network's
 * definition and not from a file: an independent check of what the importer and the derivation of GPU work give.
 * Batch norm and relu are folded; the residual is read by the last convolution of
 * a block: the shortcut where there is one.
 */
export function resnet50Work(): GpuWork {
  const kernels: GpuKernel[] = [];
  const convolution = (
    name: string,
    size: number,
    side: number,
    from: number,
    to: number,
    stride: number,
    residual = false,
  ) => {
    const out = side / stride;
    const [m, n, k] = [out * out, to, from * size * size];
    kernels.push({
      name,
      origin: [name],
      kind: "matrix",
      macCount: m * n * k,
      elementOperations: m * n * (residual ? 2 : 1),
      readElements: side * side * from + (residual ? m * n : 0),
      writeElements: m * n,
      weightElements: n * k + n,
      m,
      n,
      k,
      groups: 1,
      batchedBy: "m",
    });
  };
  const pool = (name: string, from: number, to: number, operations: number) => {
    const none = { macCount: 0, weightElements: 0, m: 0, n: 0, k: 0, groups: 0 };
    const counts = { elementOperations: operations, readElements: from, writeElements: to };
    kernels.push({ name, origin: [name], kind: "vector", ...none, ...counts, batchedBy: "m" });
  };
  convolution("stem", 7, 224, 3, 64, 2);
  pool("maximum pool", 112 * 112 * 64, 56 * 56 * 64, 56 * 56 * 64 * 9);
  let channels = 64;
  let side = 56;
  for (const [stage, blocks] of [3, 4, 6, 3].entries()) {
    const width = 64 * 2 ** stage;
    for (let block = 0; block < blocks; block += 1) {
      const stride = block === 0 && stage > 0 ? 2 : 1;
      const name = `stage ${stage + 1} block ${block + 1}`;
      const from = { side, channels };
      convolution(`${name} reduce`, 1, side, channels, width, 1);
      convolution(`${name} spatial`, 3, side, width, width, stride);
      side /= stride;
      channels = 4 * width;
      convolution(`${name} expand`, 1, side, width, channels, 1, block > 0);
      if (block === 0) convolution(`${name} shortcut`, 1, from.side, from.channels, channels, stride, true);
    }
  }
  pool("average pool", 49 * channels, channels, 49 * channels);
  kernels.push({
    name: "classifier",
    origin: ["classifier"],
    kind: "matrix",
    macCount: channels * 1000,
    elementOperations: 0,
    readElements: channels,
    writeElements: 1000,
    weightElements: channels * 1000 + 1000,
    m: 1,
    n: 1000,
    k: channels,
    groups: 1,
    batchedBy: "m",
  });
  return { name: "ResNet-50", kernels, inputElements: 224 * 224 * 3, outputElements: 1000 };
}
