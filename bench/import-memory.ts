/**
 * How much memory importing a large ONNX file takes: writes a model of the given size (GiB; default 1) with holes for
 * weights into the temporary folder, imports it in a process of its own, prints that one's peak resident size over the
 * file's size, and deletes the file. Fails above 1.5.
 *
 *     npm run bench:import-memory -- 1.99
 */
import { spawnSync } from "node:child_process";
import { closeSync, ftruncateSync, mkdtempSync, openSync, rmSync, writeSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { importOnnx } from "../compiler/onnx/importer.ts";
import { type WrittenNode, writeModel } from "../compiler/onnx/write-model.ts";

const width = 4096;
const tensorBytes = 4 * width * width;
const acceptedRatio = 1.5;

function varint(value: number): number[] {
  return value < 0x80 ? [value] : [(value % 0x80) + 0x80, ...varint(Math.floor(value / 0x80))];
}

/** A protobuf field of `length` bytes, of which only the start is given. */
function field(number: number, length: number, start: readonly number[] = []): number[] {
  return [...varint(number * 8 + 2), ...varint(length), ...start];
}

/** Layers in turn as exporters write them: a matrix product, one with a transposed weight, and an addition. */
function layers(count: number): WrittenNode[] {
  return Array.from({ length: count }, (_, index) => {
    const [input, output] = [index === 0 ? "x" : `v${index - 1}`, index === count - 1 ? "y" : `v${index}`];
    return index % 2 === 0
      ? { operator: "MatMul", inputs: [input, `w${index}`], outputs: [output] }
      : { operator: "Gemm", inputs: [input, `w${index}`], outputs: [output], attributes: { transB: 1 } };
  });
}

/** Writes a model whose weights are holes of the file, and returns its size. */
function writeLargeModel(path: string, sizeBytes: number): number {
  const count = Math.max(1, Math.floor(sizeBytes / tensorBytes));
  const shape = [1, width];
  const head = writeModel({
    name: "large",
    opset: 17,
    nodes: layers(count),
    inputs: [{ name: "x", element: "f32", shape }],
    outputs: [{ name: "y", element: "f32", shape }],
  });
  const handle = openSync(path, "w");
  let offset = writeSync(handle, head, 0, head.length, 0);
  for (let index = 0; index < count; index += 1) {
    const name = [...new TextEncoder().encode(`w${index}`)];
    const dims = [0x08, ...varint(width), 0x08, ...varint(width)];
    const tensor = [...dims, 0x10, 1, ...field(8, name.length, name), ...field(9, tensorBytes)];
    const initializer = field(5, tensor.length + tensorBytes, tensor);
    const graph = Uint8Array.from(field(7, initializer.length + tensorBytes, initializer));
    offset += writeSync(handle, graph, 0, graph.length, offset) + tensorBytes;
  }
  ftruncateSync(handle, offset);
  closeSync(handle);
  return offset;
}

function importOnly(path: string): void {
  const start = performance.now();
  const model = importOnnx({ path });
  const seconds = (performance.now() - start) / 1000;
  const peakBytes = process.resourceUsage().maxRSS * 1024;
  process.stdout.write(JSON.stringify({ parameterCount: model.parameterCount, seconds, peakBytes }));
}

function measure(sizeGib: number): void {
  const folder = mkdtempSync(join(tmpdir(), "boreal-import-memory-"));
  try {
    const path = join(folder, "large.onnx");
    const sizeBytes = writeLargeModel(path, sizeGib * 2 ** 30);
    const script = fileURLToPath(import.meta.url);
    const child = spawnSync(process.execPath, [...process.execArgv, script, "--import", path], { encoding: "utf8" });
    if (child.status !== 0) throw new Error(`the import failed: ${child.stderr}`);
    const { parameterCount, seconds, peakBytes } = JSON.parse(child.stdout) as Record<string, number>;
    const ratio = (peakBytes ?? Number.NaN) / sizeBytes;
    console.log(
      `${sizeBytes} bytes, ${parameterCount} parameters: ${(seconds ?? 0).toFixed(1)} s, peak ${peakBytes} bytes, ratio ${ratio.toFixed(2)}`,
    );
    if (!(ratio <= acceptedRatio)) process.exitCode = 1;
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const [first, second] = process.argv.slice(2);
if (first === "--import" && second !== undefined) importOnly(second);
else measure(Number(first ?? 1));
