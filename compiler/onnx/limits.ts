/**
 * What the importer accepts. Everything that a file can ask for is bounded here, so that a hostile one is refused in
 * bounded time and memory.
 */
export const limits = {
  /** Of an ONNX file: protobuf's own limit for one message. */
  fileBytes: 2 ** 31 - 1,
  /** Data of a tensor above this stay in the file until the tensor is read. */
  inlineDataBytes: 4096,
  /** Of a model without the tensor data that stay in the file. */
  skeletonBytes: 2 ** 28,
  /** Messages and list elements of a model without the tensor data that stay in the file. */
  skeletonEntries: 2 ** 23,
  /** Messages within messages; a graph within a graph takes three. */
  nestedMessages: 96,
  /** Elements of one tensor. */
  tensorElements: 2 ** 31,
  /** Axes of one tensor. */
  axes: 64,
  /** Graphs and functions within each other. */
  nestedGraphs: 100,
  /** Nodes that loops, branches and functions may become. */
  expandedNodes: 50_000,
  /** Nodes of the imported graph, with those that were computed at import. */
  graphNodes: 2 ** 18,
  /** Results up to this many elements are computed at import when all operands are known. */
  foldedElements: 2 ** 24,
  /** The same for contractions, whose work is more than one step an element. */
  foldedContractionElements: 2 ** 20,
  /** Elements of a constant of one number (1 GiB of f32), and of a movement of known values. */
  filledElements: 2 ** 28,
  /** Element operations that computing known values may take, beside four for each element of the model's tensors. */
  foldedWork: 2 ** 29,
  /** Bytes that known values computed at import may take together, beside twice those of the model's tensors. */
  foldedBytes: 2 ** 29,
} as const;
