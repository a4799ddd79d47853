/** What an error code stands for; the tables in docs/errors.md are generated from these. */
export interface CodeEntry {
  /** One sentence: what is wrong. */
  readonly summary: string;
  /** One sentence: what the user does about it. */
  readonly action: string;
}

/**
 * Every error code. Hundreds group them: 1 ONNX import, 2 IR text and verifier, 3 targets, 4 mapping, 5 simulation,
 * 6 wrong use of the command line, 7 recordings and input files, 8 quantization, 9 bugs of Boreal. A code is never
 * reused for another meaning.
 */
export const codes = {
  B101: { summary: "The file is not an ONNX model.", action: "Give a .onnx file (a serialized ModelProto)." },
  B102: { summary: "The file is truncated or its protobuf is damaged.", action: "Copy or export the model again." },
  B103: { summary: "The file cannot be read.", action: "Check the path and the permissions." },
  B104: {
    summary: "An operator is not supported.",
    action: "See `boreal ops` for the supported operators and opsets.",
  },
  B105: { summary: "A dimension has no value.", action: "Bind it with --dim NAME=VALUE." },
  B106: { summary: "A tensor is used but never defined.", action: "Export the model again; the graph is incomplete." },
  B107: { summary: "The graph has a cycle.", action: "Export the model again; an ONNX graph is acyclic." },
  B108: {
    summary: "External weight data is missing or out of range.",
    action: "Put the data file beside the model; shapes alone are enough for --timing-only.",
  },
  B109: { summary: "A weight is not finite.", action: "Repair the weights; NaN and infinity cannot be quantized." },
  B110: {
    summary: "A shape or type does not fit its operator.",
    action: "Compare the named node with the ONNX specification.",
  },
  B111: {
    summary: "An attribute is missing or has a value that the operator does not allow.",
    action: "Compare the named node with the ONNX specification.",
  },
  B112: {
    summary: "A value that must be known at compile time depends on the input.",
    action: "Export with constant shapes.",
  },
  B113: { summary: "A name is defined twice.", action: "Export the model again; ONNX values are assigned once." },
  B114: {
    summary: "The opset or IR version is outside the supported range.",
    action: "Convert the model to a supported opset.",
  },
  B115: { summary: "Tensor data does not match its declared shape or type.", action: "Export the model again." },
  B116: { summary: "An external data path leaves the model's folder.", action: "Keep external data beside the model." },
  B117: { summary: "A size exceeds what Boreal accepts.", action: "Check the shape; it may be damaged." },
  B118: {
    summary: "A state's input and output do not go together.",
    action: "Name an output and an input of one type: --state OUTPUT=INPUT; --state none keeps none.",
  },
  B201: { summary: "IR text cannot be parsed.", action: "See docs/ir.md for the grammar." },
  B202: {
    summary: "The graph breaks an invariant of the IR.",
    action: "The message names the invariant; docs/ir.md lists them.",
  },
  B203: {
    summary: "A pass broke an invariant of the IR.",
    action: "This is a bug of Boreal; report it with the printed graph.",
  },
  B301: { summary: "A target file cannot be parsed.", action: "See docs/targets.md for the form." },
  B302: {
    summary: "A target file has a missing, unknown or wrong field.",
    action: "See docs/targets.md for the fields, units and sources.",
  },
  B303: { summary: "No such target.", action: "`boreal targets` lists the targets." },
  B304: { summary: "An override names no number of the target.", action: "`boreal targets NAME` lists the paths." },
  B305: {
    summary: "The clock or the supply voltage is out of the chip's range.",
    action: "See docs/energy.md, Clock and voltage.",
  },
  B401: {
    summary: "The network does not fit the target.",
    action: "The message lists what adds up and what would make it fit.",
  },
  B402: { summary: "A mapping file cannot be parsed.", action: "See docs/mapping.md for the form." },
  B403: {
    summary: "A mapping is not valid for this graph and target.",
    action: "The message names the step and the rule.",
  },
  B404: {
    summary: "The chip cannot run a node.",
    action: "The message names the node and the reason; with --host-ops the host runs it.",
  },
  B501: { summary: "A program file cannot be parsed.", action: "See docs/program.md for the form." },
  B502: {
    summary: "A program reads what was never written.",
    action: "The program is wrong; the message names core, address and layer.",
  },
  B503: {
    summary: "A program reaches outside a memory.",
    action: "The program is wrong; the message names core, address and layer.",
  },
  B504: {
    summary: "Live buffers of a program overlap.",
    action: "The program is wrong; the message names both buffers.",
  },
  B505: {
    summary: "A program waits for a token that never comes.",
    action: "The program is wrong; the message lists the waiting threads.",
  },
  B506: {
    summary: "The weight sidecar is missing or does not match its checksum.",
    action: "Give the .weights file that was written with the program.",
  },
  B507: {
    summary: "Conflicting accesses are not ordered by tokens.",
    action: "The program is wrong; the message names both instructions.",
  },
  B508: {
    summary: "The program has no weights.",
    action: "Give trained weights, or --random-weights SEED, or --timing-only.",
  },
  B509: { summary: "A program is for another machine.", action: "Simulate it on the target that it was compiled for." },
  B601: { summary: "The command line is wrong.", action: "See --help." },
  B602: { summary: "A file cannot be written.", action: "Check the path, the permissions and the free space." },
  B603: {
    summary: "A batch cannot be made of a model for one sample.",
    action:
      "Export the model with an open batch axis, or bind one with --dim; the message names what stands in the way.",
  },
  B604: {
    summary: "A model cannot be computed in so many streams.",
    action: "Use one or two streams, and one alone for a model that keeps states on the chip.",
  },
  B701: { summary: "An input file cannot be read.", action: "Check the path and the format (.npy, .csv, .pb)." },
  B702: {
    summary: "An input has the wrong shape or type.",
    action: "Give an input of the shape that the message states.",
  },
  B703: { summary: "An input holds values that are not finite.", action: "Remove NaN and infinity from the input." },
  B704: {
    summary: "A file cannot be compared: it is no result, or one of another kind or version.",
    action: "Give files that `boreal run --json FILE` or `boreal simulate --json FILE` wrote.",
  },
  B801: {
    summary: "Calibration needs values that are not there.",
    action: "Give frames with --calibrate, or weights.",
  },
  B802: { summary: "A precision is not supported.", action: "Use one of the precisions that the message lists." },
  B804: {
    summary: "A calibration method or a step of the quantizer is not known.",
    action: "Use one of those that the message lists.",
  },
  B805: {
    summary: "The quantized model cannot be written as ONNX.",
    action: "Compile or run it instead; the message names what ONNX has no operator for.",
  },
  B806: {
    summary: "An accuracy budget is not understood.",
    action: "Use one of the forms that the message lists, such as sqnr=30.",
  },
  B807: {
    summary: "No precision that was tried is within the accuracy budget.",
    action: "Allow more error: the message says the best that was reached.",
  },
  B901: { summary: "Boreal has a bug.", action: "Report it with the message and the command." },
} as const satisfies Record<string, CodeEntry>;

/** An error code of the table. */
export type Code = keyof typeof codes;
