import { f16BitsFromF64, f64FromF16Bits } from "./float16.ts";
import type {
  ContractionTask,
  CopyTask,
  Kernels,
  PackedCopyTask,
  PairingTask,
  ReduceTask,
  VectorTask,
} from "./kernels.ts";
import { contract, contractFloat, pairWeights } from "./plain/contraction.ts";
import { copyPacked } from "./plain/packed.ts";
import { reduce } from "./plain/reduction.ts";
import { copyBytes, vector } from "./plain/vector.ts";
import { walk } from "./plain/walk.ts";

/** Kernels as plain loops: slow, needing no module and no scratch memory, the oracle of the others. */
export function plainKernels(memory: WebAssembly.Memory): Kernels {
  const view = (): DataView => new DataView(memory.buffer);
  return {
    memory,
    contract: (task: ContractionTask) => contract(view(), task),
    contractFloat: (task: ContractionTask) => contractFloat(view(), task),
    pairWeights: (task: PairingTask) => pairWeights(view(), task),
    vector: (task: VectorTask) => vector(view(), task),
    reduce: (task: ReduceTask) => reduce(view(), task),
    copy({ counts, elementBytes, source, destination }: CopyTask): void {
      const bytes = view();
      walk(counts, [destination.strides, source.strides], (d, a) => {
        copyBytes(bytes, destination.address + d, source.address + a, elementBytes);
      });
    },
    copyPacked: (task: PackedCopyTask) => copyPacked(view(), task),
    halfFromFloat(count: number, source: number, destination: number): void {
      const data = view();
      for (let index = 0; index < count; index += 1) {
        data.setUint16(destination + 2 * index, f16BitsFromF64(data.getFloat32(source + 4 * index, true)), true);
      }
    },
    floatFromHalf(count: number, source: number, destination: number): void {
      const data = view();
      for (let index = 0; index < count; index += 1) {
        data.setFloat32(destination + 4 * index, f64FromF16Bits(data.getUint16(source + 2 * index, true)), true);
      }
    },
  };
}
