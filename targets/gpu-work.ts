/**
 * One kernel of a GPU run of a network, for one inference: counts that follow from shapes alone, in elements, so that
 * the precision decides the bytes. `matrix` kernels are `groups` products [m, k] · [k, n].
 */
export interface GpuKernel {
  readonly name: string;
  /** The ONNX nodes that the kernel computes. */
  readonly origin: readonly string[];
  readonly kind: "matrix" | "vector" | "movement";
  /** Multiply-accumulates: groups × m × n × k for matrix kernels, 0 for others. */
  readonly macCount: number;
  /** Operations on single elements, those of a fused epilogue included. */
  readonly elementOperations: number;
  /** Elements of activations read, weights not included, each once. */
  readonly readElements: number;
  readonly writeElements: number;
  readonly weightElements: number;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly groups: number;
  /** What a batch multiplies: the rows when the second factor is a weight, the groups when both factors are activations. */
  readonly batchedBy: "m" | "groups";
}

/** A network as a GPU runs it: kernels in order, and the elements that cross the host link, for one inference. */
export interface GpuWork {
  readonly name: string;
  readonly kernels: readonly GpuKernel[];
  readonly inputElements: number;
  readonly outputElements: number;
}
