// base/codes.ts
var codes = {
  B101: { summary: "The file is not an ONNX model.", action: "Give a .onnx file (a serialized ModelProto)." },
  B102: { summary: "The file is truncated or its protobuf is damaged.", action: "Copy or export the model again." },
  B103: { summary: "The file cannot be read.", action: "Check the path and the permissions." },
  B104: {
    summary: "An operator is not supported.",
    action: "See `boreal ops` for the supported operators and opsets."
  },
  B105: { summary: "A dimension has no value.", action: "Bind it with --dim NAME=VALUE." },
  B106: { summary: "A tensor is used but never defined.", action: "Export the model again; the graph is incomplete." },
  B107: { summary: "The graph has a cycle.", action: "Export the model again; an ONNX graph is acyclic." },
  B108: {
    summary: "External weight data is missing or out of range.",
    action: "Put the data file beside the model; shapes alone are enough for --timing-only."
  },
  B109: { summary: "A weight is not finite.", action: "Repair the weights; NaN and infinity cannot be quantized." },
  B110: {
    summary: "A shape or type does not fit its operator.",
    action: "Compare the named node with the ONNX specification."
  },
  B111: {
    summary: "An attribute is missing or has a value that the operator does not allow.",
    action: "Compare the named node with the ONNX specification."
  },
  B112: {
    summary: "A value that must be known at compile time depends on the input.",
    action: "Export with constant shapes."
  },
  B113: { summary: "A name is defined twice.", action: "Export the model again; ONNX values are assigned once." },
  B114: {
    summary: "The opset or IR version is outside the supported range.",
    action: "Convert the model to a supported opset."
  },
  B115: { summary: "Tensor data does not match its declared shape or type.", action: "Export the model again." },
  B116: { summary: "An external data path leaves the model's folder.", action: "Keep external data beside the model." },
  B117: { summary: "A size exceeds what Boreal accepts.", action: "Check the shape; it may be damaged." },
  B201: { summary: "IR text cannot be parsed.", action: "See docs/ir.md for the grammar." },
  B202: {
    summary: "The graph breaks an invariant of the IR.",
    action: "The message names the invariant; docs/ir.md lists them."
  },
  B203: {
    summary: "A pass broke an invariant of the IR.",
    action: "This is a bug of Boreal; report it with the printed graph."
  },
  B301: { summary: "A target file cannot be parsed.", action: "See docs/targets.md for the form." },
  B302: {
    summary: "A target file has a missing, unknown or wrong field.",
    action: "See docs/targets.md for the fields, units and sources."
  },
  B303: { summary: "No such target.", action: "`boreal targets` lists the targets." },
  B304: { summary: "An override names no number of the target.", action: "`boreal targets NAME` lists the paths." },
  B401: {
    summary: "The network does not fit the target.",
    action: "The message lists what adds up and what would make it fit."
  },
  B402: { summary: "A mapping file cannot be parsed.", action: "See docs/mapping.md for the form." },
  B403: {
    summary: "A mapping is not valid for this graph and target.",
    action: "The message names the step and the rule."
  },
  B404: { summary: "The chip cannot run a node.", action: "The message names the node and the reason." },
  B501: { summary: "A program file cannot be parsed.", action: "See docs/program.md for the form." },
  B502: {
    summary: "A program reads what was never written.",
    action: "The program is wrong; the message names core, address and layer."
  },
  B503: {
    summary: "A program reaches outside a memory.",
    action: "The program is wrong; the message names core, address and layer."
  },
  B504: {
    summary: "Live buffers of a program overlap.",
    action: "The program is wrong; the message names both buffers."
  },
  B505: {
    summary: "A program waits for a token that never comes.",
    action: "The program is wrong; the message lists the waiting threads."
  },
  B506: {
    summary: "The weight sidecar is missing or does not match its checksum.",
    action: "Give the .weights file that was written with the program."
  },
  B507: {
    summary: "Conflicting accesses are not ordered by tokens.",
    action: "The program is wrong; the message names both instructions."
  },
  B508: {
    summary: "The program has no weights.",
    action: "Give trained weights, or --random-weights SEED, or --timing-only."
  },
  B509: { summary: "A program is for another machine.", action: "Simulate it on the target that it was compiled for." },
  B601: { summary: "The command line is wrong.", action: "See --help." },
  B701: { summary: "An input file cannot be read.", action: "Check the path and the format (.npy, .csv, .pb)." },
  B702: {
    summary: "An input has the wrong shape or type.",
    action: "Give an input of the shape that the message states."
  },
  B703: { summary: "An input holds values that are not finite.", action: "Remove NaN and infinity from the input." },
  B801: {
    summary: "Calibration needs values that are not there.",
    action: "Give frames with --calibrate, or weights."
  },
  B802: { summary: "A precision is not supported.", action: "Use one of the precisions that the message lists." },
  B901: { summary: "Boreal has a bug.", action: "Report it with the message and the command." }
};

// base/errors.ts
function formatLocation(at2) {
  const parts = [];
  if (at2.file !== void 0) {
    const position = [at2.line, at2.column].filter((part) => part !== void 0).join(":");
    parts.push(position === "" ? at2.file : `${at2.file}:${position}`);
  }
  if (at2.byte !== void 0) parts.push(`byte ${at2.byte}`);
  if (at2.path !== void 0) parts.push(at2.path);
  if (at2.pass !== void 0) parts.push(`pass ${at2.pass}`);
  if (at2.layer !== void 0) parts.push(`layer "${at2.layer}"`);
  if (at2.onnxNode !== void 0 || at2.operator !== void 0) {
    parts.push(`node ${[at2.onnxNode === void 0 ? "" : `"${at2.onnxNode}"`, at2.operator ?? ""].join(" ").trim()}`);
  }
  if (at2.tensor !== void 0) parts.push(`tensor "${at2.tensor}"`);
  if (at2.core !== void 0) parts.push(`core (${at2.core.row},${at2.core.column})`);
  return parts.join(", ");
}
function formatProblem(problem2) {
  const where2 = formatLocation(problem2.at);
  const action = problem2.hint ?? codes[problem2.code].action;
  return `${where2 === "" ? "" : `${where2}: `}error[${problem2.code}]: ${problem2.message} ${action}`;
}
var BorealError = class extends Error {
  problems;
  constructor(problems, options) {
    super(problems.map(formatProblem).join("\n"), options);
    this.name = "BorealError";
    this.problems = problems;
  }
  /** 1: the input is refused; 2: wrong use; 70: a bug of Boreal. */
  get exitCode() {
    const first = this.problems[0]?.code ?? "B901";
    return first.startsWith("B9") || first === "B203" ? 70 : first.startsWith("B6") ? 2 : 1;
  }
};
function problem(code, message, at2 = {}, hint) {
  return new BorealError([hint === void 0 ? { code, message, at: at2 } : { code, message, at: at2, hint }]);
}
function internalError(message, at2 = {}) {
  return problem("B901", message, at2);
}

// base/math.ts
function ceilDivide(dividend, divisor) {
  return Math.ceil(dividend / divisor);
}
function product(factors) {
  let result = 1;
  for (const factor of factors) result *= factor;
  return result;
}
function sum(terms) {
  let result = 0;
  for (const term of terms) result += term;
  return result;
}
function roundUp(value, step) {
  return ceilDivide(value, step) * step;
}
function clamp(value, low, high) {
  return value < low ? low : value > high ? high : value;
}
function rowMajorStrides(shape2) {
  const strides = new Array(shape2.length);
  let stride = 1;
  for (let axis = shape2.length - 1; axis >= 0; axis -= 1) {
    strides[axis] = stride;
    stride *= shape2[axis] ?? 1;
  }
  return strides;
}
function at(items, index) {
  if (index < 0 || index >= items.length) throw new RangeError(`index ${index} is outside 0..${items.length - 1}`);
  return items[index];
}

// ir/graph.ts
function valueTypes(graph) {
  const types = /* @__PURE__ */ new Map();
  for (const input of graph.inputs) types.set(input.name, input.type);
  for (const constant of graph.constants) types.set(constant.name, constant.type);
  for (const node of graph.nodes) types.set(node.name, node.type);
  return types;
}

// ir/type.ts
var elementTypes = {
  bool: { bits: 8, kind: "boolean", signed: false },
  i2: { bits: 2, kind: "integer", signed: true },
  u2: { bits: 2, kind: "integer", signed: false },
  i4: { bits: 4, kind: "integer", signed: true },
  u4: { bits: 4, kind: "integer", signed: false },
  i8: { bits: 8, kind: "integer", signed: true },
  u8: { bits: 8, kind: "integer", signed: false },
  i16: { bits: 16, kind: "integer", signed: true },
  u16: { bits: 16, kind: "integer", signed: false },
  i32: { bits: 32, kind: "integer", signed: true },
  u32: { bits: 32, kind: "integer", signed: false },
  i64: { bits: 64, kind: "integer", signed: true },
  u64: { bits: 64, kind: "integer", signed: false },
  f16: { bits: 16, kind: "float", signed: true },
  bf16: { bits: 16, kind: "float", signed: true },
  f32: { bits: 32, kind: "float", signed: true },
  f64: { bits: 64, kind: "float", signed: true }
};
function tensorType(element2, shape2, quantization = null) {
  return { element: element2, quantization, shape: shape2 };
}
function perTensor(scale2, zero = 0) {
  return { axis: null, scales: [scale2], zeros: [zero] };
}
function elementCount(type) {
  return product(type.shape);
}
function elementBytes(element2) {
  return Math.max(1, elementTypes[element2].bits / 8);
}
function isFloat(element2) {
  return elementTypes[element2].kind === "float";
}
function integerRange(element2) {
  const { bits, signed } = elementTypes[element2];
  return signed ? { low: -(2 ** (bits - 1)), high: 2 ** (bits - 1) - 1 } : { low: 0, high: 2 ** bits - 1 };
}
function sameQuantization(left, right) {
  const [a, b] = [left.quantization, right.quantization];
  if (a === null || b === null) return a === b;
  return a.axis === b.axis && sameNumbers(a.scales, b.scales) && sameNumbers(a.zeros, b.zeros);
}
function sameNumbers(left, right) {
  return left.length === right.length && left.every((value, index) => Object.is(value, right[index]));
}
function formatType(type) {
  const shape2 = `[${type.shape.join(",")}]`;
  const quantization = type.quantization;
  if (quantization === null) return `${type.element}${shape2}`;
  const list = (values) => values.every((value) => value === values[0]) && (values.length === 1 || quantization.axis === null) ? String(values[0]) : `[${values.join(",")}]`;
  const zero = quantization.zeros.every((value) => value === 0) ? "0" : list(quantization.zeros);
  const axis = quantization.axis === null ? "" : `axis=${quantization.axis}, `;
  return `${type.element}<${axis}scale=${list(quantization.scales)}, zero=${zero}>${shape2}`;
}

// ir/ops/attributes.ts
var isNumber = (value) => typeof value === "number";
var isText = (value) => typeof value === "string";
function hasForm(value, form) {
  switch (form) {
    case "integer":
      return Number.isInteger(value);
    case "number":
      return isNumber(value) && !Number.isNaN(value);
    case "text":
      return isText(value);
    case "boolean":
      return typeof value === "boolean";
    case "integers":
      return Array.isArray(value) && value.every((item) => Number.isInteger(item));
    case "numbers":
      return Array.isArray(value) && value.every((item) => isNumber(item) && !Number.isNaN(item));
    case "texts":
      return Array.isArray(value) && value.every(isText);
  }
}
function completeAttributes(operator, attributes) {
  const problems = [];
  const add = (message) => {
    problems.push({ code: "B202", message: `"${operator.name}": ${message}`, at: { operator: operator.name } });
  };
  const known = Object.keys(operator.attributes);
  for (const name of Object.keys(attributes)) {
    if (!known.includes(name)) {
      add(`there is no attribute "${name}"; expected ${known.length === 0 ? "none" : known.join(", ")}.`);
    }
  }
  const complete = {};
  for (const [name, form] of Object.entries(operator.attributes)) {
    const value = attributes[name] ?? form.default;
    if (value === void 0) add(`attribute "${name}" (${form.form}) is missing.`);
    else if (!hasForm(value, form.form)) {
      add(`attribute "${name}" is ${JSON.stringify(value)}, expected the form ${form.form}.`);
    } else complete[name] = value;
  }
  if (problems.length > 0) throw new BorealError(problems);
  return complete;
}
function wrongForm(name, value) {
  throw internalError(`attribute "${name}" is ${JSON.stringify(value)} after completion`);
}
function numberOf(attributes, name) {
  const value = attributes[name];
  return isNumber(value) ? value : wrongForm(name, value);
}
function textOf(attributes, name) {
  const value = attributes[name];
  return isText(value) ? value : wrongForm(name, value);
}
function booleanOf(attributes, name) {
  const value = attributes[name];
  return typeof value === "boolean" ? value : wrongForm(name, value);
}
function numbersOf(attributes, name) {
  const value = attributes[name];
  return Array.isArray(value) && value.every(isNumber) ? value : wrongForm(name, value);
}

// ir/operator.ts
function defineOperator(operator) {
  return operator;
}

// ir/tensor.ts
var constructors = {
  bool: Uint8Array,
  i2: Int8Array,
  u2: Uint8Array,
  i4: Int8Array,
  u4: Uint8Array,
  i8: Int8Array,
  u8: Uint8Array,
  i16: Int16Array,
  u16: Uint16Array,
  i32: Int32Array,
  u32: Uint32Array,
  i64: BigInt64Array,
  u64: BigUint64Array,
  f16: Uint16Array,
  bf16: Uint16Array,
  f32: Float32Array,
  f64: Float64Array
};
function allocateData(element2, count) {
  return new constructors[element2](count);
}
function makeTensor(type, data) {
  if (data.length !== elementCount(type)) {
    throw internalError(`tensor of shape [${type.shape.join(",")}] was given ${data.length} elements`);
  }
  return { type, data };
}
function f32Tensor(shape2, values) {
  return makeTensor(tensorType("f32", shape2), Float32Array.from(values));
}
function i64Tensor(shape2, values) {
  return makeTensor(tensorType("i64", shape2), BigInt64Array.from(values.map((value) => BigInt(value))));
}

// ir/ops/broadcast.ts
function broadcastShapes(shapes) {
  const rank = Math.max(0, ...shapes.map((shape2) => shape2.length));
  const result = new Array(rank).fill(1);
  for (const shape2 of shapes) {
    const lead = rank - shape2.length;
    shape2.forEach((size, axis) => {
      const other = at(result, lead + axis);
      if (size !== 1 && other !== 1 && size !== other) {
        throw problem("B202", `Shapes ${shapes.map((each) => `[${each.join(",")}]`).join(" and ")} do not broadcast.`);
      }
      if (size !== 1) result[lead + axis] = size;
    });
  }
  return result;
}
function broadcastStrides(shape2, result) {
  const strides = rowMajorStrides(shape2);
  const lead = result.length - shape2.length;
  return result.map((_, axis) => axis < lead || shape2[axis - lead] === 1 ? 0 : at(strides, axis - lead));
}
function stridedOffsets(counts, strides, offset = 0) {
  const total = product(counts);
  const offsets = new Int32Array(total);
  if (total === 0) return offsets;
  offsets[0] = offset;
  let filled = 1;
  for (let axis = counts.length - 1; axis >= 0; axis -= 1) {
    const stride = at(strides, axis);
    for (let index = 1; index < at(counts, axis); index += 1) {
      const start = index * filled;
      for (let inner = 0; inner < filled; inner += 1)
        offsets[start + inner] = offsets[inner] + index * stride;
    }
    filled *= at(counts, axis);
  }
  return offsets;
}
function broadcastOffsets(shape2, result) {
  if (shape2.length === result.length && shape2.every((size, axis) => size === result[axis])) return null;
  return stridedOffsets(result, broadcastStrides(shape2, result));
}
function broadcastAccess(shape2, result) {
  const lead = result.length - shape2.length;
  return shape2.map((size, axis) => ({
    terms: size === result[lead + axis] ? [{ dimension: lead + axis, stride: 1 }] : [],
    offset: 0
  }));
}
function elementwiseIteration(context) {
  const { shape: shape2 } = context.type;
  return {
    dimensions: shape2.map((size, axis) => ({ name: `d${axis}`, size, kind: "parallel" })),
    operands: context.operands.map((operand) => operand === null ? null : broadcastAccess(operand.shape, shape2)),
    result: broadcastAccess(shape2, shape2)
  };
}
function normalizeAxis(axis, rank) {
  const result = axis < 0 ? axis + rank : axis;
  if (result < 0 || result >= rank) throw problem("B202", `Axis ${axis} is outside a value of rank ${rank}.`);
  return result;
}

// kernels/float16.ts
var halfNan = 32256;
var scaleByExponent = Array.from({ length: 30 }, (_, index) => 2 ** (24 - index));
var unitByExponent = Array.from({ length: 31 }, (_, index) => 2 ** (Math.max(index, 1) - 25));
function f16BitsFromF64(value) {
  const sign = value < 0 || Object.is(value, -0) ? 32768 : 0;
  const magnitude = Math.abs(value);
  if (!(magnitude < 65520)) return Number.isNaN(value) ? halfNan : sign | 31744;
  const exponent = Math.max(16 - Math.clz32(magnitude * 32768), -14);
  const quotient2 = magnitude * scaleByExponent[exponent + 14];
  const rounded = quotient2 + 4503599627370496 - 4503599627370496;
  return sign | rounded + (exponent + 14) * 1024;
}
function f64FromF16Bits(bits) {
  const exponent = bits >> 10 & 31;
  const fraction = bits & 1023;
  const sign = bits & 32768 ? -1 : 1;
  if (exponent === 31) return fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
  return sign * (exponent === 0 ? fraction : fraction + 1024) * unitByExponent[exponent];
}

// ir/ops/values.ts
function isBig(element2) {
  return element2 === "i64" || element2 === "u64";
}
function tensorNumbers(tensor) {
  const { data } = tensor;
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return Float64Array.from(data, Number);
  if (tensor.type.element === "f16") return floatsFromHalves(data);
  if (tensor.type.element === "bf16") return floatsFromBrains(data);
  return data;
}
function tensorBigs(tensor) {
  const { data } = tensor;
  if (data instanceof BigInt64Array || data instanceof BigUint64Array) return data;
  return BigInt64Array.from(Array.from(tensorNumbers(tensor), (value) => BigInt(value)));
}
function elementsOf(element2, numbers) {
  switch (element2) {
    case "f64":
      return new Float64Array(numbers);
    case "f32":
      return new Float32Array(numbers);
    case "f16":
      return halvesFromNumbers(numbers);
    case "bf16":
      return brainsFromNumbers(numbers);
    case "bool":
      return Uint8Array.from(numbers, (value) => value !== 0 ? 1 : 0);
    case "i64":
      return BigInt64Array.from(Array.from(numbers, bigOf));
    case "u64":
      return BigUint64Array.from(Array.from(numbers, bigOf));
    case "i2":
    case "i4": {
      const unused = 32 - elementTypes[element2].bits;
      return Int8Array.from(numbers, (value) => value << unused >> unused);
    }
    case "u2":
    case "u4": {
      const mask = 2 ** elementTypes[element2].bits - 1;
      return Uint8Array.from(numbers, (value) => value & mask);
    }
    default: {
      const data = allocateData(element2, numbers.length);
      data.set(numbers);
      return data;
    }
  }
}
function bigOf(value) {
  return Number.isFinite(value) ? BigInt(Math.trunc(value)) : 0n;
}
function tensorOf(type, numbers) {
  return makeTensor(type, elementsOf(type.element, numbers));
}
function operandAt(operands, index) {
  const operand = operands[index];
  if (operand === null || operand === void 0) throw internalError(`operand ${index} is absent`);
  return operand;
}
function typeAt(operands, index) {
  const operand = operands[index];
  if (operand === null || operand === void 0) throw internalError(`operand ${index} is absent`);
  return operand;
}
function retyped(tensor, type) {
  if (tensor.data.length !== elementCount(type))
    throw internalError(`[${tensor.type.shape.join(",")}] is not [${type.shape.join(",")}]`);
  return { type, data: tensor.data };
}
var halfCount = 65536;
function floatsFromHalves(bits) {
  const floats = new Float32Array(bits.length);
  if (bits.length < halfCount) {
    for (let index = 0; index < floats.length; index += 1) floats[index] = f64FromF16Bits(bits[index]);
    return floats;
  }
  const table2 = Float32Array.from(everyHalf(), f64FromF16Bits);
  for (let index = 0; index < floats.length; index += 1) floats[index] = table2[bits[index]];
  return floats;
}
function everyHalf() {
  const bits = new Uint16Array(halfCount);
  for (let index = 0; index < halfCount; index += 1) bits[index] = index;
  return bits;
}
function halvesFromNumbers(numbers) {
  const bits = new Uint16Array(numbers.length);
  for (let index = 0; index < bits.length; index += 1) bits[index] = f16BitsFromF64(numbers[index]);
  return bits;
}
function floatsFromBrains(bits) {
  const words = Uint32Array.from(bits, (value) => value << 16);
  return new Float32Array(words.buffer);
}
function brainsFromNumbers(numbers) {
  const floats = new Float32Array(numbers);
  const words = new Uint32Array(floats.buffer);
  return Uint16Array.from(words, (word, index) => {
    if (Number.isNaN(floats[index])) return 32704;
    return word + 32767 + (word >>> 16 & 1) >>> 16;
  });
}

// ir/ops/onnx-node.ts
function onnxInteger(node, builder, name, fallback) {
  const value = node.attributes.get(name) ?? fallback;
  if (typeof value === "number" && Number.isInteger(value)) return value;
  return builder.refuse("B111", wrongAttribute(name, value, "an integer"));
}
function onnxNumber(node, builder, name, fallback) {
  const value = node.attributes.get(name) ?? fallback;
  if (typeof value === "number") return value;
  return builder.refuse("B111", wrongAttribute(name, value, "a number"));
}
function onnxText(node, builder, name, fallback) {
  const value = node.attributes.get(name) ?? fallback;
  if (typeof value === "string") return value;
  return builder.refuse("B111", wrongAttribute(name, value, "a text"));
}
function onnxIntegers(node, builder, name) {
  const value = node.attributes.get(name);
  if (value === void 0) return null;
  if (Array.isArray(value) && value.every((item) => Number.isInteger(item))) return value;
  return builder.refuse("B111", wrongAttribute(name, value, "a list of integers"));
}
function wrongAttribute(name, value, expected) {
  const found = value === void 0 ? "missing" : typeof value === "object" && !Array.isArray(value) ? "a tensor" : JSON.stringify(value);
  return `Attribute "${name}" is ${found}, expected ${expected}.`;
}
function onnxInput(node, builder, index) {
  const value = node.inputs[index];
  if (value !== null && value !== void 0) return value;
  return builder.refuse("B110", `${node.operator} has ${node.inputs.length} inputs; input ${index} is required.`);
}
function onnxOptional(node, index) {
  return node.inputs[index] ?? null;
}
function onnxConstantNumbers(node, builder, index) {
  const value = onnxOptional(node, index);
  if (value === null) return null;
  const tensor = builder.constant(value);
  if (tensor === null) {
    return builder.refuse("B112", `Input ${index} of ${node.operator} ("${value}") must be known at compile time.`);
  }
  return Array.from(tensorNumbers(tensor));
}
function onnxOutput(node) {
  return node.outputs[0] ?? node.name;
}
function bindExtra(node, builder, index, make) {
  const output = node.outputs[index] ?? "";
  if (output !== "") builder.bind(output, make(output));
}
function bindOnly(node, builder, value) {
  const extra = node.outputs.slice(1).filter((output) => output !== "");
  if (extra.length > 0) {
    builder.refuse(
      "B104",
      `${node.operator} gives ${extra.map((output) => `"${output}"`).join(", ")}; only its first output is supported.`
    );
  }
  builder.bind(onnxOutput(node), value);
}
function directForm(operator, op, inputCount, since = 1) {
  return {
    operator,
    since,
    translate: (node, builder) => {
      const operands = Array.from({ length: inputCount }, (_, index) => onnxInput(node, builder, index));
      bindOnly(node, builder, builder.add(op, operands, {}, onnxOutput(node)));
    }
  };
}
function compositeForm(operator, since, write, until) {
  const translate = (node, builder) => bindOnly(node, builder, write(node, builder, onnxOutput(node)));
  return until === void 0 ? { operator, since, translate } : { operator, since, until, translate };
}
function scalarLike(builder, like, value) {
  const { element: element2 } = builder.type(like);
  return builder.addConstant(tensorOf(tensorType(element2, []), [value]));
}

// ir/ops/window.ts
function windowOf(op, attributes, kernel, spatialRank) {
  const [strides, dilations, pads] = ["strides", "dilations", "pads"].map((name) => numbersOf(attributes, name));
  const fits = [kernel, strides, dilations].every(
    (list) => list.length === spatialRank && list.every((size) => size >= 1)
  );
  if (!fits || pads.length !== 2 * spatialRank || pads.some((pad2) => pad2 < 0)) {
    throw problem(
      "B202",
      `"${op}" got kernel [${kernel.join(",")}], strides [${strides.join(",")}], dilations [${dilations.join(",")}] and pads [${pads.join(",")}], expected ${spatialRank} positive numbers each and ${2 * spatialRank} pads.`
    );
  }
  return { kernel, strides, dilations, begins: pads.slice(0, spatialRank), ends: pads.slice(spatialRank) };
}
function windowPositions(op, window, spatial, ceil) {
  return spatial.map((size, axis) => {
    const stride = at(window.strides, axis);
    const begin = at(window.begins, axis);
    const reach = at(window.dilations, axis) * (at(window.kernel, axis) - 1) + 1;
    const room = size + begin + at(window.ends, axis) - reach;
    let positions = (ceil ? Math.ceil(room / stride) : Math.floor(room / stride)) + 1;
    if (ceil && (positions - 1) * stride >= size + begin) positions -= 1;
    if (positions < 1) {
      throw problem(
        "B202",
        `"${op}": a window that reaches over ${reach} does not fit axis ${axis + 2} of size ${size} padded by ${begin} and ${at(window.ends, axis)}.`
      );
    }
    return positions;
  });
}
var spatialNames = [[], ["w"], ["h", "w"], ["d", "h", "w"]];
function spatialDimensionNames(op, spatialRank) {
  const names = spatialNames[spatialRank];
  if (names === void 0 || spatialRank === 0)
    throw problem("B202", `"${op}" got ${spatialRank} spatial axes, expected 1 to 3.`);
  return names;
}
function windowDimensions(op, window, positions) {
  const names = spatialDimensionNames(op, positions.length);
  return {
    outer: positions.map((size, axis) => ({ name: at(names, axis), size, kind: "parallel" })),
    inner: window.kernel.map((size, axis) => ({ name: `k${at(names, axis)}`, size, kind: "reduction" }))
  };
}
function windowAccess(window, outer, inner) {
  return window.kernel.map((_, axis) => ({
    terms: [
      { dimension: outer + axis, stride: at(window.strides, axis) },
      { dimension: inner + axis, stride: at(window.dilations, axis) }
    ],
    offset: -at(window.begins, axis)
  }));
}
function onnxWindow(node, builder, spatial, kernel) {
  const ones = new Array(spatial.length).fill(1);
  const strides = onnxIntegers(node, builder, "strides") ?? ones;
  const dilations = onnxIntegers(node, builder, "dilations") ?? ones;
  const given = onnxIntegers(node, builder, "pads") ?? new Array(2 * spatial.length).fill(0);
  const mode = onnxText(node, builder, "auto_pad", "NOTSET");
  if (mode === "NOTSET") return { strides, dilations, pads: given };
  if (mode === "VALID") return { strides, dilations, pads: new Array(2 * spatial.length).fill(0) };
  if (mode !== "SAME_UPPER" && mode !== "SAME_LOWER") {
    return builder.refuse(
      "B111",
      `Attribute "auto_pad" is "${mode}", expected NOTSET, VALID, SAME_UPPER or SAME_LOWER.`
    );
  }
  const totals = spatial.map((size, axis) => {
    const stride = strides[axis] ?? 1;
    const reach = (dilations[axis] ?? 1) * ((kernel[axis] ?? 1) - 1) + 1;
    return Math.max(0, (Math.ceil(size / stride) - 1) * stride + reach - size);
  });
  const small = totals.map((total) => Math.floor(total / 2));
  const large = totals.map((total) => Math.ceil(total / 2));
  return { strides, dilations, pads: mode === "SAME_UPPER" ? [...small, ...large] : [...large, ...small] };
}
function onnxGroup(node, builder) {
  return onnxInteger(node, builder, "group", 1);
}

// ir/ops/contraction-onnx.ts
var matMulForm = compositeForm("MatMul", 1, (node, builder, name) => {
  const [x, w] = [onnxInput(node, builder, 0), onnxInput(node, builder, 1)];
  const [xShape, wShape] = [builder.type(x).shape, builder.type(w).shape];
  if (xShape.length === 0 || wShape.length === 0)
    return builder.refuse("B110", "MatMul needs operands of at least one axis.");
  const left = xShape.length === 1 ? builder.add("reshape", [x], { shape: [1, at(xShape, 0)] }) : x;
  const right = wShape.length === 1 ? builder.add("reshape", [w], { shape: [at(wShape, 0), 1] }) : w;
  if (left === x && right === w) return builder.add("matmul", [x, w, null], {}, name);
  const result = builder.add("matmul", [left, right, null]);
  const { shape: shape2 } = builder.type(result);
  const kept = shape2.filter(
    (_, axis) => !(axis === shape2.length - 2 && left !== x) && !(axis === shape2.length - 1 && right !== w)
  );
  return builder.add("reshape", [result], { shape: kept }, name);
});
function scaled(value, factor, builder) {
  return factor === 1 ? value : builder.add("mul", [value, scalarLike(builder, value, factor)]);
}
var gemmForm = compositeForm("Gemm", 1, (node, builder, name) => {
  const [a, b, c] = [onnxInput(node, builder, 0), onnxInput(node, builder, 1), onnxOptional(node, 2)];
  const transposed = (value, attribute) => onnxInteger(node, builder, attribute, 0) === 0 ? value : builder.add("transpose", [value], { permutation: [1, 0] });
  const alpha = onnxNumber(node, builder, "alpha", 1);
  const constantWeights2 = builder.constantInfo(b) !== null;
  const x = transposed(a, "transA");
  const w = transposed(constantWeights2 ? scaled(b, alpha, builder) : b, "transB");
  const columns = builder.type(w).shape[1];
  const after = constantWeights2 ? 1 : alpha;
  if (c === null) {
    if (after === 1) return builder.add("matmul", [x, w, null], {}, name);
    const product3 = builder.add("matmul", [x, w, null]);
    return builder.add("mul", [product3, scalarLike(builder, product3, after)], {}, name);
  }
  const addend = scaled(c, onnxNumber(node, builder, "beta", 1), builder);
  const { shape: shape2 } = builder.type(addend);
  const isBias = after === 1 && builder.constantInfo(c) !== null && columns !== void 0;
  if (isBias && sameNumbers(shape2, [columns])) return builder.add("matmul", [x, w, addend], {}, name);
  if (isBias && sameNumbers(shape2, [1, columns])) {
    const bias = builder.add("reshape", [addend], { shape: [columns] });
    return builder.add("matmul", [x, w, bias], {}, name);
  }
  const product2 = scaled(builder.add("matmul", [x, w, null]), after, builder);
  return builder.add("add", [product2, addend], {}, name);
});
var convForm = compositeForm("Conv", 1, (node, builder, name) => {
  const [x, w] = [onnxInput(node, builder, 0), onnxInput(node, builder, 1)];
  const window = onnxWindow(node, builder, builder.type(x).shape.slice(2), builder.type(w).shape.slice(2));
  return builder.add("conv", [x, w, onnxOptional(node, 2)], { ...window, group: onnxGroup(node, builder) }, name);
});

// ir/ops/contraction-types.ts
function isNarrow(element2) {
  return elementTypes[element2].kind === "integer" && elementTypes[element2].bits <= 8;
}
function contractionElement(op, x, w, weightAxis, resultAxis) {
  const refuse2 = (expected) => {
    throw problem("B202", `"${op}" cannot contract ${formatType(x)} with ${formatType(w)}; expected ${expected}.`);
  };
  if (isNarrow(x.element) && isNarrow(w.element)) {
    if (x.quantization === null && w.quantization === null) return { element: "i32", quantization: null };
    if (x.quantization === null || w.quantization === null) return refuse2("both operands, or neither, to be quantized");
    if (x.quantization.axis !== null) return refuse2("one scale for the whole first operand");
    if (w.quantization.axis !== null && w.quantization.axis !== weightAxis) {
      return refuse2(`scales of the second operand along axis ${weightAxis}`);
    }
    if (w.quantization.zeros.some((zero) => zero !== 0)) return refuse2("zero point 0 of the second operand");
    const scale2 = at(x.quantization.scales, 0);
    return {
      element: "i32",
      quantization: {
        axis: w.quantization.axis === null ? null : resultAxis,
        scales: w.quantization.scales.map((each) => each * scale2),
        zeros: w.quantization.zeros
      }
    };
  }
  const alike = x.element === w.element && x.quantization === null && w.quantization === null && x.element !== "bool";
  return alike ? { element: x.element, quantization: null } : refuse2("one float type, or integers of at most 8 bits");
}
function requireBias(op, bias, element2, channels) {
  if (bias === null || bias.element === element2 && sameNumbers(bias.shape, [channels])) return;
  throw problem("B202", `"${op}" got bias ${formatType(bias)}, expected ${element2}[${channels}].`);
}
function isSingle(element2) {
  return isFloat(element2) && element2 !== "f64";
}

// ir/ops/contraction-values.ts
var plainContractor = {
  integer: (task) => {
    const results = new Int32Array(task.groups * product(task.rows) * task.columns);
    contractRows(task, results, (line, factors, from, value) => {
      for (let n = 0; n < line.length; n += 1) {
        line[n] = line[n] + Math.imul(value, factors[from + n]);
      }
    });
    return results;
  },
  float: (task) => {
    const results = new Float64Array(task.groups * product(task.rows) * task.columns);
    contractRows(task, results, (line, factors, from, value) => {
      for (let n = 0; n < line.length; n += 1) line[n] = line[n] + value * factors[from + n];
    });
    return results;
  }
};
function contractRows(task, results, add) {
  const { columns, activations, weights, bias } = task;
  const rowOffsets = stridedOffsets(task.rows, activations.rowStrides);
  const activationOffsets = stridedOffsets(task.inner, activations.innerStrides);
  const weightOffsets = stridedOffsets(task.inner, weights.innerStrides);
  const innerCount = weightOffsets.length;
  const factors = new Float64Array(innerCount * columns);
  for (let group = 0; group < task.groups; group += 1) {
    const weightBase = weights.offset + group * weights.groupStride;
    for (let k = 0, index = 0; k < innerCount; k += 1) {
      for (let n = 0; n < columns; n += 1, index += 1) {
        factors[index] = weights.data[weightBase + weightOffsets[k] + n * weights.columnStride];
      }
    }
    for (let row = 0; row < rowOffsets.length; row += 1) {
      const base = activations.offset + group * activations.groupStride + rowOffsets[row];
      const start = (group * rowOffsets.length + row) * columns;
      const line = results.subarray(start, start + columns);
      if (bias !== null) line.set(bias.subarray(group * columns, (group + 1) * columns));
      for (let k = 0; k < innerCount; k += 1) {
        add(line, factors, k * columns, activations.data[base + activationOffsets[k]]);
      }
    }
  }
}
function padPlanes(data, outer, spatial, begins, ends, fill2) {
  const padded = spatial.map((size, axis) => size + at(begins, axis) + at(ends, axis));
  if (padded.every((size, axis) => size === spatial[axis])) return { data, padded };
  const copy = new data.constructor(outer * product(padded));
  if (fill2 !== 0) copy.fill(fill2);
  const width = at(spatial, spatial.length - 1);
  const strides = padded.map((_, axis) => product(padded.slice(axis + 1)));
  const first = begins.reduce((total, begin, axis) => total + begin * at(strides, axis), 0);
  const targets = stridedOffsets([outer, ...spatial.slice(0, -1)], [product(padded), ...strides.slice(0, -1)], first);
  for (let line = 0; line < targets.length; line += 1) {
    copy.set(data.subarray(line * width, (line + 1) * width), targets[line]);
  }
  return { data: copy, padded };
}
function transposeInto(target, start, source, rows, columns) {
  const block = 32;
  for (let first = 0; first < rows; first += block) {
    const last = Math.min(rows, first + block);
    for (let column = 0; column < columns; column += 1) {
      for (let row = first; row < last; row += 1) {
        target[start + column * rows + row] = source[row * columns + column];
      }
    }
  }
}

// ir/ops/samples.ts
function sampleTensor(random, type, low = -4, high = 4) {
  const numbers = new Float64Array(elementCount(type));
  if (isFloat(type.element)) {
    return tensorOf(
      type,
      numbers.map(() => low + (high - low) * random.uniform())
    );
  }
  const range2 = type.element === "bool" ? { low: 0, high: 1 } : integerRange(type.element);
  const [least, greatest] = [Math.max(Math.ceil(low), range2.low), Math.min(Math.floor(high), range2.high)];
  return tensorOf(
    type,
    numbers.map(() => random.integer(least, greatest))
  );
}
function sampleFloats(random, shape2, low = -4, high = 4) {
  return sampleTensor(random, tensorType("f32", shape2), low, high);
}

// ir/ops/contraction.ts
function contractorOf(context) {
  const { element: element2 } = operandAt(context.operands, 0).type;
  const method = isFloat(element2) || element2 === "i64" || element2 === "u64" ? "float" : "integer";
  const fast = isNarrow(element2) || isSingle(element2);
  return { contractor: fast ? context.contractor ?? plainContractor : plainContractor, method };
}
function allocateSums(type, method) {
  const count = elementCount(type);
  if (method === "integer") return new Int32Array(count);
  return type.element === "f32" ? new Float32Array(count) : new Float64Array(count);
}
function storedSums(type, sums) {
  const stored = type.element === "i32" && sums instanceof Int32Array || type.element === "f32" && sums instanceof Float32Array;
  return makeTensor(type, stored ? sums : elementsOf(type.element, sums));
}
function biasData(context) {
  const bias = context.operands[2] ?? null;
  if (bias === null) return null;
  const numbers = tensorNumbers(bias);
  return numbers instanceof Int32Array || numbers instanceof Float32Array ? numbers : Float64Array.from(numbers);
}
var matmul = defineOperator({
  name: "matmul",
  summary: "The matrix product of the last two axes, broadcasting over the axes before them, plus a bias for each column.",
  runsOn: "matrix",
  operands: ["x", "w", "bias?"],
  attributes: {},
  onnx: [matMulForm, gemmForm],
  infer: ({ operands }) => {
    const [x, w] = [typeAt(operands, 0), typeAt(operands, 1)];
    const [xRank, wRank] = [x.shape.length, w.shape.length];
    if (xRank < 2 || wRank < 2 || x.shape[xRank - 1] !== w.shape[wRank - 2]) {
      throw problem(
        "B202",
        `"matmul" cannot contract ${formatType(x)} with ${formatType(w)}; expected [..,M,K] and [..,K,N].`
      );
    }
    const batch = broadcastShapes([x.shape.slice(0, -2), w.shape.slice(0, -2)]);
    const shape2 = [...batch, at(x.shape, xRank - 2), at(w.shape, wRank - 1)];
    const { element: element2, quantization } = contractionElement("matmul", x, w, wRank - 1, shape2.length - 1);
    requireBias("matmul", operands[2] ?? null, element2, at(shape2, shape2.length - 1));
    return tensorType(element2, shape2, quantization);
  },
  evaluate: (context) => {
    const [x, w] = [operandAt(context.operands, 0), operandAt(context.operands, 1)];
    const { shape: shape2 } = context.type;
    const batch = shape2.slice(0, -2);
    const [rows, columns] = [at(shape2, shape2.length - 2), at(shape2, shape2.length - 1)];
    const depth = at(x.type.shape, x.type.shape.length - 1);
    const { contractor, method } = contractorOf(context);
    const [xData, wData] = [tensorNumbers(x), tensorNumbers(w)];
    const bias = biasData(context);
    const task = (activationOffset, weightOffset, rowCount) => contractor[method]({
      groups: 1,
      rows: [rowCount],
      inner: [depth],
      columns,
      activations: {
        data: xData.subarray(activationOffset, activationOffset + rowCount * depth),
        offset: 0,
        groupStride: 0,
        rowStrides: [depth],
        innerStrides: [1]
      },
      weights: {
        data: wData.subarray(weightOffset, weightOffset + depth * columns),
        offset: 0,
        groupStride: 0,
        innerStrides: [columns],
        columnStride: 1
      },
      bias
    });
    if (product(w.type.shape.slice(0, -2)) === 1 && product(x.type.shape.slice(0, -2)) === product(batch)) {
      return storedSums(context.type, task(0, 0, product(batch) * rows));
    }
    const starts = (operand, size) => stridedOffsets(
      batch,
      broadcastStrides(operand.type.shape.slice(0, -2), batch).map((stride) => stride * size)
    );
    const [xStarts, wStarts] = [starts(x, rows * depth), starts(w, depth * columns)];
    const results = allocateSums(context.type, method);
    for (let index = 0; index < xStarts.length; index += 1) {
      results.set(task(xStarts[index], wStarts[index], rows), index * rows * columns);
    }
    return storedSums(context.type, results);
  },
  iteration: matmulIteration,
  samples: (random) => [
    { operands: [sampleFloats(random, [3, 4]), sampleFloats(random, [4, 5]), null], attributes: {} },
    {
      operands: [sampleFloats(random, [2, 1, 3, 4]), sampleFloats(random, [3, 4, 2]), sampleFloats(random, [2])],
      attributes: {}
    },
    {
      operands: [sampleFloats(random, [2, 3, 4]), sampleFloats(random, [4, 2]), sampleFloats(random, [2])],
      attributes: {}
    },
    {
      operands: [
        sampleTensor(random, tensorType("i8", [3, 6], perTensor(0.05, 4)), -128, 127),
        sampleTensor(
          random,
          tensorType("i8", [6, 4], { axis: 1, scales: [0.1, 0.2, 0.3, 0.4], zeros: [0, 0, 0, 0] }),
          -127,
          127
        ),
        sampleTensor(random, tensorType("i32", [4]), -999, 999)
      ],
      attributes: {}
    },
    {
      operands: [
        sampleTensor(random, tensorType("u8", [2, 3, 6]), 0, 255),
        sampleTensor(random, tensorType("i4", [2, 6, 4]), -8, 7),
        null
      ],
      attributes: {}
    },
    {
      operands: [
        sampleTensor(random, tensorType("f16", [3, 5])),
        sampleTensor(random, tensorType("f16", [5, 2])),
        null
      ],
      attributes: {}
    }
  ]
});
function matmulIteration({ operands, type }) {
  const [x, w] = [typeAt(operands, 0), typeAt(operands, 1)];
  const batch = type.shape.slice(0, -2);
  const [m, n, k] = [batch.length, batch.length + 1, batch.length + 2];
  const along = (dimension) => ({ terms: [{ dimension, stride: 1 }], offset: 0 });
  return {
    dimensions: [
      ...batch.map((size, axis) => ({ name: `b${axis}`, size, kind: "parallel" })),
      { name: "m", size: at(type.shape, m), kind: "parallel" },
      { name: "n", size: at(type.shape, n), kind: "parallel" },
      { name: "k", size: at(x.shape, x.shape.length - 1), kind: "reduction" }
    ],
    operands: [
      [...broadcastAccess(x.shape.slice(0, -2), batch), along(m), along(k)],
      [...broadcastAccess(w.shape.slice(0, -2), batch), along(k), along(n)],
      operands[2] === null || operands[2] === void 0 ? null : [along(n)]
    ],
    result: [...broadcastAccess(batch, batch), along(m), along(n)]
  };
}
function convShape(x, w, attributes) {
  const group = numberOf(attributes, "group");
  const inputs = at(w.shape, 1);
  return {
    window: windowOf("conv", attributes, w.shape.slice(2), x.shape.length - 2),
    group,
    batch: at(x.shape, 0),
    inputs,
    outputs: at(w.shape, 0) / group,
    spatial: x.shape.slice(2)
  };
}
var conv = defineOperator({
  name: "conv",
  summary: "A convolution of x [N,C,spatial...] with w [O,C/group,kernel...], plus a bias for each output channel.",
  runsOn: "matrix",
  operands: ["x", "w", "bias?"],
  attributes: {
    strides: { form: "integers" },
    pads: { form: "integers" },
    dilations: { form: "integers" },
    group: { form: "integer", default: 1 }
  },
  onnx: [convForm],
  infer: ({ operands, attributes }) => {
    const [x, w] = [typeAt(operands, 0), typeAt(operands, 1)];
    const group = numberOf(attributes, "group");
    const ranks = x.shape.length >= 3 && x.shape.length === w.shape.length && group >= 1;
    if (!ranks || at(w.shape, 1) * group !== x.shape[1] || at(w.shape, 0) % group !== 0) {
      throw problem(
        "B202",
        `"conv" cannot contract ${formatType(x)} with ${formatType(w)} in ${group} groups; expected [N,C,spatial...] and [O,C/group,kernel...].`
      );
    }
    const { element: element2, quantization } = contractionElement("conv", x, w, 0, 1);
    const outputs = at(w.shape, 0);
    requireBias("conv", operands[2] ?? null, element2, outputs);
    const { window, spatial, batch } = convShape(x, w, attributes);
    return tensorType(element2, [batch, outputs, ...windowPositions("conv", window, spatial, false)], quantization);
  },
  evaluate: (context) => {
    const [x, w] = [operandAt(context.operands, 0), operandAt(context.operands, 1)];
    const { window, group, batch, inputs, outputs, spatial } = convShape(x.type, w.type, context.attributes);
    const positions = context.type.shape.slice(2);
    const { contractor, method } = contractorOf(context);
    const fill2 = x.type.quantization?.zeros[0] ?? 0;
    const source = tensorNumbers(x);
    const { data, padded } = padPlanes(source, batch * group * inputs, spatial, window.begins, window.ends, fill2);
    const strides = rowMajorStrides(padded);
    const plane = product(padded);
    const depth = inputs * product(window.kernel);
    const weights = tensorNumbers(w);
    const bias = biasData(context);
    const rowCount = product(positions);
    const results = allocateSums(context.type, method);
    const imageSize = group * inputs * plane;
    for (let image = 0; image < batch; image += 1) {
      const sums = contractor[method]({
        groups: group,
        rows: positions,
        inner: [inputs, ...window.kernel],
        columns: outputs,
        activations: {
          data: data.subarray(image * imageSize, (image + 1) * imageSize),
          offset: 0,
          groupStride: inputs * plane,
          rowStrides: strides.map((stride, axis) => stride * at(window.strides, axis)),
          innerStrides: [plane, ...strides.map((stride, axis) => stride * at(window.dilations, axis))]
        },
        weights: {
          data: weights,
          offset: 0,
          groupStride: outputs * depth,
          innerStrides: rowMajorStrides([inputs, ...window.kernel]),
          columnStride: depth
        },
        bias
      });
      for (let index = 0; index < group; index += 1) {
        const size = rowCount * outputs;
        transposeInto(
          results,
          (image * group + index) * size,
          sums.subarray(index * size, (index + 1) * size),
          rowCount,
          outputs
        );
      }
    }
    return storedSums(context.type, results);
  },
  iteration: convIteration,
  samples: (random) => {
    const window = { strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1], group: 1 };
    return [
      {
        operands: [sampleFloats(random, [1, 2, 5, 6]), sampleFloats(random, [3, 2, 3, 2]), sampleFloats(random, [3])],
        attributes: window
      },
      {
        operands: [sampleFloats(random, [2, 4, 6, 5]), sampleFloats(random, [6, 2, 3, 2]), null],
        attributes: { strides: [2, 1], pads: [1, 0, 2, 1], dilations: [1, 2], group: 2 }
      },
      {
        operands: [sampleFloats(random, [1, 3, 8]), sampleFloats(random, [3, 1, 3]), sampleFloats(random, [3])],
        attributes: { strides: [1], pads: [1, 1], dilations: [1], group: 3 }
      },
      {
        operands: [sampleFloats(random, [1, 2, 3, 4, 4]), sampleFloats(random, [2, 2, 2, 2, 2]), null],
        attributes: { strides: [1, 2, 2], pads: [0, 0, 0, 1, 1, 0], dilations: [1, 1, 1], group: 1 }
      },
      {
        operands: [
          sampleTensor(random, tensorType("i8", [1, 2, 5, 5], perTensor(0.1, -3)), -128, 127),
          sampleTensor(
            random,
            tensorType("i8", [2, 2, 3, 3], { axis: 0, scales: [0.01, 0.02], zeros: [0, 0] }),
            -127,
            127
          ),
          sampleTensor(random, tensorType("i32", [2]), -999, 999)
        ],
        attributes: { ...window, pads: [1, 1, 1, 1] }
      }
    ];
  }
});
function convIteration({ operands, attributes, type }) {
  const [x, w] = [typeAt(operands, 0), typeAt(operands, 1)];
  const { window, group, batch, inputs, outputs } = convShape(x, w, attributes);
  const { outer, inner } = windowDimensions("conv", window, type.shape.slice(2));
  const lead = [
    { name: "n", size: batch, kind: "parallel" },
    ...group > 1 ? [{ name: "g", size: group, kind: "parallel" }] : [],
    { name: "o", size: outputs, kind: "parallel" }
  ];
  const o = lead.length - 1;
  const c = lead.length + outer.length;
  const channels = (dimension, size) => ({
    terms: [...group > 1 ? [{ dimension: 1, stride: size }] : [], { dimension, stride: 1 }],
    offset: 0
  });
  const along = (dimension) => ({ terms: [{ dimension, stride: 1 }], offset: 0 });
  const channel = channels(o, outputs);
  const operandAccess = [
    [along(0), channels(c, inputs), ...windowAccess(window, lead.length, c + 1)],
    [channel, along(c), ...inner.map((_, axis) => along(c + 1 + axis))],
    operands[2] === null || operands[2] === void 0 ? null : [channel]
  ];
  return {
    dimensions: [...lead, ...outer, { name: "c", size: inputs, kind: "reduction" }, ...inner],
    operands: operandAccess,
    result: [along(0), channel, ...outer.map((_, axis) => along(lead.length + axis))]
  };
}
var contractionOperators = [matmul, conv];

// kernels/fixed-point.ts
var leastMultiplier = 2 ** 21;
function fixedPoint(factor) {
  if (!(factor > 0 && factor < Number.POSITIVE_INFINITY)) {
    throw new RangeError(`a scale must be positive and finite, found ${factor}`);
  }
  let significand = factor;
  let shift = 0;
  for (; significand >= 2 * leastMultiplier; shift -= 1) significand /= 2;
  for (; significand < leastMultiplier; shift += 1) significand *= 2;
  const multiplier = roundToEven(significand);
  return multiplier === 2 * leastMultiplier ? { multiplier: leastMultiplier, shift: shift - 1 } : { multiplier, shift };
}
function fixedPointFactor({ multiplier, shift }) {
  return shift > 1e3 ? multiplier * 2 ** -1e3 * 2 ** (1e3 - shift) : multiplier * 2 ** -shift;
}
function roundToEven(value) {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest < 0.5 || rest === 0.5 && floor % 2 === 0) return floor;
  return floor + 1;
}
function roundAndClamp(value, factor, zero, low, high) {
  return Math.max(low, Math.min(high, roundToEven(value * factor) + zero));
}

// ir/ops/conversion-values.ts
function conversionFactors(op, from, to) {
  const source = op === "quantize" ? null : quantizationOf(from);
  const target = op === "dequantize" ? null : quantizationOf(to);
  const axis = source?.axis ?? target?.axis ?? null;
  const count = Math.max(source?.scales.length ?? 1, target?.scales.length ?? 1);
  const factors = Array.from(
    { length: count },
    (_, index) => (source === null ? 1 : entryAt(source.scales, index)) / (target === null ? 1 : entryAt(target.scales, index))
  );
  return { axis, factors };
}
function conversionZeros(op, from, to) {
  return quantizationOf(op === "dequantize" ? from : to).zeros;
}
function quantizationOf(type) {
  if (type.quantization === null) throw internalError(`${type.element}[${type.shape.join(",")}] has no quantization`);
  return type.quantization;
}
function entryAt(list, index) {
  return at(list, list.length === 1 ? 0 : index);
}
function forEachRun(type, axis, visit) {
  const count = elementCount(type);
  if (axis === null) {
    visit(0, count, 0);
    return;
  }
  const run = product(type.shape.slice(axis + 1));
  const size = at(type.shape, axis);
  for (let start = 0, index = 0; start < count; start += run, index = (index + 1) % size)
    visit(start, start + run, index);
}
function convert(op, x, type) {
  const { axis, factors } = conversionFactors(op, x.type, type);
  const zeros = conversionZeros(op, x.type, type);
  const exact = op === "requantize" || (op === "quantize" ? x.type.element : type.element) === "f16";
  const numbers = exact ? factors.map((factor) => fixedPointFactor(fixedPoint(factor))) : factors;
  const single = (op === "quantize" ? x.type.element : type.element) === "f32";
  const values = tensorNumbers(x);
  const results = new Float64Array(values.length);
  const { low, high } = op === "dequantize" ? { low: 0, high: 0 } : integerRange(type.element);
  forEachRun(type, axis, (start, end, index) => {
    const factor = entryAt(numbers, index);
    const zero = entryAt(zeros, index);
    const scale2 = op === "quantize" ? entryAt(type.quantization?.scales ?? [1], index) : 1;
    for (let position = start; position < end; position += 1) {
      const value = values[position];
      if (op === "dequantize") results[position] = (value - zero) * factor;
      else if (Number.isNaN(value)) results[position] = zero;
      else if (exact) results[position] = roundAndClamp(value, factor, zero, low, high);
      else {
        const quotient2 = single ? Math.fround(value / scale2) : value / scale2;
        results[position] = clamp(roundToEven(quotient2) + zero, low, high);
      }
    }
  });
  return tensorOf(type, results);
}

// ir/ops/movement-pieces.ts
function wholeRun(count) {
  return [{ destination: 0, source: 0, step: 1, count }];
}
function axisRuns(sources2) {
  const runs = [];
  let start = 0;
  while (start < sources2.length) {
    const source = at(sources2, start);
    let end = start + 1;
    if (source >= 0) {
      const step = end < sources2.length && at(sources2, end) >= 0 ? at(sources2, end) - source : 0;
      while (end < sources2.length && at(sources2, end) >= 0 && at(sources2, end) - at(sources2, end - 1) === step)
        end += 1;
      runs.push({ destination: start, source, step: end - start === 1 ? 1 : step, count: end - start });
    }
    start = end;
  }
  return runs;
}
function axisPieces(runs, operandShape, resultShape, operand = 0) {
  const sourceStrides = rowMajorStrides(operandShape);
  const destinationStrides = rowMajorStrides(resultShape);
  let pieces = [
    { operand, counts: [], sourceOffset: 0, sourceStrides: [], destinationOffset: 0, destinationStrides: [] }
  ];
  runs.forEach((axisRunList, axis) => {
    const source = at(sourceStrides, axis);
    const destination = at(destinationStrides, axis);
    pieces = pieces.flatMap(
      (piece) => axisRunList.filter((run) => run.count > 0).map((run) => ({
        operand,
        counts: [...piece.counts, run.count],
        sourceOffset: piece.sourceOffset + run.source * source,
        sourceStrides: [...piece.sourceStrides, run.step * source],
        destinationOffset: piece.destinationOffset + run.destination * destination,
        destinationStrides: [...piece.destinationStrides, destination]
      }))
    );
  });
  return pieces.map(withoutUnitDimensions);
}
function withoutUnitDimensions(piece) {
  const kept = piece.counts.flatMap((count, dimension) => count === 1 ? [] : [dimension]);
  if (kept.length === 0) return { ...piece, counts: [1], sourceStrides: [1], destinationStrides: [1] };
  return {
    ...piece,
    counts: kept.map((dimension) => at(piece.counts, dimension)),
    sourceStrides: kept.map((dimension) => at(piece.sourceStrides, dimension)),
    destinationStrides: kept.map((dimension) => at(piece.destinationStrides, dimension))
  };
}
function reshapePieces(operandShape, resultShape) {
  const total = product(resultShape);
  if (total === 0) return [];
  const boundaries = [.../* @__PURE__ */ new Set([...spans(operandShape), ...spans(resultShape), 1, total])].sort((a, b) => a - b);
  const common = boundaries.filter(
    (boundary) => boundaries.every((other) => other % boundary === 0 || boundary % other === 0)
  );
  let pieces = [
    { counts: [], strides: [], offset: 0 }
  ];
  for (let level = common.length - 2; level >= 0; level -= 1) {
    const [stride, size] = [at(common, level), at(common, level + 1)];
    const cuts = [0];
    for (const boundary of boundaries.filter((each) => each > stride && each < size)) {
      for (let offset = boundary; offset < size; offset += boundary) cuts.push(offset);
    }
    const starts = [...new Set(cuts)].sort((a, b) => a - b);
    pieces = pieces.flatMap(
      (piece) => starts.map((start, index) => ({
        counts: [...piece.counts, ((starts[index + 1] ?? size) - start) / stride],
        strides: [...piece.strides, stride],
        offset: piece.offset + start
      }))
    );
  }
  return pieces.map(
    ({ counts, strides, offset }) => withoutUnitDimensions({
      operand: 0,
      counts,
      sourceOffset: offset,
      sourceStrides: strides,
      destinationOffset: offset,
      destinationStrides: strides
    })
  );
}
function spans(shape2) {
  return [...rowMajorStrides(shape2), product(shape2)];
}

// ir/ops/conversion.ts
var quantizationAttributes = {
  scales: { form: "numbers" },
  zeros: { form: "integers" },
  axis: { form: "integer", default: -1 }
};
function quantizationAttributesOf(quantization) {
  return { scales: quantization.scales, zeros: quantization.zeros, axis: quantization.axis ?? -1 };
}
function describedQuantization(op, attributes, shape2) {
  const [scales, zeros, axis] = [
    numbersOf(attributes, "scales"),
    numbersOf(attributes, "zeros"),
    numberOf(attributes, "axis")
  ];
  const count = axis === -1 ? 1 : at(shape2, normalizeAxis(axis, shape2.length));
  if (scales.length !== count || zeros.length !== count || scales.some((scale2) => !(scale2 > 0 && Number.isFinite(scale2)))) {
    throw problem(
      "B202",
      `"${op}" got ${scales.length} scales and ${zeros.length} zeros for [${shape2.join(",")}] and axis ${axis}, expected ${count} of each, scales positive.`
    );
  }
  return { axis: axis === -1 ? null : axis, scales, zeros };
}
function elementNamed(op, name, fits, expected) {
  if (Object.hasOwn(elementTypes, name) && fits(name)) return name;
  throw problem("B202", `"${op}" got element type "${name}", expected ${expected}.`);
}
var isStored = (element2) => elementTypes[element2].kind === "integer" && elementTypes[element2].bits <= 32;
function issueOf(op, { operands, type }) {
  const zeros = conversionZeros(op, typeAt(operands, 0), type);
  const zero = at(zeros, 0);
  if (zeros.some((each) => each !== zero))
    throw problem("B404", `"${op}" to or from ${formatType(type)} has zero points that differ over an axis.`);
  if (op === "dequantize") return { function: op, parameters: { zero } };
  return { function: op, parameters: { zero, ...integerRange(type.element) } };
}
function declareConversion(op, summary, attributes, onnx, infer, samples) {
  return defineOperator({
    name: op,
    summary,
    runsOn: "vector",
    operands: ["x"],
    attributes,
    onnx,
    infer,
    evaluate: ({ operands, type }) => convert(op, operandAt(operands, 0), type),
    iteration: elementwiseIteration,
    vector: { kind: "elementwise", issue: (context) => issueOf(op, context) },
    samples
  });
}
function onnxQuantization(node, builder) {
  if (onnxInteger(node, builder, "block_size", 0) !== 0)
    builder.refuse("B104", `${node.operator} with blocks is not supported.`);
  const { shape: shape2 } = builder.type(onnxInput(node, builder, 0));
  onnxInput(node, builder, 1);
  const scales = onnxConstantNumbers(node, builder, 1) ?? [];
  const zeros = onnxConstantNumbers(node, builder, 2) ?? scales.map(() => 0);
  if (scales.some((scale2) => !(scale2 > 0 && Number.isFinite(scale2))))
    builder.refuse("B110", "Scales must be positive and finite.");
  if (zeros.length !== scales.length)
    builder.refuse("B110", `There are ${scales.length} scales and ${zeros.length} zero points.`);
  if (scales.length === 1) return { axis: null, scales, zeros };
  const axis = normalizeAxis(onnxInteger(node, builder, "axis", 1), shape2.length);
  if (scales.length !== shape2[axis])
    builder.refuse("B110", `There are ${scales.length} scales for axis ${axis} of [${shape2.join(",")}].`);
  return { axis, scales, zeros };
}
var quantizeLinear = {
  operator: "QuantizeLinear",
  since: 10,
  translate: (node, builder) => {
    const x = onnxInput(node, builder, 0);
    const quantization = onnxQuantization(node, builder);
    const zero = onnxOptional(node, 2);
    const wanted = onnxInteger(node, builder, "output_dtype", 0);
    const element2 = zero === null ? wanted === 0 ? "u8" : onnxElement(wanted, builder) : builder.type(zero).element;
    bindOnly(
      node,
      builder,
      builder.add("quantize", [x], { element: element2, ...quantizationAttributesOf(quantization) }, onnxOutput(node))
    );
  }
};
var dequantizeLinear = {
  operator: "DequantizeLinear",
  since: 10,
  translate: (node, builder) => {
    const x = onnxInput(node, builder, 0);
    const quantization = onnxQuantization(node, builder);
    const stored = sameQuantization(builder.type(x), { ...builder.type(x), quantization }) ? x : builder.add("reinterpret", [x], quantizationAttributesOf(quantization));
    const { element: element2 } = builder.type(onnxInput(node, builder, 1));
    bindOnly(node, builder, builder.add("dequantize", [stored], { element: element2 }, onnxOutput(node)));
  }
};
var quantizeSamples = (random) => [
  { operands: [sampleFloats(random, [2, 9])], attributes: { element: "i8", scales: [0.03], zeros: [0] } },
  { operands: [sampleFloats(random, [7])], attributes: { element: "u4", scales: [0.5], zeros: [8] } },
  {
    operands: [sampleFloats(random, [3, 4])],
    attributes: { element: "i8", scales: [0.1, 0.2, 0.3], zeros: [1, 1, 1], axis: 0 }
  },
  {
    operands: [sampleTensor(random, tensorType("f16", [2, 9]))],
    attributes: { element: "u8", scales: [0.03], zeros: [128] }
  }
];
var quantize = declareConversion(
  "quantize",
  "A float as stored integers of the named type, rounded to even and clamped.",
  { element: { form: "text" }, ...quantizationAttributes },
  [quantizeLinear],
  ({ operands, attributes }) => {
    const { element: element2, shape: shape2 } = typeAt(operands, 0);
    elementNamed("quantize", element2, isFloat, "a float operand");
    const stored = elementNamed("quantize", textOf(attributes, "element"), isStored, "an integer of at most 32 bits");
    return tensorType(stored, shape2, describedQuantization("quantize", attributes, shape2));
  },
  quantizeSamples
);
var dequantize = declareConversion(
  "dequantize",
  "Stored integers as the real numbers that they stand for.",
  { element: { form: "text" } },
  [dequantizeLinear],
  ({ operands, attributes }) => {
    const x = typeAt(operands, 0);
    if (x.quantization === null) throw problem("B202", `"dequantize" got ${formatType(x)}, expected a quantization.`);
    return tensorType(elementNamed("dequantize", textOf(attributes, "element"), isFloat, "a float"), x.shape);
  },
  (random) => [
    {
      operands: [sampleTensor(random, tensorType("i8", [2, 5], perTensor(0.05, -3)), -128, 127)],
      attributes: { element: "f32" }
    },
    {
      operands: [sampleTensor(random, tensorType("u8", [2, 5], perTensor(0.05, 130)), 0, 255)],
      attributes: { element: "f16" }
    },
    {
      operands: [
        sampleTensor(
          random,
          tensorType("i32", [2, 2], { axis: 1, scales: [1e-4, 3e-5], zeros: [0, 0] }),
          -9e4,
          9e4
        )
      ],
      attributes: { element: "f16" }
    }
  ]
);
var requantize = declareConversion(
  "requantize",
  "i32 sums as stored integers of a narrow type, by the chip's fixed-point factor.",
  { element: { form: "text" }, ...quantizationAttributes },
  [],
  ({ operands, attributes }) => {
    const x = typeAt(operands, 0);
    if (x.element !== "i32" || x.quantization === null)
      throw problem("B202", `"requantize" got ${formatType(x)}, expected i32 with a scale.`);
    const narrow = (element3) => isStored(element3) && elementTypes[element3].bits <= 8;
    const element2 = elementNamed("requantize", textOf(attributes, "element"), narrow, "an integer of at most 8 bits");
    const quantization = describedQuantization("requantize", attributes, x.shape);
    const axes = [x.quantization.axis, quantization.axis].filter((axis) => axis !== null);
    if (new Set(axes).size > 1)
      throw problem("B202", `"requantize" got scales along axis ${axes[0]}, expected axis ${axes[1]}.`);
    return tensorType(element2, x.shape, quantization);
  },
  (random) => [
    {
      operands: [sampleTensor(random, tensorType("i32", [3, 4], perTensor(1e-4)), -5e4, 5e4)],
      attributes: { element: "i8", scales: [0.04], zeros: [2] }
    },
    {
      operands: [
        sampleTensor(
          random,
          tensorType("i32", [2, 3], { axis: 1, scales: [1e-4, 2e-4, 3e-4], zeros: [0, 0, 0] }),
          -5e4,
          5e4
        )
      ],
      attributes: { element: "u8", scales: [0.04], zeros: [0] }
    },
    {
      operands: [sampleTensor(random, tensorType("i32", [5], perTensor(0.01)), -900, 900)],
      attributes: { element: "i4", scales: [0.5], zeros: [0] }
    }
  ]
);
var reinterpret = defineOperator({
  name: "reinterpret",
  summary: "The same stored integers under another scale and zero point.",
  runsOn: "movement",
  operands: ["x"],
  attributes: quantizationAttributes,
  onnx: [],
  infer: ({ operands, attributes }) => {
    const { element: element2, shape: shape2 } = typeAt(operands, 0);
    elementNamed("reinterpret", element2, isStored, "an integer of at most 32 bits");
    return tensorType(element2, shape2, describedQuantization("reinterpret", attributes, shape2));
  },
  evaluate: ({ operands, type }) => makeTensor(type, operandAt(operands, 0).data),
  movement: ({ type }) => ({ pieces: reshapePieces(type.shape, type.shape), fill: null }),
  samples: (random) => [
    { operands: [sampleTensor(random, tensorType("u8", [4]), 0, 255)], attributes: { scales: [0.5], zeros: [7] } },
    {
      operands: [sampleTensor(random, tensorType("i8", [2, 3]), -9, 9)],
      attributes: { scales: [0.5, 0.25], zeros: [0, 0], axis: 0 }
    },
    {
      operands: [sampleTensor(random, tensorType("i32", [2, 2], perTensor(3)), -9, 9)],
      attributes: { scales: [0.125], zeros: [0] }
    }
  ]
});
var onnxElements = [
  null,
  "f32",
  "u8",
  "i8",
  "u16",
  "i16",
  "i32",
  "i64",
  null,
  "bool",
  "f16",
  "f64",
  "u32",
  "u64",
  null,
  null,
  "bf16",
  null,
  null,
  null,
  null,
  "u4",
  "i4",
  null,
  null,
  "u2",
  "i2"
];
function onnxElement(code, builder) {
  return onnxElements[code] ?? builder.refuse("B104", `Element type ${code} of ONNX is not supported.`);
}
function castData(x, type) {
  const big = isBig(x.type.element);
  if (big && isBig(type.element)) {
    const data = x.data;
    return makeTensor(type, type.element === "i64" ? BigInt64Array.from(data) : BigUint64Array.from(data));
  }
  if (big && elementTypes[type.element].kind === "integer") {
    const numbers = Array.from(x.data, (value) => Number(BigInt.asIntN(32, value)));
    return makeTensor(type, elementsOf(type.element, numbers));
  }
  return makeTensor(type, elementsOf(type.element, tensorNumbers(x)));
}
var cast = defineOperator({
  name: "cast",
  summary: "The same numbers in another element type: floats are rounded, integers truncated and wrapped.",
  runsOn: "folded",
  operands: ["x"],
  attributes: { element: { form: "text" } },
  onnx: [
    {
      operator: "Cast",
      since: 6,
      translate: (node, builder) => {
        const element2 = onnxElement(onnxInteger(node, builder, "to"), builder);
        bindOnly(node, builder, builder.add("cast", [onnxInput(node, builder, 0)], { element: element2 }, onnxOutput(node)));
      }
    },
    {
      operator: "CastLike",
      since: 15,
      translate: (node, builder) => {
        const { element: element2 } = builder.type(onnxInput(node, builder, 1));
        bindOnly(node, builder, builder.add("cast", [onnxInput(node, builder, 0)], { element: element2 }, onnxOutput(node)));
      }
    }
  ],
  infer: ({ operands, attributes }) => {
    const x = typeAt(operands, 0);
    if (x.quantization !== null) throw problem("B202", `"cast" got ${formatType(x)}, expected no quantization.`);
    return tensorType(
      elementNamed("cast", textOf(attributes, "element"), () => true, "one of the IR"),
      x.shape
    );
  },
  evaluate: ({ operands, type }) => castData(operandAt(operands, 0), type),
  samples: (random) => [
    { operands: [sampleFloats(random, [2, 3])], attributes: { element: "i64" } },
    { operands: [sampleFloats(random, [5])], attributes: { element: "f16" } },
    { operands: [sampleTensor(random, tensorType("i64", [4]), -9, 9)], attributes: { element: "i32" } },
    { operands: [sampleTensor(random, tensorType("i32", [4]), -9, 9)], attributes: { element: "f32" } },
    { operands: [sampleTensor(random, tensorType("f16", [4]))], attributes: { element: "bool" } }
  ]
});
var conversionOperators = [quantize, dequantize, requantize, reinterpret, cast];

// ir/ops/elementwise-support.ts
var expectations = {
  float: "a float",
  number: "a float or an integer without quantization",
  same: "a number or truth value",
  bool: "bool"
};
function requireDomain(op, type, domain) {
  const accepted = domain === "same" || domain === "float" && isFloat(type.element) || domain === "number" && type.element !== "bool" && type.quantization === null || domain === "bool" && type.element === "bool";
  if (!accepted) throw problem("B202", `"${op}" got ${formatType(type)}, expected ${expectations[domain]}.`);
}
function inferBroadcast(op, operands, domain) {
  const first = typeAt(operands, 0);
  for (const operand of operands) {
    requireDomain(op, operand, domain);
    const alike = operand.element === first.element && sameQuantization(operand, first);
    if (!alike || operand.quantization !== null && operand.quantization.axis !== null) {
      throw problem(
        "B202",
        `"${op}" got ${operands.map(formatType).join(" and ")}, expected one element type and one scale for each whole tensor.`
      );
    }
  }
  return tensorType(first.element, broadcastShapes(operands.map((operand) => operand.shape)), first.quantization);
}
function inferUnary(op, { operands }, domain) {
  const type = typeAt(operands, 0);
  requireDomain(op, type, domain);
  return type;
}
function computed(values, compute) {
  const results = new Float64Array(values.length);
  for (let index = 0; index < results.length; index += 1) results[index] = compute(values[index]);
  return results;
}
function mapUnary(context, compute, computeBig) {
  const x = operandAt(context.operands, 0);
  if (isBig(x.type.element) && computeBig !== void 0) {
    const data = x.data;
    return makeTensor(context.type, data.map(computeBig));
  }
  if (x.type.element === "f16" && context.type.element === "f16" && x.data.length > halfCount) {
    const table2 = elementsOf("f16", computed(tensorNumbers({ ...x, data: everyHalf() }), compute));
    return makeTensor(
      context.type,
      x.data.map((bits) => table2[bits])
    );
  }
  return tensorOf(context.type, computed(tensorNumbers(x), compute));
}
function mapBinary(context, compute, computeBig) {
  const [x, y] = [operandAt(context.operands, 0), operandAt(context.operands, 1)];
  const { type } = context;
  const [left, right] = [broadcastOffsets(x.type.shape, type.shape), broadcastOffsets(y.type.shape, type.shape)];
  const count = elementCount(type);
  if (isBig(x.type.element)) {
    const [a2, b2] = [tensorBigs(x), tensorBigs(y)];
    const result = (index) => computeBig(
      a2[left === null ? index : left[index]],
      b2[right === null ? index : right[index]]
    );
    if (isBig(type.element)) {
      const data = type.element === "i64" ? new BigInt64Array(count) : new BigUint64Array(count);
      for (let index = 0; index < count; index += 1) data[index] = result(index);
      return makeTensor(type, data);
    }
    return tensorOf(
      type,
      Array.from({ length: count }, (_, index) => Number(result(index)))
    );
  }
  const [a, b] = [tensorNumbers(x), tensorNumbers(y)];
  const results = new Float64Array(count);
  for (let index = 0; index < count; index += 1) {
    results[index] = compute(
      a[left === null ? index : left[index]],
      b[right === null ? index : right[index]]
    );
  }
  return tensorOf(type, results);
}
function chooseElements(context) {
  const { type } = context;
  const [condition, x, y] = [
    operandAt(context.operands, 0),
    operandAt(context.operands, 1),
    operandAt(context.operands, 2)
  ];
  const [where2, left, right] = [condition, x, y].map((operand) => broadcastOffsets(operand.type.shape, type.shape));
  const data = allocateData(type.element, elementCount(type));
  for (let index = 0; index < data.length; index += 1) {
    const chosen = condition.data[where2?.[index] ?? index] !== 0;
    data[index] = chosen ? x.data[left?.[index] ?? index] : y.data[right?.[index] ?? index];
  }
  return makeTensor(type, data);
}

// kernels/error-function.ts
var twoOverRootPi = 1.1283791670955126;
var oneOverRootPi = 0.5641895835477563;
function erf(x) {
  const magnitude = Math.abs(x);
  if (magnitude >= 2.5) return x > 0 ? 1 - complementTail(magnitude) : complementTail(magnitude) - 1;
  const square = x * x;
  let term = x;
  let total = x;
  for (let odd = 3; Math.abs(term) > Math.abs(total) * 1e-17; odd += 2) {
    term *= 2 * square / odd;
    total += term;
  }
  return twoOverRootPi * Math.exp(-square) * total;
}
function erfc(x) {
  return x >= 1 ? complementTail(x) : 1 - erf(x);
}
function complementTail(x) {
  if (x > 28) return 0;
  let denominator = x;
  for (let half = Math.ceil(200 / (x * x)) + 10; half >= 1; half -= 1) denominator = x + half / 2 / denominator;
  return oneOverRootPi * Math.exp(-x * x) / denominator;
}

// kernels/tables.ts
var evaluationError = 2 ** -44;
var rootOfTwoOverPi = Math.sqrt(2 / Math.PI);
function evaluateFunction(name, x) {
  switch (name) {
    case "square_root":
      return Math.sqrt(x);
    case "reciprocal":
      return 1 / x;
    case "exp":
      return Math.exp(x);
    case "log":
      return Math.log(x);
    case "erf":
      return erf(x);
    case "sigmoid":
      return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
    case "tanh":
      return Math.tanh(x);
    case "gelu":
      if (x === Number.NEGATIVE_INFINITY) return -0;
      return 0.5 * x * (x < -1.5 ? erfc(-x * Math.SQRT1_2) : 1 + erf(x * Math.SQRT1_2));
    case "gelu_tanh": {
      if (x === Number.NEGATIVE_INFINITY) return -0;
      const doubled = 2 * rootOfTwoOverPi * (x + 0.044715 * x * x * x);
      return x / (1 + Math.exp(-doubled));
    }
    case "softplus":
      return Math.max(x, 0) + Math.log1p(Math.exp(-Math.abs(x)));
  }
}

// ir/ops/elementwise-tables.ts
var table = (name) => (x) => evaluateFunction(name, x);
var unaryTable = [
  {
    name: "sigmoid",
    summary: "1 / (1 + e^\u2212x).",
    onnx: ["Sigmoid", 1],
    function: "sigmoid",
    domain: "float",
    compute: table("sigmoid"),
    range: [-6, 6]
  },
  {
    name: "tanh",
    summary: "The hyperbolic tangent.",
    onnx: ["Tanh", 1],
    function: "tanh",
    domain: "float",
    compute: table("tanh"),
    range: [-4, 4]
  },
  {
    name: "exp",
    summary: "e^x.",
    onnx: ["Exp", 1],
    function: "exp",
    domain: "float",
    compute: table("exp"),
    range: [-6, 6]
  },
  {
    name: "log",
    summary: "The natural logarithm.",
    onnx: ["Log", 1],
    function: "log",
    domain: "float",
    compute: table("log"),
    range: [0.01, 20]
  },
  {
    name: "sqrt",
    summary: "The square root.",
    onnx: ["Sqrt", 1],
    function: "square_root",
    domain: "float",
    compute: table("square_root"),
    range: [0, 20]
  },
  {
    name: "erf",
    summary: "The error function.",
    onnx: ["Erf", 9],
    function: "erf",
    domain: "float",
    compute: table("erf"),
    range: [-3, 3]
  },
  {
    name: "softplus",
    summary: "ln(1 + e^x).",
    onnx: ["Softplus", 1],
    function: "softplus",
    domain: "float",
    compute: table("softplus"),
    range: [-6, 6]
  },
  {
    name: "reciprocal",
    summary: "1 / x.",
    onnx: ["Reciprocal", 1],
    function: "reciprocal",
    domain: "float",
    compute: table("reciprocal"),
    range: [0.1, 8]
  },
  {
    name: "neg",
    summary: "\u2212x.",
    onnx: ["Neg", 1],
    function: "negate",
    domain: "number",
    compute: (x) => -x,
    computeBig: (x) => -x,
    range: [-8, 8]
  },
  {
    name: "abs",
    summary: "|x|.",
    onnx: ["Abs", 1],
    function: "absolute",
    domain: "number",
    compute: Math.abs,
    computeBig: (x) => x < 0n ? -x : x,
    range: [-8, 8]
  },
  {
    name: "floor",
    summary: "The greatest integer that is not above x.",
    onnx: ["Floor", 1],
    function: null,
    domain: "float",
    compute: Math.floor,
    range: [-8, 8]
  },
  {
    name: "ceil",
    summary: "The least integer that is not below x.",
    onnx: ["Ceil", 1],
    function: null,
    domain: "float",
    compute: Math.ceil,
    range: [-8, 8]
  },
  {
    name: "round",
    summary: "The nearest integer, ties to even.",
    onnx: ["Round", 11],
    function: null,
    domain: "float",
    compute: roundToEven,
    range: [-8, 8]
  }
];
var truth = (value) => value ? 1 : 0;
var bigTruth = (value) => value ? 1n : 0n;
function bigPower(x, y) {
  if (y >= 0n) return x ** y;
  return x === 1n ? 1n : x === -1n ? y % 2n === 0n ? 1n : -1n : 0n;
}
var binaryTable = [
  {
    name: "add",
    summary: "x + y.",
    onnx: ["Add", 1],
    function: "add",
    domain: "number",
    logical: false,
    compute: (x, y) => x + y,
    computeBig: (x, y) => x + y
  },
  {
    name: "sub",
    summary: "x \u2212 y.",
    onnx: ["Sub", 1],
    function: "subtract",
    domain: "number",
    logical: false,
    compute: (x, y) => x - y,
    computeBig: (x, y) => x - y
  },
  {
    name: "mul",
    summary: "x \xB7 y.",
    onnx: ["Mul", 1],
    function: "multiply",
    domain: "number",
    logical: false,
    compute: (x, y) => x * y,
    computeInteger: Math.imul,
    computeBig: (x, y) => x * y
  },
  {
    name: "div",
    summary: "x / y; integers truncate toward zero, and give 0 when y is 0.",
    onnx: ["Div", 1],
    function: "divide",
    domain: "number",
    logical: false,
    compute: (x, y) => x / y,
    computeInteger: (x, y) => Math.trunc(x / y),
    computeBig: (x, y) => y === 0n ? 0n : x / y
  },
  {
    name: "max",
    summary: "The greater of x and y; NaN wins.",
    onnx: ["Max", 1],
    function: "maximum",
    domain: "same",
    logical: false,
    compute: Math.max,
    computeBig: (x, y) => x > y ? x : y
  },
  {
    name: "min",
    summary: "The lesser of x and y; NaN wins.",
    onnx: ["Min", 1],
    function: "minimum",
    domain: "same",
    logical: false,
    compute: Math.min,
    computeBig: (x, y) => x < y ? x : y
  },
  {
    name: "pow",
    summary: "x raised to y.",
    onnx: ["Pow", 1],
    function: null,
    domain: "number",
    logical: false,
    compute: (x, y) => x ** y,
    computeInteger: (x, y) => Number(BigInt.asIntN(32, bigPower(BigInt(x), BigInt(y)))),
    computeBig: bigPower
  },
  {
    name: "equal",
    summary: "Whether x = y.",
    onnx: ["Equal", 1],
    function: null,
    domain: "same",
    logical: true,
    compute: (x, y) => truth(x === y),
    computeBig: (x, y) => bigTruth(x === y)
  },
  {
    name: "greater",
    summary: "Whether x > y.",
    onnx: ["Greater", 1],
    function: null,
    domain: "same",
    logical: true,
    compute: (x, y) => truth(x > y),
    computeBig: (x, y) => bigTruth(x > y)
  },
  {
    name: "greater_or_equal",
    summary: "Whether x \u2265 y.",
    onnx: ["GreaterOrEqual", 12],
    function: null,
    domain: "same",
    logical: true,
    compute: (x, y) => truth(x >= y),
    computeBig: (x, y) => bigTruth(x >= y)
  },
  {
    name: "less",
    summary: "Whether x < y.",
    onnx: ["Less", 1],
    function: null,
    domain: "same",
    logical: true,
    compute: (x, y) => truth(x < y),
    computeBig: (x, y) => bigTruth(x < y)
  },
  {
    name: "less_or_equal",
    summary: "Whether x \u2264 y.",
    onnx: ["LessOrEqual", 12],
    function: null,
    domain: "same",
    logical: true,
    compute: (x, y) => truth(x <= y),
    computeBig: (x, y) => bigTruth(x <= y)
  },
  {
    name: "and",
    summary: "Whether both are true.",
    onnx: ["And", 1],
    function: null,
    domain: "bool",
    logical: true,
    compute: (x, y) => x & y,
    computeBig: (x, y) => x & y
  },
  {
    name: "or",
    summary: "Whether one is true.",
    onnx: ["Or", 1],
    function: null,
    domain: "bool",
    logical: true,
    compute: (x, y) => x | y,
    computeBig: (x, y) => x | y
  },
  {
    name: "xor",
    summary: "Whether exactly one is true.",
    onnx: ["Xor", 1],
    function: null,
    domain: "bool",
    logical: true,
    compute: (x, y) => x ^ y,
    computeBig: (x, y) => x ^ y
  }
];

// ir/ops/elementwise-binary.ts
function alignedOperand(node, builder) {
  const [x, y] = [onnxInput(node, builder, 0), onnxInput(node, builder, 1)];
  if (node.opset >= 7 || onnxInteger(node, builder, "broadcast", 0) === 0) return y;
  const [xShape, yShape] = [builder.type(x).shape, builder.type(y).shape];
  const axis = onnxInteger(node, builder, "axis", xShape.length - yShape.length);
  const trailing = xShape.length - yShape.length - (axis < 0 ? axis + xShape.length : axis);
  if (trailing <= 0) return y;
  return builder.add("reshape", [y], { shape: [...yShape, ...new Array(trailing).fill(1)] });
}
function pairForm(operator, op, since) {
  return compositeForm(
    operator,
    since,
    (node, builder, name) => builder.add(op, [onnxInput(node, builder, 0), alignedOperand(node, builder)], {}, name)
  );
}
function chainForm(operator, op, finish) {
  return compositeForm(operator, 1, (node, builder, name) => {
    const count = node.inputs.length;
    let value = onnxInput(node, builder, 0);
    if (count === 1) return builder.add("identity", [value], {}, name);
    for (let index = 1; index < count; index += 1) {
      const last = index === count - 1 && finish === void 0;
      value = builder.add(op, [value, onnxInput(node, builder, index)], {}, ...last ? [name] : []);
    }
    return finish === void 0 ? value : finish(value, count, builder, name);
  });
}
var powForm = compositeForm("Pow", 1, (node, builder, name) => {
  const x = onnxInput(node, builder, 0);
  const y = alignedOperand(node, builder);
  const [base, exponent] = [builder.type(x), builder.type(y)];
  const known = builder.constant(y) === null ? null : onnxConstantNumbers(node, builder, 1);
  const first = known?.[0];
  if (isFloat(base.element) && first !== void 0 && known?.every((value) => value === first) && product(exponent.shape) === 1 && exponent.shape.length <= base.shape.length) {
    return builder.add("power", [x], { exponent: first }, name);
  }
  if (base.element === exponent.element) return builder.add("pow", [x, y], {}, name);
  if (isFloat(base.element) || !isFloat(exponent.element)) {
    return builder.add("pow", [x, builder.add("cast", [y], { element: base.element })], {}, name);
  }
  const result = builder.add("pow", [builder.add("cast", [x], { element: exponent.element }), y]);
  return builder.add("cast", [result], { element: base.element }, name);
});
var mean = (value, count, builder, name) => builder.add("mul", [value, scalarLike(builder, value, 1 / count)], {}, name);
function formsOf(entry) {
  const [operator, since] = entry.onnx;
  switch (entry.name) {
    case "add":
      return [pairForm(operator, "add", since), chainForm("Sum", "add"), chainForm("Mean", "add", mean)];
    case "max":
    case "min":
      return [chainForm(operator, entry.name)];
    case "pow":
      return [powForm];
    default:
      return [pairForm(operator, entry.name, since)];
  }
}
function samplesOf(entry) {
  const shapes = [
    [
      [2, 3],
      [2, 3]
    ],
    [
      [2, 1, 4],
      [3, 1]
    ],
    [[5], []]
  ];
  return (random) => {
    if (entry.domain === "bool") {
      const truths = (shape2) => sampleTensor(random, tensorType("bool", shape2));
      return shapes.map(([x, y]) => ({ operands: [truths(x), truths(y)], attributes: {} }));
    }
    const positive = entry.name === "pow" || entry.name === "div";
    const floats = shapes.map(
      ([x, y]) => ({
        operands: [sampleFloats(random, x, positive ? 0.5 : -4), sampleFloats(random, y, positive ? 0.5 : -4)],
        attributes: {}
      })
    );
    const integers = ["i32", "i64"].map(
      (element2) => ({
        operands: [
          sampleTensor(random, tensorType(element2, [2, 3]), 1, 9),
          sampleTensor(random, tensorType(element2, [3]), 1, 5)
        ],
        attributes: {}
      })
    );
    return [...floats, ...integers];
  };
}
function declareBinary(entry) {
  const { name, summary, compute, computeBig } = entry;
  const unit = entry.function;
  return defineOperator({
    name,
    summary,
    runsOn: unit === null ? "folded" : "vector",
    operands: ["x", "y"],
    attributes: {},
    onnx: formsOf(entry),
    infer: ({ operands }) => {
      const type = inferBroadcast(name, [typeAt(operands, 0), typeAt(operands, 1)], entry.domain);
      return entry.logical ? tensorType("bool", type.shape) : type;
    },
    evaluate: (context) => {
      const element2 = context.operands[0]?.type.element;
      if (element2 === void 0) throw internalError(`"${name}" was given no operand`);
      return mapBinary(context, (isFloat(element2) ? void 0 : entry.computeInteger) ?? compute, computeBig);
    },
    ...unit === null ? {} : {
      iteration: elementwiseIteration,
      vector: { kind: "elementwise", issue: () => ({ function: unit, parameters: {} }) }
    },
    samples: samplesOf(entry)
  });
}
var where = defineOperator({
  name: "where",
  summary: "x where the condition is true, y elsewhere.",
  runsOn: "folded",
  operands: ["condition", "x", "y"],
  attributes: {},
  onnx: [
    {
      operator: "Where",
      since: 9,
      translate: (node, builder) => {
        const operands = [0, 1, 2].map((index) => onnxInput(node, builder, index));
        bindOnly(node, builder, builder.add("where", operands, {}, onnxOutput(node)));
      }
    }
  ],
  infer: ({ operands }) => {
    const condition = inferBroadcast("where", [typeAt(operands, 0)], "bool");
    const chosen = inferBroadcast("where", [typeAt(operands, 1), typeAt(operands, 2)], "same");
    return {
      ...chosen,
      shape: inferBroadcast("where", [condition, { ...chosen, element: "bool", quantization: null }], "bool").shape
    };
  },
  evaluate: chooseElements,
  samples: (random) => [
    [
      [2, 3],
      [2, 3],
      [2, 3]
    ],
    [[3], [2, 1], []],
    [[2, 1], [1], [4]]
  ].map(([condition, x, y]) => ({
    operands: [sampleTensor(random, tensorType("bool", condition)), sampleFloats(random, x), sampleFloats(random, y)],
    attributes: {}
  }))
});
var binaryOperators = [...binaryTable.map(declareBinary), where];

// ir/ops/elementwise-activations.ts
var swish = compositeForm("Swish", 24, (node, builder, name) => {
  const x = onnxInput(node, builder, 0);
  const alpha = onnxNumber(node, builder, "alpha", 1);
  const gate = builder.add("sigmoid", [alpha === 1 ? x : builder.add("mul", [x, scalarLike(builder, x, alpha)])]);
  return builder.add("mul", [x, gate], {}, name);
});
var hardSigmoid = compositeForm("HardSigmoid", 1, (node, builder, name) => {
  const x = onnxInput(node, builder, 0);
  const scaled2 = builder.add("mul", [x, scalarLike(builder, x, onnxNumber(node, builder, "alpha", 0.2))]);
  const shifted = builder.add("add", [scaled2, scalarLike(builder, x, onnxNumber(node, builder, "beta", 0.5))]);
  return builder.add("clip", [shifted], { low: 0, high: 1 }, name);
});
var hardSwish = compositeForm("HardSwish", 14, (node, builder, name) => {
  const x = onnxInput(node, builder, 0);
  const scaled2 = builder.add("mul", [x, scalarLike(builder, x, 1 / 6)]);
  const gate = builder.add("clip", [builder.add("add", [scaled2, scalarLike(builder, x, 0.5)])], { low: 0, high: 1 });
  return builder.add("mul", [x, gate], {}, name);
});
function exponentialUnit(x, alpha, gamma, builder, name) {
  const below = builder.add("exp", [builder.add("clip", [x], { high: 0 })]);
  const shifted = builder.add("sub", [below, scalarLike(builder, x, 1)]);
  const left = builder.add("mul", [shifted, scalarLike(builder, x, alpha * gamma)]);
  const positive = builder.add("relu", [x]);
  const right = gamma === 1 ? positive : builder.add("mul", [positive, scalarLike(builder, x, gamma)]);
  return builder.add("add", [right, left], {}, name);
}
var elu = compositeForm(
  "Elu",
  1,
  (node, builder, name) => exponentialUnit(onnxInput(node, builder, 0), onnxNumber(node, builder, "alpha", 1), 1, builder, name)
);
var selu = compositeForm("Selu", 1, (node, builder, name) => {
  const alpha = onnxNumber(node, builder, "alpha", 1.6732631921768188);
  return exponentialUnit(
    onnxInput(node, builder, 0),
    alpha,
    onnxNumber(node, builder, "gamma", 1.0507010221481323),
    builder,
    name
  );
});
var prelu = compositeForm("PRelu", 1, (node, builder, name) => {
  const [x, given] = [onnxInput(node, builder, 0), onnxInput(node, builder, 1)];
  const { shape: shape2 } = builder.type(given);
  const rank = builder.type(x).shape.length;
  const alongChannels2 = node.opset < 7 && shape2.length === 1 && rank > 2;
  const slope = alongChannels2 ? builder.add("reshape", [given], { shape: [...shape2, ...new Array(rank - 2).fill(1)] }) : given;
  const left = builder.add("mul", [builder.add("clip", [x], { high: 0 }), slope]);
  return builder.add("add", [builder.add("relu", [x]), left], {}, name);
});
var softsign = compositeForm("Softsign", 1, (node, builder, name) => {
  const x = onnxInput(node, builder, 0);
  return builder.add("div", [x, builder.add("add", [builder.add("abs", [x]), scalarLike(builder, x, 1)])], {}, name);
});
var mish = compositeForm("Mish", 18, (node, builder, name) => {
  const x = onnxInput(node, builder, 0);
  return builder.add("mul", [x, builder.add("tanh", [builder.add("softplus", [x])])], {}, name);
});
var activationForms = {
  sigmoid: [swish],
  exp: [elu, selu],
  tanh: [mish],
  abs: [softsign],
  relu: [prelu],
  clip: [hardSigmoid, hardSwish]
};

// ir/ops/elementwise-unary.ts
function unarySamples(range2, domain, attributes = [{}]) {
  return (random) => attributes.flatMap((each) => [
    { operands: [sampleFloats(random, [2, 3, 4], ...range2)], attributes: each },
    { operands: [sampleFloats(random, [], ...range2)], attributes: each },
    { operands: [sampleTensor(random, tensorType("f16", [17]), ...range2)], attributes: each },
    ...domain === "float" ? [] : [{ operands: [sampleTensor(random, tensorType("i32", [5]), -9, 9)], attributes: each }]
  ]);
}
function issueOf2(unit) {
  return { kind: "elementwise", issue: () => ({ function: unit, parameters: {} }) };
}
function declareUnary(entry) {
  const { name, summary, domain } = entry;
  return defineOperator({
    name,
    summary,
    runsOn: entry.function === null ? "folded" : "vector",
    operands: ["x"],
    attributes: {},
    onnx: entry.onnx === null ? [] : [directForm(entry.onnx[0], name, 1, entry.onnx[1])],
    infer: (context) => inferUnary(name, context, domain),
    evaluate: (context) => mapUnary(context, entry.compute, entry.computeBig),
    ...entry.function === null ? {} : { iteration: elementwiseIteration, vector: issueOf2(entry.function) },
    samples: unarySamples(entry.range, domain)
  });
}
function storedZero(type) {
  return type.quantization?.zeros[0] ?? 0;
}
function inferStored(op, operands) {
  const type = typeAt(operands, 0);
  if (type.element === "bool" || type.quantization !== null && type.quantization.axis !== null) {
    throw problem(
      "B202",
      `"${op}" got ${formatType(type)}, expected a number with at most one scale for the whole tensor.`
    );
  }
  return type;
}
var quantizedSample = (random) => [
  sampleTensor(random, tensorType("u8", [3, 5], perTensor(0.1, 120)), 0, 255)
];
var relu = defineOperator({
  name: "relu",
  summary: "max(x, 0); quantized integers compare with their zero point.",
  runsOn: "vector",
  operands: ["x"],
  attributes: {},
  onnx: [directForm("Relu", "relu", 1)],
  infer: ({ operands }) => inferStored("relu", operands),
  evaluate: (context) => {
    const zero = storedZero(context.type);
    return mapUnary(
      context,
      (x) => Math.max(x, zero),
      (x) => x < 0n ? 0n : x
    );
  },
  iteration: elementwiseIteration,
  vector: {
    kind: "elementwise",
    issue: ({ type }) => isFloat(type.element) ? { function: "relu", parameters: {} } : { function: "clip", parameters: { low: storedZero(type), high: integerRange(type.element).high } }
  },
  samples: (random) => [
    ...unarySamples([-4, 4], "number")(random),
    { operands: quantizedSample(random), attributes: {} }
  ]
});
var leakyRelu = defineOperator({
  name: "leaky_relu",
  summary: "x where x \u2265 0, alpha \xB7 x elsewhere.",
  runsOn: "vector",
  operands: ["x"],
  attributes: { alpha: { form: "number", default: 0.01 } },
  onnx: [
    compositeForm(
      "LeakyRelu",
      1,
      (node, builder, name) => builder.add(
        "leaky_relu",
        [onnxInput(node, builder, 0)],
        { alpha: onnxNumber(node, builder, "alpha", 0.01) },
        name
      )
    )
  ],
  infer: (context) => inferUnary("leaky_relu", context, "float"),
  evaluate: (context) => {
    const alpha = numberOf(context.attributes, "alpha");
    return mapUnary(context, (x) => x >= 0 ? x : alpha * x);
  },
  iteration: elementwiseIteration,
  vector: {
    kind: "elementwise",
    issue: ({ attributes }) => ({ function: "leaky_relu", parameters: { alpha: numberOf(attributes, "alpha") } })
  },
  samples: unarySamples([-4, 4], "float", [{ alpha: 0.125 }])
});
function storedBounds(type, low, high) {
  if (isFloat(type.element)) return { low, high };
  const scale2 = type.quantization?.scales[0] ?? 1;
  if (type.element === "i64" || type.element === "u64") return { low, high };
  const range2 = integerRange(type.element);
  const stored = (bound) => clamp(roundToEven(bound / scale2) + storedZero(type), range2.low, range2.high);
  return { low: stored(low), high: stored(high) };
}
var clip = defineOperator({
  name: "clip",
  summary: "min(high, max(low, x)); the bounds are real numbers and may be infinite.",
  runsOn: "vector",
  operands: ["x"],
  attributes: {
    low: { form: "number", default: Number.NEGATIVE_INFINITY },
    high: { form: "number", default: Number.POSITIVE_INFINITY }
  },
  onnx: [
    compositeForm(
      "Clip",
      1,
      (node, builder, name) => {
        const low = onnxNumber(node, builder, "min", Number.NEGATIVE_INFINITY);
        const high = onnxNumber(node, builder, "max", Number.POSITIVE_INFINITY);
        return builder.add("clip", [onnxInput(node, builder, 0)], { low: Math.min(low, high), high }, name);
      },
      10
    ),
    compositeForm("Clip", 11, (node, builder, name) => {
      const x = onnxInput(node, builder, 0);
      const [least, greatest] = [onnxOptional(node, 1), onnxOptional(node, 2)];
      const known = [least, greatest].every((bound) => bound === null || builder.constant(bound) !== null);
      if (!known) {
        const raised2 = least === null ? x : builder.add("max", [x, least], {}, ...greatest === null ? [name] : []);
        return greatest === null ? raised2 : builder.add("min", [raised2, greatest], {}, name);
      }
      const low = onnxConstantNumbers(node, builder, 1)?.[0] ?? Number.NEGATIVE_INFINITY;
      const high = onnxConstantNumbers(node, builder, 2)?.[0] ?? Number.POSITIVE_INFINITY;
      return builder.add("clip", [x], { low: Math.min(low, high), high }, name);
    })
  ],
  infer: ({ operands, attributes }) => {
    const [low, high] = [numberOf(attributes, "low"), numberOf(attributes, "high")];
    if (low > high) throw problem("B202", `"clip" got low ${low} above high ${high}.`);
    return inferStored("clip", operands);
  },
  evaluate: (context) => {
    const { low, high } = storedBounds(
      context.type,
      numberOf(context.attributes, "low"),
      numberOf(context.attributes, "high")
    );
    return mapUnary(
      context,
      (x) => Math.min(high, Math.max(low, x)),
      (x) => x < low ? BigInt(Math.ceil(low)) : x > high ? BigInt(Math.floor(high)) : x
    );
  },
  iteration: elementwiseIteration,
  vector: {
    kind: "elementwise",
    issue: ({ attributes, type }) => ({
      function: "clip",
      parameters: storedBounds(type, numberOf(attributes, "low"), numberOf(attributes, "high"))
    })
  },
  samples: (random) => [
    ...unarySamples([-9, 9], "number", [
      { low: 0, high: 6 },
      { low: -1.5, high: Number.POSITIVE_INFINITY }
    ])(random),
    { operands: quantizedSample(random), attributes: { low: -2.25, high: 6 } },
    { operands: [sampleTensor(random, tensorType("i64", [4]), -9, 9)], attributes: { low: -3, high: 3 } }
  ]
});
var geluOperator = defineOperator({
  name: "gelu",
  summary: "x/2 \xB7 (1 + erf(x/\u221A2)), or its tanh approximation.",
  runsOn: "vector",
  operands: ["x"],
  attributes: { approximate: { form: "text", default: "none" } },
  onnx: [
    compositeForm(
      "Gelu",
      20,
      (node, builder, name) => builder.add(
        "gelu",
        [onnxInput(node, builder, 0)],
        { approximate: onnxText(node, builder, "approximate", "none") },
        name
      )
    )
  ],
  infer: (context) => {
    const approximate = textOf(context.attributes, "approximate");
    if (approximate !== "none" && approximate !== "tanh") {
      throw problem("B202", `"gelu" got approximate "${approximate}", expected none or tanh.`);
    }
    return inferUnary("gelu", context, "float");
  },
  evaluate: (context) => {
    const name = textOf(context.attributes, "approximate") === "tanh" ? "gelu_tanh" : "gelu";
    return mapUnary(context, (x) => evaluateFunction(name, x));
  },
  iteration: elementwiseIteration,
  vector: {
    kind: "elementwise",
    issue: ({ attributes }) => ({
      function: textOf(attributes, "approximate") === "tanh" ? "gelu_tanh" : "gelu",
      parameters: {}
    })
  },
  samples: unarySamples([-4, 4], "float", [{ approximate: "none" }, { approximate: "tanh" }])
});
function writePower(x, exponent, builder) {
  const size = Math.abs(exponent);
  if (exponent === 0)
    return builder.add("add", [builder.add("mul", [x, scalarLike(builder, x, 0)]), scalarLike(builder, x, 1)]);
  if (size > 16 || !Number.isInteger(size * 4)) {
    return builder.add("exp", [builder.add("mul", [builder.add("log", [x]), scalarLike(builder, x, exponent)])]);
  }
  let result = null;
  const take = (factor) => {
    result = result === null ? factor : builder.add("mul", [result, factor]);
  };
  let square = x;
  for (let rest = Math.floor(size); rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) take(square);
    if (rest > 1) square = builder.add("mul", [square, square]);
  }
  const quarters = size * 4 % 4;
  if (quarters > 0) {
    const root = builder.add("sqrt", [x]);
    if (quarters >= 2) take(root);
    if (quarters % 2 === 1) take(builder.add("sqrt", [root]));
  }
  if (result === null) return x;
  return exponent < 0 ? builder.add("reciprocal", [result]) : result;
}
var power = defineOperator({
  name: "power",
  summary: "x raised to a constant.",
  runsOn: "folded",
  operands: ["x"],
  attributes: { exponent: { form: "number" } },
  onnx: [],
  infer: (context) => inferUnary("power", context, "float"),
  evaluate: (context) => {
    const exponent = numberOf(context.attributes, "exponent");
    return mapUnary(context, (x) => x ** exponent);
  },
  decompose: ({ operands, attributes }, builder) => writePower(operands[0], numberOf(attributes, "exponent"), builder),
  samples: (random) => [2, 0.5, 3, -1, -0.5, 0.75, 1, 0, 1.3].map((exponent) => ({
    operands: [sampleFloats(random, [2, 3], 0.25, 3)],
    attributes: { exponent }
  }))
});
var identity = defineOperator({
  name: "identity",
  summary: "x itself.",
  runsOn: "folded",
  operands: ["x"],
  attributes: {},
  onnx: [
    directForm("Identity", "identity", 1),
    {
      operator: "Dropout",
      since: 1,
      translate: (node, builder) => {
        const training = onnxConstantNumbers(node, builder, 2)?.[0] ?? 0;
        if (training !== 0) builder.refuse("B104", "Dropout in training mode is not supported.");
        const x = onnxInput(node, builder, 0);
        const type = builder.type(x);
        builder.bind(onnxOutput(node), builder.add("identity", [x], {}, onnxOutput(node)));
        const maskElement = node.opset < 10 ? type.element : "bool";
        const ones = new Uint8Array(elementCount(type)).fill(1);
        bindExtra(
          node,
          builder,
          1,
          (name) => builder.addConstant(tensorOf(tensorType(maskElement, type.shape), ones), name)
        );
      }
    }
  ],
  infer: ({ operands }) => typeAt(operands, 0),
  evaluate: (context) => retyped(operandAt(context.operands, 0), context.type),
  decompose: ({ operands }) => operands[0],
  samples: unarySamples([-4, 4], "number")
});
var not = defineOperator({
  name: "not",
  summary: "Whether x is false.",
  runsOn: "folded",
  operands: ["x"],
  attributes: {},
  onnx: [directForm("Not", "not", 1)],
  infer: (context) => inferUnary("not", context, "bool"),
  evaluate: (context) => mapUnary(context, (x) => 1 - x),
  samples: (random) => [[4], [], [2, 3]].map((shape2) => ({ operands: [sampleTensor(random, tensorType("bool", shape2))], attributes: {} }))
});
var unaryOperators = [
  ...unaryTable.map(declareUnary).map((operator) => ({ ...operator, onnx: [...operator.onnx, ...activationForms[operator.name] ?? []] })),
  { ...relu, onnx: [...relu.onnx, ...activationForms.relu ?? []] },
  leakyRelu,
  { ...clip, onnx: [...clip.onnx, ...activationForms.clip ?? []] },
  geluOperator,
  power,
  identity,
  not
];

// ir/ops/elementwise.ts
var elementwiseOperators = [...unaryOperators, ...binaryOperators];

// ir/ops/movement-values.ts
function applyMovement(movement, operands, type) {
  const data = allocateData(type.element, elementCount(type));
  if (movement.fill !== null) data.fill(at(elementsOf(type.element, [movement.fill]), 0));
  for (const piece of movement.pieces) copyPiece(piece, operandAt(operands, piece.operand).data, data);
  return { type, data };
}
var blockCount = 32;
function copyPiece(piece, source, destination) {
  const { counts, sourceStrides, destinationStrides } = piece;
  const last = counts.length - 1;
  const across = sourceStrides.indexOf(1);
  const blocked = across >= 0 && across !== last && at(counts, across) > 1 && at(counts, last) > 1;
  const outer = counts.flatMap(
    (_, dimension) => dimension === last || blocked && dimension === across ? [] : [dimension]
  );
  const rows = (from, to, firstRow, rowEnd, firstColumn, columnCount) => {
    const [sourceStep, destinationStep] = [at(sourceStrides, last), at(destinationStrides, last)];
    for (let row = firstRow; row < rowEnd; row += 1) {
      const start = from + row + firstColumn * sourceStep;
      const end = to + row * at(destinationStrides, across) + firstColumn * destinationStep;
      copyRow(source, start, sourceStep, destination, end, destinationStep, columnCount);
    }
  };
  const copy = (level, from, to) => {
    const dimension = outer[level];
    if (dimension !== void 0) {
      for (let i = 0; i < at(counts, dimension); i += 1) {
        copy(level + 1, from + i * at(sourceStrides, dimension), to + i * at(destinationStrides, dimension));
      }
    } else if (blocked) {
      const [rowCount, columnCount] = [at(counts, across), at(counts, last)];
      for (let row = 0; row < rowCount; row += blockCount) {
        for (let column = 0; column < columnCount; column += blockCount) {
          rows(from, to, row, Math.min(rowCount, row + blockCount), column, Math.min(blockCount, columnCount - column));
        }
      }
    } else
      copyRow(source, from, at(sourceStrides, last), destination, to, at(destinationStrides, last), at(counts, last));
  };
  copy(0, piece.sourceOffset, piece.destinationOffset);
}
function copyRow(source, from, sourceStride, destination, to, destinationStride, count) {
  if (sourceStride === 1 && destinationStride === 1 && count > blockCount) {
    destination.set(source.subarray(from, from + count), to);
    return;
  }
  for (let i = 0; i < count; i += 1)
    destination[to + i * destinationStride] = source[from + i * sourceStride];
}
function fillOf(type, value) {
  const { element: element2, quantization } = type;
  if (quantization === null || isFloat(element2)) return value;
  const { low, high } = integerRange(element2);
  const steps = value / at(quantization.scales, 0);
  const floor = Math.floor(steps);
  const up = steps - floor > 0.5 || steps - floor === 0.5 && floor % 2 !== 0;
  return clamp(floor + (up ? 1 : 0) + at(quantization.zeros, 0), low, high);
}

// ir/ops/movement-declaration.ts
function defineMovement(declaration) {
  const evaluate = ({ operands, attributes, type }) => {
    const types = operands.map((operand) => operand?.type ?? null);
    return applyMovement(declaration.movement({ operands: types, attributes, type }), operands, type);
  };
  return defineOperator({ ...declaration, runsOn: "movement", evaluate });
}
function covering(pieces) {
  return { pieces, fill: null };
}
function withShape(type, shape2, moved) {
  const quantization = type.quantization;
  const axis = quantization?.axis ?? null;
  return tensorType(
    type.element,
    shape2,
    quantization === null || axis === null ? quantization : moved(quantization, axis)
  );
}
function pickScales(quantization, indexes) {
  return {
    axis: quantization.axis,
    scales: indexes.map((index) => at(quantization.scales, Math.max(0, index))),
    zeros: indexes.map((index) => at(quantization.zeros, Math.max(0, index)))
  };
}
function refuse(message) {
  throw problem("B202", message);
}
function indexList(count) {
  return Array.from({ length: count }, (_, index) => index);
}
function floatSamples(cases) {
  return (random) => cases.map(([shapes, attributes]) => ({ operands: shapes.map((shape2) => sampleFloats(random, shape2)), attributes }));
}

// ir/ops/movement-onnx.ts
function dataForm(operator, since, write, until) {
  const translate = (node, builder) => {
    const data = onnxInput(node, builder, 0);
    bindOnly(node, builder, write(node, builder, data, builder.type(data).shape));
  };
  return until === void 0 ? { operator, since, translate } : { operator, since, until, translate };
}
function integersBy(node, builder, name, index, inputSince) {
  return node.opset < inputSince ? onnxIntegers(node, builder, name) : onnxConstantNumbers(node, builder, index);
}
function required(value, node, builder, what) {
  return value ?? builder.refuse("B111", `${node.operator} needs ${what}.`);
}
function reshapeTo(node, builder, data, shape2) {
  return builder.add("reshape", [data], { shape: shape2 }, onnxOutput(node));
}
var transposeForms = [
  dataForm("Transpose", 1, (node, builder, data, shape2) => {
    const permutation = onnxIntegers(node, builder, "perm") ?? shape2.map((_, axis) => shape2.length - 1 - axis);
    return builder.add("transpose", [data], { permutation }, onnxOutput(node));
  })
];
function resolveShape(shape2, wanted, allowZero, builder) {
  const sizes = wanted.map((size, axis) => {
    if (size !== 0 || allowZero) return size;
    return shape2[axis] ?? builder.refuse("B110", `Size 0 of axis ${axis} copies an axis that shape [${shape2.join(",")}] does not have.`);
  });
  const open = sizes.flatMap((size, axis) => size === -1 ? [axis] : []);
  if (open.length > 1) builder.refuse("B110", `Shape [${wanted.join(",")}] leaves more than one axis open.`);
  if (sizes.some((size) => size < -1)) builder.refuse("B110", `Shape [${wanted.join(",")}] has a size below -1.`);
  const rest = product(sizes.filter((size) => size !== -1));
  return sizes.map((size) => {
    if (size !== -1) return size;
    const remaining = rest === 0 ? 0 : product(shape2) / rest;
    if (Number.isInteger(remaining)) return remaining;
    return builder.refuse(
      "B110",
      `Shape [${shape2.join(",")}] cannot be reshaped to [${wanted.join(",")}]: ${product(shape2)} elements do not divide by ${rest}.`
    );
  });
}
function axesOf(node, builder, axes, rank) {
  const result = axes.map((axis) => normalizeAxis(axis, rank));
  if (new Set(result).size !== result.length)
    builder.refuse("B111", `${node.operator} names an axis twice: [${axes.join(",")}].`);
  return result;
}
function depthToSpace(node, builder, data, shape2) {
  const [batch, channels, height, width] = fourSizes(node, builder, shape2);
  const block = onnxInteger(node, builder, "blocksize");
  const depthFirst = onnxText(node, builder, "mode", "DCR") === "DCR";
  const inner = channels / block ** 2;
  if (block < 1 || !Number.isInteger(inner))
    return builder.refuse("B110", `${channels} channels do not divide by blocksize ${block} squared.`);
  const split = depthFirst ? [batch, block, block, inner, height, width] : [batch, inner, block, block, height, width];
  const permutation = depthFirst ? [0, 3, 4, 1, 5, 2] : [0, 1, 4, 2, 5, 3];
  const blocks = builder.add("reshape", [data], { shape: split });
  const moved = builder.add("transpose", [blocks], { permutation });
  return reshapeTo(node, builder, moved, [batch, inner, height * block, width * block]);
}
function spaceToDepth(node, builder, data, shape2) {
  const [batch, channels, height, width] = fourSizes(node, builder, shape2);
  const block = onnxInteger(node, builder, "blocksize");
  const [rows, columns] = [height / block, width / block];
  if (block < 1 || !Number.isInteger(rows) || !Number.isInteger(columns)) {
    return builder.refuse("B110", `${height}x${width} does not divide into blocks of ${block}.`);
  }
  const blocks = builder.add("reshape", [data], { shape: [batch, channels, rows, block, columns, block] });
  const moved = builder.add("transpose", [blocks], { permutation: [0, 3, 5, 1, 2, 4] });
  return reshapeTo(node, builder, moved, [batch, channels * block * block, rows, columns]);
}
function fourSizes(node, builder, shape2) {
  if (shape2.length !== 4)
    builder.refuse("B110", `${node.operator} takes a value of rank 4; found shape [${shape2.join(",")}].`);
  return [at(shape2, 0), at(shape2, 1), at(shape2, 2), at(shape2, 3)];
}
var reshapeForms = [
  dataForm("Reshape", 1, (node, builder, data, shape2) => {
    const wanted = required(integersBy(node, builder, "shape", 1, 5), node, builder, "a shape");
    const allowZero = node.opset >= 14 && onnxInteger(node, builder, "allowzero", 0) !== 0;
    return reshapeTo(node, builder, data, resolveShape(shape2, wanted, allowZero, builder));
  }),
  dataForm("Flatten", 1, (node, builder, data, shape2) => {
    const axis = onnxInteger(node, builder, "axis", 1);
    const split = axis < 0 ? axis + shape2.length : axis;
    if (split < 0 || split > shape2.length)
      builder.refuse("B111", `Axis ${axis} is outside a value of rank ${shape2.length}.`);
    return reshapeTo(node, builder, data, [product(shape2.slice(0, split)), product(shape2.slice(split))]);
  }),
  dataForm("Squeeze", 1, (node, builder, data, shape2) => {
    const named = integersBy(node, builder, "axes", 1, 13);
    const axes = named === null || named.length === 0 ? shape2.flatMap((size, axis) => size === 1 ? [axis] : []) : axesOf(node, builder, named, shape2.length);
    const wrong = axes.find((axis) => shape2[axis] !== 1);
    if (wrong !== void 0)
      builder.refuse(
        "B110",
        `Axis ${wrong} of shape [${shape2.join(",")}] has size ${shape2[wrong]}; Squeeze removes axes of size 1.`
      );
    return reshapeTo(
      node,
      builder,
      data,
      shape2.filter((_, axis) => !axes.includes(axis))
    );
  }),
  dataForm("Unsqueeze", 1, (node, builder, data, shape2) => {
    const named = required(integersBy(node, builder, "axes", 1, 13), node, builder, "axes");
    const rank = shape2.length + named.length;
    const axes = axesOf(node, builder, named, rank);
    const kept = [...shape2];
    const result = Array.from({ length: rank }, (_, axis) => axes.includes(axis) ? 1 : kept.shift() ?? 1);
    return reshapeTo(node, builder, data, result);
  }),
  dataForm("DepthToSpace", 1, depthToSpace),
  dataForm("SpaceToDepth", 1, spaceToDepth)
];
var concatForms = [
  {
    operator: "Concat",
    since: 1,
    translate: (node, builder) => {
      const parts = node.inputs.map((_, index) => onnxInput(node, builder, index));
      if (parts.length === 0) builder.refuse("B110", "Concat needs at least one input.");
      const axis = onnxInteger(node, builder, "axis", node.opset < 4 ? 1 : void 0);
      bindOnly(node, builder, builder.add("concat", parts, { axis }, onnxOutput(node)));
    }
  }
];
var farthest = 2 ** 53 - 1;
function slice(builder, data, starts, ends, axes, steps, name) {
  const safe = (list) => list.map((each) => Math.min(farthest, Math.max(-farthest, each)));
  return builder.add("slice", [data], { starts: safe(starts), ends: safe(ends), axes, steps: safe(steps) }, name);
}
function splitSizes(node, builder, size) {
  const named = integersBy(node, builder, "split", 1, 13);
  if (named !== null) {
    if (named.length !== node.outputs.length || sum(named) !== size || named.some((each) => each < 0)) {
      builder.refuse(
        "B110",
        `Split into [${named.join(",")}] does not fit ${node.outputs.length} outputs and an axis of size ${size}.`
      );
    }
    return named;
  }
  const count = onnxInteger(node, builder, "num_outputs", node.outputs.length);
  const chunk = count < 1 ? 0 : Math.ceil(size / count);
  const sizes = node.outputs.map((_, index) => Math.max(0, Math.min(chunk, size - index * chunk)));
  if (sum(sizes) === size) return sizes;
  return builder.refuse(
    "B111",
    `num_outputs is ${count}; ${node.outputs.length} outputs of at most ${chunk} do not make up an axis of size ${size}.`
  );
}
var sliceForms = [
  dataForm("Slice", 1, (node, builder, data, shape2) => {
    const starts = required(integersBy(node, builder, "starts", 1, 10), node, builder, "starts");
    const ends = required(integersBy(node, builder, "ends", 2, 10), node, builder, "ends");
    const axes = integersBy(node, builder, "axes", 3, 10) ?? starts.map((_, axis) => axis);
    const steps = (node.opset < 10 ? null : onnxConstantNumbers(node, builder, 4)) ?? starts.map(() => 1);
    return slice(
      builder,
      data,
      starts,
      ends,
      axes.map((axis) => normalizeAxis(axis, shape2.length)),
      steps,
      onnxOutput(node)
    );
  }),
  {
    operator: "Split",
    since: 2,
    translate: (node, builder) => {
      const data = onnxInput(node, builder, 0);
      const { shape: shape2 } = builder.type(data);
      const axis = normalizeAxis(onnxInteger(node, builder, "axis", 0), shape2.length);
      let start = 0;
      splitSizes(node, builder, at(shape2, axis)).forEach((size, index) => {
        const output = at(node.outputs, index);
        if (output !== "") builder.bind(output, slice(builder, data, [start], [start + size], [axis], [1], output));
        start += size;
      });
    }
  }
];
var padForms = [
  dataForm("Pad", 1, (node, builder, data, shape2) => {
    const name = node.opset < 2 ? "paddings" : "pads";
    const listed2 = required(integersBy(node, builder, name, 1, 11), node, builder, "pads");
    const rank = shape2.length;
    const named = node.opset < 18 ? null : onnxConstantNumbers(node, builder, 3);
    const axes = named === null ? shape2.map((_, axis) => axis) : axesOf(node, builder, named, rank);
    if (listed2.length !== 2 * axes.length) {
      builder.refuse(
        "B110",
        `Pads [${listed2.join(",")}] are ${listed2.length} numbers; ${axes.length} axes need ${2 * axes.length}.`
      );
    }
    const pads = new Array(2 * rank).fill(0);
    axes.forEach((axis, index) => {
      pads[axis] = at(listed2, index);
      pads[axis + rank] = at(listed2, index + axes.length);
    });
    const attribute = node.attributes.get("value");
    const value = node.opset < 11 ? typeof attribute === "number" ? attribute : 0 : onnxConstantNumbers(node, builder, 2)?.[0] ?? 0;
    const mode = onnxText(node, builder, "mode", "constant");
    return builder.add("pad", [data], { pads, mode, value }, onnxOutput(node));
  })
];
var expandForms = [
  dataForm("Expand", 8, (node, builder, data, shape2) => {
    const wanted = required(onnxConstantNumbers(node, builder, 1), node, builder, "a shape");
    return builder.add("expand", [data], { shape: broadcastShapes([shape2, wanted]) }, onnxOutput(node));
  })
];
var tileForms = [
  dataForm("Tile", 6, (node, builder, data) => {
    const repeats = required(onnxConstantNumbers(node, builder, 1), node, builder, "repeats");
    return builder.add("tile", [data], { repeats }, onnxOutput(node));
  })
];
var gatherForms = [
  dataForm("Gather", 1, (node, builder, data, shape2) => {
    const axis = normalizeAxis(onnxInteger(node, builder, "axis", 0), shape2.length);
    const indexValue = onnxInput(node, builder, 1);
    const name = onnxOutput(node);
    if (builder.constant(indexValue) === null) return builder.add("gather_data", [data, indexValue], { axis }, name);
    const indices = required(onnxConstantNumbers(node, builder, 1), node, builder, "indices");
    return builder.add("gather", [data], { axis, indices, indexShape: builder.type(indexValue).shape }, name);
  })
];

// ir/ops/movement-rearrange.ts
var transpose = defineMovement({
  name: "transpose",
  summary: "Reorders axes: result axis i is operand axis permutation[i].",
  operands: ["data"],
  attributes: { permutation: { form: "integers" } },
  onnx: transposeForms,
  infer: (context) => {
    const type = typeAt(context.operands, 0);
    const permutation = numbersOf(context.attributes, "permutation");
    const sorted = [...permutation].sort((a, b) => a - b);
    if (permutation.length !== type.shape.length || sorted.some((axis, index) => axis !== index)) {
      refuse(`[${permutation.join(",")}] is not a permutation of the axes of shape [${type.shape.join(",")}].`);
    }
    const shape2 = permutation.map((axis) => at(type.shape, axis));
    return withShape(type, shape2, (quantization) => ({
      ...quantization,
      axis: permutation.indexOf(quantization.axis ?? 0)
    }));
  },
  movement: (context) => {
    const strides = rowMajorStrides(typeAt(context.operands, 0).shape);
    const { shape: shape2 } = context.type;
    if (product(shape2) === 0) return covering([]);
    return covering([
      withoutUnitDimensions({
        operand: 0,
        counts: shape2,
        sourceOffset: 0,
        sourceStrides: numbersOf(context.attributes, "permutation").map((axis) => at(strides, axis)),
        destinationOffset: 0,
        destinationStrides: rowMajorStrides(shape2)
      })
    ]);
  },
  samples: floatSamples([
    [[[2, 3]], { permutation: [1, 0] }],
    [[[2, 3, 4]], { permutation: [2, 0, 1] }],
    [[[1, 4, 2, 3]], { permutation: [0, 2, 3, 1] }]
  ])
});
var reshape = defineMovement({
  name: "reshape",
  summary: "Gives the same elements in the same order another shape.",
  operands: ["data"],
  attributes: { shape: { form: "integers" } },
  onnx: reshapeForms,
  infer: (context) => {
    const type = typeAt(context.operands, 0);
    const shape2 = numbersOf(context.attributes, "shape");
    if (product(shape2) !== product(type.shape) || shape2.some((size) => size < 0)) {
      refuse(`Shape [${type.shape.join(",")}] cannot be reshaped to [${shape2.join(",")}]: the element counts differ.`);
    }
    return withShape(type, shape2, (quantization) => {
      const axis = quantization.axis ?? 0;
      const before = product(type.shape.slice(0, axis));
      const size = at(type.shape, axis);
      const kept = shape2.findIndex((each, index) => each === size && product(shape2.slice(0, index)) === before);
      if (kept < 0)
        refuse(
          `Reshaping [${type.shape.join(",")}] to [${shape2.join(",")}] breaks up axis ${axis}, which has a scale for each index.`
        );
      return { ...quantization, axis: kept };
    });
  },
  movement: (context) => covering(reshapePieces(typeAt(context.operands, 0).shape, context.type.shape)),
  samples: floatSamples([
    [[[6, 4]], { shape: [3, 8] }],
    [[[2, 3]], { shape: [3, 2] }],
    [[[1, 2, 3]], { shape: [6] }]
  ])
});
var concat = defineMovement({
  name: "concat",
  summary: "Puts operands of one type, which agree in all other axes, one after the other along an axis.",
  operands: ["...parts"],
  attributes: { axis: { form: "integer" } },
  onnx: concatForms,
  infer: (context) => {
    const type = typeAt(context.operands, 0);
    const axis = normalizeAxis(numberOf(context.attributes, "axis"), type.shape.length);
    const parts = context.operands.map((part) => part ?? refuse("An operand of concat is missing."));
    for (const part of parts) {
      const fits = part.shape.length === type.shape.length && part.shape.every((size, index) => index === axis || size === type.shape[index]);
      if (!fits || part.element !== type.element) {
        refuse(
          `${part.element}[${part.shape.join(",")}] and ${type.element}[${type.shape.join(",")}] cannot be joined along axis ${axis}.`
        );
      }
    }
    const shape2 = type.shape.map(
      (size, index) => index === axis ? sum(parts.map((part) => at(part.shape, axis))) : size
    );
    return tensorType(type.element, shape2, joinedQuantization(parts, axis));
  },
  movement: (context) => {
    const { shape: shape2 } = context.type;
    const axis = normalizeAxis(numberOf(context.attributes, "axis"), shape2.length);
    let start = 0;
    const pieces = context.operands.flatMap((part, operand) => {
      const partShape = part?.shape ?? [];
      const count = at(partShape, axis);
      const runs = shape2.map(
        (size, index) => index === axis ? [{ destination: start, source: 0, step: 1, count }] : wholeRun(size)
      );
      start += count;
      return axisPieces(runs, partShape, shape2, operand);
    });
    return covering(pieces);
  },
  samples: floatSamples([
    [
      [
        [2, 3],
        [2, 1]
      ],
      { axis: 1 }
    ],
    [
      [
        [1, 2, 2],
        [3, 2, 2],
        [2, 2, 2]
      ],
      { axis: 0 }
    ],
    [[[4], [2]], { axis: -1 }]
  ])
});
function joinedQuantization(parts, axis) {
  const first = parts[0]?.quantization ?? null;
  const quantizations = parts.map((part) => part.quantization);
  if (first !== null && quantizations.every((each) => each?.axis === axis)) {
    return {
      axis,
      scales: quantizations.flatMap((each) => each?.scales ?? []),
      zeros: quantizations.flatMap((each) => each?.zeros ?? [])
    };
  }
  if (quantizations.some((each) => JSON.stringify(each) !== JSON.stringify(first))) {
    refuse("Operands of concat have different scales or zero points; they must be requantized first.");
  }
  return first;
}
var expand = defineMovement({
  name: "expand",
  summary: "Repeats axes of size 1, and leads with new ones, until the shape is reached.",
  operands: ["data"],
  attributes: { shape: { form: "integers" } },
  onnx: expandForms,
  infer: (context) => {
    const type = typeAt(context.operands, 0);
    const shape2 = numbersOf(context.attributes, "shape");
    const lead = shape2.length - type.shape.length;
    if (lead < 0 || type.shape.some((size, axis) => size !== 1 && size !== shape2[axis + lead])) {
      refuse(`Shape [${type.shape.join(",")}] cannot be expanded to [${shape2.join(",")}].`);
    }
    return withShape(type, shape2, (quantization) => {
      const axis = (quantization.axis ?? 0) + lead;
      const repeated = at(type.shape, axis - lead) === 1;
      return {
        ...pickScales(
          quantization,
          indexList(at(shape2, axis)).map((index) => repeated ? 0 : index)
        ),
        axis
      };
    });
  },
  movement: (context) => {
    const { shape: shape2 } = context.type;
    const source = typeAt(context.operands, 0).shape;
    const lead = shape2.length - source.length;
    const runs = shape2.map((count, axis) => [
      { destination: 0, source: 0, step: axis < lead || source[axis - lead] === 1 ? 0 : 1, count }
    ]);
    return covering(axisPieces(runs, [...new Array(lead).fill(1), ...source], shape2));
  },
  samples: floatSamples([
    [[[3, 1]], { shape: [3, 4] }],
    [[[1, 2]], { shape: [2, 3, 2] }],
    [[[]], { shape: [2, 2] }]
  ])
});
var tile = defineMovement({
  name: "tile",
  summary: "Repeats the whole operand along each axis.",
  operands: ["data"],
  attributes: { repeats: { form: "integers" } },
  onnx: tileForms,
  infer: (context) => {
    const type = typeAt(context.operands, 0);
    const repeats = numbersOf(context.attributes, "repeats");
    if (repeats.length !== type.shape.length || repeats.some((count) => count < 0)) {
      refuse(
        `Shape [${type.shape.join(",")}] needs ${type.shape.length} repeats of at least 0; found [${repeats.join(",")}].`
      );
    }
    const shape2 = type.shape.map((size, axis) => size * at(repeats, axis));
    return withShape(type, shape2, (quantization) => {
      const axis = quantization.axis ?? 0;
      return pickScales(
        quantization,
        indexList(at(shape2, axis)).map((index) => index % at(type.shape, axis))
      );
    });
  },
  movement: (context) => {
    const { shape: shape2 } = typeAt(context.operands, 0);
    if (product(context.type.shape) === 0) return covering([]);
    const repeats = numbersOf(context.attributes, "repeats");
    const sourceStrides = rowMajorStrides(shape2);
    const destinationStrides = rowMajorStrides(context.type.shape);
    return covering([
      withoutUnitDimensions({
        operand: 0,
        counts: shape2.flatMap((size, axis) => [at(repeats, axis), size]),
        sourceOffset: 0,
        sourceStrides: sourceStrides.flatMap((stride) => [0, stride]),
        destinationOffset: 0,
        destinationStrides: destinationStrides.flatMap((stride, axis) => [stride * at(shape2, axis), stride])
      })
    ]);
  },
  samples: floatSamples([
    [[[2, 3]], { repeats: [2, 1] }],
    [[[2, 2]], { repeats: [3, 2] }],
    [[[1, 3]], { repeats: [4, 1] }]
  ])
});

// ir/ops/movement-select.ts
function sliceRun(size, start, end, step) {
  if (step === 0) refuse("A slice cannot have step 0.");
  const forward = step > 0;
  const resolve = (position, low, high) => clamp(position < 0 ? position + size : position, low, high);
  const first = forward ? resolve(start, 0, size) : resolve(start, -1, size - 1);
  const last = forward ? resolve(end, 0, size) : resolve(end, -1, size - 1);
  return { destination: 0, source: first, step, count: Math.max(0, Math.ceil((last - first) / step)) };
}
function sliceRuns(shape2, attributes) {
  const [starts, ends, axes, steps] = ["starts", "ends", "axes", "steps"].map(
    (name) => numbersOf(attributes, name)
  );
  if ([ends, axes, steps].some((list) => list.length !== starts.length)) {
    refuse(
      `A slice needs as many starts (${starts.length}) as ends (${ends.length}), axes (${axes.length}) and steps (${steps.length}).`
    );
  }
  const normalized = axes.map((axis) => normalizeAxis(axis, shape2.length));
  if (new Set(normalized).size !== normalized.length) refuse(`A slice names an axis twice: [${axes.join(",")}].`);
  return shape2.map((size, axis) => {
    const index = normalized.indexOf(axis);
    if (index < 0) return { destination: 0, source: 0, step: 1, count: size };
    return sliceRun(size, at(starts, index), at(ends, index), at(steps, index));
  });
}
var slice2 = defineMovement({
  name: "slice",
  summary: "Takes every step-th index from start to before end along the named axes; positions below zero count from the end.",
  operands: ["data"],
  attributes: {
    starts: { form: "integers" },
    ends: { form: "integers" },
    axes: { form: "integers" },
    steps: { form: "integers" }
  },
  onnx: sliceForms,
  infer: (context) => {
    const type = typeAt(context.operands, 0);
    const runs = sliceRuns(type.shape, context.attributes);
    return withShape(
      type,
      runs.map((run) => run.count),
      (quantization) => {
        const run = at(runs, quantization.axis ?? 0);
        return pickScales(
          quantization,
          indexList(run.count).map((index) => run.source + index * run.step)
        );
      }
    );
  },
  movement: (context) => {
    const { shape: shape2 } = typeAt(context.operands, 0);
    const runs = sliceRuns(shape2, context.attributes).map((run) => [run]);
    return covering(axisPieces(runs, shape2, context.type.shape));
  },
  samples: floatSamples([
    [[[5, 4]], { starts: [1], ends: [4], axes: [0], steps: [2] }],
    [[[3, 6]], { starts: [0, 1], ends: [2, 6], axes: [0, 1], steps: [1, 3] }],
    [[[2, 5]], { starts: [4], ends: [-6], axes: [1], steps: [-1] }]
  ])
});
function padRuns(size, before, after, mode) {
  const count = Math.max(0, size + before + after);
  if (mode === "constant") {
    const destination = Math.max(0, before);
    const source = Math.max(0, -before);
    return [{ destination, source, step: 1, count: Math.min(size - source, count - destination) }];
  }
  if (size === 0 && count > 0) refuse(`Mode ${mode} cannot pad an axis of size 0.`);
  const period = 2 * (size - 1);
  return axisRuns(
    indexList(count).map((index) => {
      const position = index - before;
      if (mode === "edge") return clamp(position, 0, size - 1);
      if (mode === "wrap") return (position % size + size) % size;
      if (size === 1) return 0;
      const folded = (position % period + period) % period;
      return folded < size ? folded : period - folded;
    })
  );
}
var pad = defineMovement({
  name: "pad",
  summary: "Adds (or, where negative, removes) indexes before and after each axis: a value, a mirror, the edge or a repetition.",
  operands: ["data"],
  attributes: {
    pads: { form: "integers" },
    mode: { form: "text", default: "constant" },
    value: { form: "number", default: 0 }
  },
  onnx: padForms,
  infer: (context) => {
    const type = typeAt(context.operands, 0);
    const rank = type.shape.length;
    const pads = numbersOf(context.attributes, "pads");
    const mode = textOf(context.attributes, "mode");
    if (!["constant", "reflect", "edge", "wrap"].includes(mode))
      refuse(`Mode "${mode}" is not constant, reflect, edge or wrap.`);
    if (pads.length !== 2 * rank) refuse(`A value of rank ${rank} needs ${2 * rank} pads; found ${pads.length}.`);
    const shape2 = type.shape.map((size, axis) => size + at(pads, axis) + at(pads, axis + rank));
    if (shape2.some((size) => size < 0))
      refuse(`Pads [${pads.join(",")}] remove more than shape [${type.shape.join(",")}] has.`);
    return withShape(type, shape2, (quantization) => {
      const axis = quantization.axis ?? 0;
      const picked = new Array(at(shape2, axis)).fill(-1);
      for (const run of padRuns(at(type.shape, axis), at(pads, axis), at(pads, axis + rank), mode)) {
        for (const index of indexList(run.count)) picked[run.destination + index] = run.source + index * run.step;
      }
      return pickScales(quantization, picked);
    });
  },
  movement: (context) => {
    const { shape: shape2 } = typeAt(context.operands, 0);
    const pads = numbersOf(context.attributes, "pads");
    const mode = textOf(context.attributes, "mode");
    const runs = shape2.map((size, axis) => padRuns(size, at(pads, axis), at(pads, axis + shape2.length), mode));
    const pieces = axisPieces(runs, shape2, context.type.shape);
    const fills = mode === "constant" && pads.some((count) => count > 0);
    return { pieces, fill: fills ? fillOf(context.type, numberOf(context.attributes, "value")) : null };
  },
  samples: floatSamples([
    [[[2, 3]], { pads: [1, 0, 0, 2], mode: "constant", value: 0.5 }],
    [[[1, 2, 4]], { pads: [0, 1, 3, 0, 1, 2], mode: "reflect", value: 0 }],
    [[[3, 3]], { pads: [2, -1, 1, 2], mode: "edge", value: 0 }]
  ])
});
function gatherIndexes(attributes, size) {
  return numbersOf(attributes, "indices").map((index) => {
    if (index < -size || index >= size) refuse(`Index ${index} is outside an axis of size ${size}.`);
    return index < 0 ? index + size : index;
  });
}
function gatheredShape(shape2, axis, indexShape) {
  return [...shape2.slice(0, axis), ...indexShape, ...shape2.slice(axis + 1)];
}
var gather = defineMovement({
  name: "gather",
  summary: "Takes the listed indexes of an axis, which is replaced by the axes of indexShape.",
  operands: ["data"],
  attributes: { axis: { form: "integer" }, indices: { form: "integers" }, indexShape: { form: "integers" } },
  onnx: gatherForms,
  infer: (context) => {
    const type = typeAt(context.operands, 0);
    const axis = normalizeAxis(numberOf(context.attributes, "axis"), type.shape.length);
    const indexes = gatherIndexes(context.attributes, at(type.shape, axis));
    const indexShape = numbersOf(context.attributes, "indexShape");
    if (product(indexShape) !== indexes.length) {
      refuse(`Shape [${indexShape.join(",")}] of the indices does not hold ${indexes.length} of them.`);
    }
    return withShape(type, gatheredShape(type.shape, axis, indexShape), (quantization) => {
      const scaled2 = quantization.axis ?? 0;
      if (scaled2 !== axis) return { ...quantization, axis: scaled2 < axis ? scaled2 : scaled2 + indexShape.length - 1 };
      if (indexShape.length === 0)
        return {
          axis: null,
          scales: pickScales(quantization, indexes).scales,
          zeros: pickScales(quantization, indexes).zeros
        };
      if (indexShape.length > 1)
        refuse("An axis that has a scale for each index can only be gathered by a list of indices.");
      return pickScales(quantization, indexes);
    });
  },
  movement: (context) => {
    const { shape: shape2 } = typeAt(context.operands, 0);
    const axis = normalizeAxis(numberOf(context.attributes, "axis"), shape2.length);
    const runs = axisRuns(gatherIndexes(context.attributes, at(shape2, axis)));
    const flat = shape2.map((size, index) => index === axis ? numbersOf(context.attributes, "indices").length : size);
    return covering(
      axisPieces(
        shape2.map((size, index) => index === axis ? runs : wholeRun(size)),
        shape2,
        flat
      )
    );
  },
  samples: floatSamples([
    [[[5, 2]], { axis: 0, indices: [4, 0, 2], indexShape: [3] }],
    [[[2, 6]], { axis: 1, indices: [-1, 1, 3, 5], indexShape: [2, 2] }],
    [[[3, 4]], { axis: 0, indices: [1], indexShape: [] }]
  ])
});

// ir/ops/movement.ts
var movementOperators = [transpose, reshape, slice2, concat, pad, expand, tile, gather];

// ir/ops/normalization-softmax.ts
function around(shape2, axis) {
  return { outer: product(shape2.slice(0, axis)), size: at(shape2, axis), inner: product(shape2.slice(axis + 1)) };
}
function softmaxAxis(attributes, type) {
  return normalizeAxis(numberOf(attributes, "axis"), type.shape.length);
}
function evaluateSoftmax({ operands, attributes, type }, logarithm) {
  const values = tensorNumbers(operandAt(operands, 0));
  const { outer, size, inner } = around(type.shape, softmaxAxis(attributes, type));
  const results = new Float64Array(values.length);
  for (let line = 0; line < outer * inner; line += 1) {
    const start = Math.floor(line / inner) * size * inner + line % inner;
    const end = start + size * inner;
    let greatest = Number.NEGATIVE_INFINITY;
    for (let index = start; index < end; index += inner) greatest = Math.max(greatest, values[index]);
    let total = 0;
    for (let index = start; index < end; index += inner) {
      const shifted = values[index] - greatest;
      results[index] = logarithm ? shifted : Math.exp(shifted);
      total += Math.exp(shifted);
    }
    const logTotal = Math.log(total);
    for (let index = start; index < end; index += inner) {
      const value = results[index];
      results[index] = logarithm ? value - logTotal : value / total;
    }
  }
  return tensorOf(type, results);
}
function softmaxForm(operator, op) {
  return compositeForm(operator, 1, (node, builder, name) => {
    const x = onnxInput(node, builder, 0);
    const { shape: shape2 } = builder.type(x);
    if (node.opset >= 13) return builder.add(op, [x], { axis: onnxInteger(node, builder, "axis", -1) }, name);
    const given = onnxInteger(node, builder, "axis", 1);
    const axis = given < 0 ? given + shape2.length : given;
    if (product(shape2.slice(axis)) === shape2[axis]) return builder.add(op, [x], { axis }, name);
    const flat = builder.add("reshape", [x], { shape: [product(shape2.slice(0, axis)), product(shape2.slice(axis))] });
    return builder.add("reshape", [builder.add(op, [flat], { axis: 1 })], { shape: shape2 }, name);
  });
}
var softmaxSamples = (random) => [
  { operands: [sampleFloats(random, [2, 5])], attributes: { axis: -1 } },
  { operands: [sampleFloats(random, [2, 3, 4])], attributes: { axis: 1 } },
  { operands: [sampleFloats(random, [6], -30, 30)], attributes: { axis: 0 } }
];
var softmax = defineOperator({
  name: "softmax",
  summary: "e^x divided by its sum along an axis.",
  runsOn: "folded",
  operands: ["x"],
  attributes: { axis: { form: "integer", default: -1 } },
  onnx: [softmaxForm("Softmax", "softmax")],
  infer: (context) => {
    const type = inferUnary("softmax", context, "float");
    softmaxAxis(context.attributes, type);
    return type;
  },
  evaluate: (context) => evaluateSoftmax(context, false),
  decompose: ({ operands, attributes, type }, builder) => {
    const axes = { axes: [softmaxAxis(attributes, type)], keepdims: true };
    const x = operands[0];
    const powers = builder.add("exp", [builder.add("sub", [x, builder.add("reduce_max", [x], axes)])]);
    return builder.add("div", [powers, builder.add("reduce_sum", [powers], axes)]);
  },
  samples: softmaxSamples
});
var logSoftmax = defineOperator({
  name: "log_softmax",
  summary: "The logarithm of softmax along an axis.",
  runsOn: "folded",
  operands: ["x"],
  attributes: { axis: { form: "integer", default: -1 } },
  onnx: [softmaxForm("LogSoftmax", "log_softmax")],
  infer: (context) => {
    const type = inferUnary("log_softmax", context, "float");
    softmaxAxis(context.attributes, type);
    return type;
  },
  evaluate: (context) => evaluateSoftmax(context, true),
  decompose: ({ operands, attributes, type }, builder) => {
    const axes = { axes: [softmaxAxis(attributes, type)], keepdims: true };
    const x = operands[0];
    const shifted = builder.add("sub", [x, builder.add("reduce_max", [x], axes)]);
    const total = builder.add("reduce_sum", [builder.add("exp", [shifted])], axes);
    return builder.add("sub", [shifted, builder.add("log", [total])]);
  },
  samples: softmaxSamples
});
var softmaxOperators = [softmax, logSoftmax];

// ir/ops/normalization.ts
function writeDeviation(x, axes, epsilon, builder) {
  const over = { axes, keepdims: true };
  const centred = builder.add("sub", [x, builder.add("reduce_mean", [x], over)]);
  const variance = builder.add("reduce_mean", [builder.add("mul", [centred, centred])], over);
  return { centred, deviation: builder.add("sqrt", [builder.add("add", [variance, scalarLike(builder, x, epsilon)])]) };
}
function writeStandardized(x, axes, epsilon, builder) {
  const { centred, deviation } = writeDeviation(x, axes, epsilon, builder);
  return builder.add("div", [centred, deviation]);
}
function writeScaled(x, scale2, bias, builder, name) {
  const last = (isLast) => isLast && name !== void 0 ? [name] : [];
  const scaled2 = scale2 === null ? x : builder.add("mul", [x, scale2], {}, ...last(bias === null));
  return bias === null ? scaled2 : builder.add("add", [scaled2, bias], {}, ...last(true));
}
function standardizeLines(values, length, epsilon) {
  const results = new Float64Array(values.length);
  for (let start = 0; start < values.length; start += length) {
    let mean2 = 0;
    for (let index = start; index < start + length; index += 1) mean2 += values[index] / length;
    let variance = 0;
    for (let index = start; index < start + length; index += 1)
      variance += (values[index] - mean2) ** 2 / length;
    const deviation = Math.sqrt(variance + epsilon);
    for (let index = start; index < start + length; index += 1)
      results[index] = (values[index] - mean2) / deviation;
  }
  return results;
}
function normalizedAxes(attributes, type) {
  const first = normalizeAxis(numberOf(attributes, "axis"), type.shape.length);
  return type.shape.flatMap((_, axis) => axis < first ? [] : [axis]);
}
var layerNorm = defineOperator({
  name: "layer_norm",
  summary: "(x \u2212 mean) \xF7 \u221A(variance + epsilon) over the axes from `axis` on, times scale, plus bias.",
  runsOn: "folded",
  operands: ["x", "scale", "bias?"],
  attributes: { axis: { form: "integer", default: -1 }, epsilon: { form: "number", default: 1e-5 } },
  onnx: [
    {
      operator: "LayerNormalization",
      since: 17,
      translate: (node, builder) => {
        const x = onnxInput(node, builder, 0);
        const attributes = {
          axis: onnxInteger(node, builder, "axis", -1),
          epsilon: onnxNumber(node, builder, "epsilon", 1e-5)
        };
        const operands = [x, onnxInput(node, builder, 1), onnxOptional(node, 2)];
        builder.bind(onnxOutput(node), builder.add("layer_norm", operands, attributes, onnxOutput(node)));
        const over = { axes: normalizedAxes(attributes, builder.type(x)), keepdims: true };
        bindExtra(node, builder, 1, (name) => builder.add("reduce_mean", [x], over, name));
        bindExtra(node, builder, 2, (name) => {
          const { deviation } = writeDeviation(x, over.axes, attributes.epsilon, builder);
          return builder.add("reciprocal", [deviation], {}, name);
        });
      }
    },
    compositeForm("InstanceNormalization", 1, (node, builder, name) => {
      const x = onnxInput(node, builder, 0);
      const { shape: shape2 } = builder.type(x);
      const axes = shape2.flatMap((_, axis) => axis < 2 ? [] : [axis]);
      const standard = writeStandardized(x, axes, onnxNumber(node, builder, "epsilon", 1e-5), builder);
      const [scale2, bias] = [1, 2].map(
        (index) => alongChannels(onnxInput(node, builder, index), shape2.length, builder)
      );
      return writeScaled(standard, scale2 ?? null, bias ?? null, builder, name);
    }),
    compositeForm("GroupNormalization", 18, (node, builder, name) => {
      const x = onnxInput(node, builder, 0);
      const { shape: shape2 } = builder.type(x);
      const groups = onnxInteger(node, builder, "num_groups");
      const [batch, channels] = [at(shape2, 0), at(shape2, 1)];
      const grouped = builder.add("reshape", [x], { shape: [batch, groups, product(shape2.slice(1)) / groups] });
      const standard = writeStandardized(grouped, [2], onnxNumber(node, builder, "epsilon", 1e-5), builder);
      if (node.opset < 21) {
        const [scale3, bias2] = [1, 2].map((index) => alongChannels(onnxInput(node, builder, index), 3, builder));
        return builder.add("reshape", [writeScaled(standard, scale3 ?? null, bias2 ?? null, builder)], { shape: shape2 }, name);
      }
      const flat = builder.add("reshape", [standard], { shape: [batch, channels, ...shape2.slice(2)] });
      const [scale2, bias] = [1, 2].map(
        (index) => alongChannels(onnxInput(node, builder, index), shape2.length, builder)
      );
      return writeScaled(flat, scale2 ?? null, bias ?? null, builder, name);
    })
  ],
  infer: (context) => {
    const type = inferUnary("layer_norm", context, "float");
    normalizeAxis(numberOf(context.attributes, "axis"), type.shape.length);
    for (const operand of context.operands.slice(1)) {
      if (operand === null) continue;
      const fits = operand.element === type.element && sameNumbers(broadcastShapes([type.shape, operand.shape]), type.shape);
      if (!fits) {
        throw problem(
          "B202",
          `"layer_norm" of ${formatType(type)} got ${formatType(operand)}, expected ${type.element} that broadcasts to its shape.`
        );
      }
    }
    return type;
  },
  evaluate: ({ operands, attributes, type }) => {
    const x = operandAt(operands, 0);
    const length = product(normalizedAxes(attributes, type).map((axis) => at(type.shape, axis)));
    const results = standardizeLines(tensorNumbers(x), length, numberOf(attributes, "epsilon"));
    const [scale2, bias] = [1, 2].map((index) => spread(operands[index] ?? null, type.shape));
    for (let index = 0; index < results.length; index += 1) {
      results[index] = results[index] * (scale2?.[index] ?? 1) + (bias?.[index] ?? 0);
    }
    return tensorOf(type, results);
  },
  decompose: ({ operands, attributes, type }, builder) => {
    const [x, scale2, bias] = operands;
    const standard = writeStandardized(
      x,
      normalizedAxes(attributes, type),
      numberOf(attributes, "epsilon"),
      builder
    );
    return writeScaled(standard, scale2 ?? null, bias ?? null, builder);
  },
  samples: (random) => [
    { operands: [sampleFloats(random, [2, 6]), sampleFloats(random, [6]), sampleFloats(random, [6])], attributes: {} },
    {
      operands: [sampleFloats(random, [2, 3, 4]), sampleFloats(random, [3, 4]), null],
      attributes: { axis: 1, epsilon: 0.01 }
    },
    {
      operands: [sampleFloats(random, [4, 5]), sampleFloats(random, [1]), sampleFloats(random, [5])],
      attributes: { axis: -1 }
    }
  ]
});
function spread(operand, shape2) {
  if (operand === null) return null;
  const values = tensorNumbers(operand);
  const offsets = broadcastOffsets(operand.type.shape, shape2);
  return offsets === null ? values : Float64Array.from(offsets, (offset) => values[offset]);
}
function alongChannels(value, rank, builder) {
  const { shape: shape2 } = builder.type(value);
  return rank === 2 ? value : builder.add("reshape", [value], { shape: [product(shape2), ...new Array(rank - 2).fill(1)] });
}
var batchNorm = defineOperator({
  name: "batch_norm",
  summary: "(x \u2212 mean) \xF7 \u221A(variance + epsilon) \xB7 scale + bias, with given mean and variance for each index of axis 1.",
  runsOn: "folded",
  operands: ["x", "scale", "bias", "mean", "variance"],
  attributes: { epsilon: { form: "number", default: 1e-5 } },
  onnx: [
    compositeForm("BatchNormalization", 1, (node, builder, name) => {
      if (node.opset >= 14 && onnxInteger(node, builder, "training_mode", 0) === 1) {
        builder.refuse("B104", "BatchNormalization in training mode is not supported.");
      }
      if (node.opset < 9 && onnxInteger(node, builder, "spatial", 1) === 0) {
        builder.refuse("B104", "BatchNormalization with spatial = 0 is not supported.");
      }
      const operands = [0, 1, 2, 3, 4].map((index) => onnxInput(node, builder, index));
      return builder.add("batch_norm", operands, { epsilon: onnxNumber(node, builder, "epsilon", 1e-5) }, name);
    })
  ],
  infer: (context) => {
    const type = inferUnary("batch_norm", context, "float");
    const channels = type.shape[1];
    for (const operand of context.operands.slice(1)) {
      if (channels === void 0 || operand === null || operand.shape.length !== 1 || operand.shape[0] !== channels || operand.element !== type.element) {
        throw problem(
          "B202",
          `"batch_norm" of ${formatType(type)} got ${operand === null ? "nothing" : formatType(operand)}, expected ${type.element}[${channels ?? "axis 1"}].`
        );
      }
    }
    return type;
  },
  evaluate: ({ operands, attributes, type }) => {
    const values = tensorNumbers(operandAt(operands, 0));
    const [scale2, bias, mean2, variance] = [1, 2, 3, 4].map((index) => tensorNumbers(operandAt(operands, index)));
    const { size, inner } = around(type.shape, 1);
    const epsilon = numberOf(attributes, "epsilon");
    const results = new Float64Array(elementCount(type));
    for (let plane = 0; plane * inner < results.length; plane += 1) {
      const channel = plane % size;
      const factor = scale2?.[channel] / Math.sqrt(variance?.[channel] + epsilon);
      const shift = bias?.[channel] - mean2?.[channel] * factor;
      for (let index = plane * inner; index < (plane + 1) * inner; index += 1) {
        results[index] = values[index] * factor + shift;
      }
    }
    return tensorOf(type, results);
  },
  decompose: ({ operands, attributes, type }, builder) => {
    const [x, scale2, bias, mean2, variance] = operands;
    const deviation = builder.add("sqrt", [
      builder.add("add", [variance, scalarLike(builder, variance, numberOf(attributes, "epsilon"))])
    ]);
    const factor = builder.add("div", [scale2, deviation]);
    const shift = builder.add("sub", [bias, builder.add("mul", [mean2, factor])]);
    const rank = type.shape.length;
    return writeScaled(x, alongChannels(factor, rank, builder), alongChannels(shift, rank, builder), builder);
  },
  samples: (random) => [
    [2, 3],
    [1, 4, 5],
    [2, 2, 3, 3]
  ].map((shape2) => ({
    operands: [
      sampleFloats(random, shape2),
      ...[0, 1, 2].map(() => sampleFloats(random, [shape2[1]])),
      sampleFloats(random, [shape2[1]], 0.1, 3)
    ],
    attributes: { epsilon: 1e-3 }
  }))
});
var localResponseNorm = defineOperator({
  name: "local_response_norm",
  summary: "x \xF7 (bias + alpha/size \xB7 \u03A3 x\xB2 over `size` neighbouring channels)^beta.",
  runsOn: "folded",
  operands: ["x"],
  attributes: {
    size: { form: "integer" },
    alpha: { form: "number", default: 1e-4 },
    beta: { form: "number", default: 0.75 },
    bias: { form: "number", default: 1 }
  },
  onnx: [
    compositeForm(
      "LRN",
      1,
      (node, builder, name) => builder.add(
        "local_response_norm",
        [onnxInput(node, builder, 0)],
        {
          size: onnxInteger(node, builder, "size"),
          alpha: onnxNumber(node, builder, "alpha", 1e-4),
          beta: onnxNumber(node, builder, "beta", 0.75),
          bias: onnxNumber(node, builder, "bias", 1)
        },
        name
      )
    )
  ],
  infer: (context) => {
    const type = inferUnary("local_response_norm", context, "float");
    requireDomain("local_response_norm", type, "float");
    if (type.shape.length < 2 || numberOf(context.attributes, "size") < 1) {
      throw problem(
        "B202",
        `"local_response_norm" got ${formatType(type)} and size ${numberOf(context.attributes, "size")}, expected [N,C,...] and at least 1.`
      );
    }
    return type;
  },
  evaluate: ({ operands, attributes, type }) => {
    const values = tensorNumbers(operandAt(operands, 0));
    const { size: channels, inner } = around(type.shape, 1);
    const [size, alpha, beta, bias] = ["size", "alpha", "beta", "bias"].map((name) => numberOf(attributes, name));
    const before = Math.floor((size - 1) / 2);
    const results = new Float64Array(values.length);
    for (let index = 0; index < results.length; index += 1) {
      const channel = Math.floor(index / inner) % channels;
      let squares = 0;
      const last = Math.min(channels - 1, channel - before + size - 1);
      for (let other = Math.max(0, channel - before); other <= last; other += 1) {
        squares += values[index + (other - channel) * inner] ** 2;
      }
      results[index] = values[index] / (bias + alpha / size * squares) ** beta;
    }
    return tensorOf(type, results);
  },
  decompose: ({ operands, attributes, type }, builder) => {
    const x = operands[0];
    const size = numberOf(attributes, "size");
    const [batch, channels] = [at(type.shape, 0), at(type.shape, 1)];
    const planes = builder.add("reshape", [builder.add("mul", [x, x])], {
      shape: [batch, 1, channels, product(type.shape.slice(2))]
    });
    const before = Math.floor((size - 1) / 2);
    const means = builder.add("average_pool", [planes], {
      kernel: [size, 1],
      strides: [1, 1],
      pads: [before, 0, size - 1 - before, 0],
      dilations: [1, 1],
      countIncludePad: true
    });
    const mean2 = builder.add("reshape", [means], { shape: type.shape });
    const weighted = builder.add("mul", [mean2, scalarLike(builder, x, numberOf(attributes, "alpha"))]);
    const base = builder.add("add", [weighted, scalarLike(builder, x, numberOf(attributes, "bias"))]);
    return builder.add("div", [x, builder.add("power", [base], { exponent: numberOf(attributes, "beta") })]);
  },
  samples: (random) => [
    { operands: [sampleFloats(random, [1, 5, 3, 3])], attributes: { size: 3, alpha: 0.5 } },
    { operands: [sampleFloats(random, [2, 4, 2, 2])], attributes: { size: 2, alpha: 1, beta: 0.5, bias: 2 } },
    { operands: [sampleFloats(random, [1, 6, 4])], attributes: { size: 5 } }
  ]
});
var normalizationOperators = [
  ...softmaxOperators,
  layerNorm,
  batchNorm,
  localResponseNorm
];

// ir/ops/reduction-support.ts
var greatestOf = (values, base, offsets, start, end) => {
  let result = Number.NEGATIVE_INFINITY;
  for (let index = start; index < end; index += 1)
    result = Math.max(result, values[base + offsets[index]]);
  return result;
};
var leastOf = (values, base, offsets, start, end) => {
  let result = Number.POSITIVE_INFINITY;
  for (let index = start; index < end; index += 1)
    result = Math.min(result, values[base + offsets[index]]);
  return result;
};
var sumOf = (values, base, offsets, start, end) => {
  let total = 0;
  for (let index = start; index < end; index += 1) total += values[base + offsets[index]];
  return total;
};
var halfSumOf = (values, base, offsets, start, end) => {
  let total = 0;
  let magnitude = 0;
  for (let index = start; index < end; index += 1) {
    const value = values[base + offsets[index]];
    total += value;
    magnitude += Math.abs(value);
  }
  if (magnitude < 2 ** 29 || !Number.isFinite(magnitude)) return total;
  let units = 0n;
  for (let index = start; index < end; index += 1) {
    units += BigInt(values[base + offsets[index]] * 2 ** 24);
  }
  return Number(units) * 2 ** -24;
};
function summation(element2) {
  return element2 === "f16" ? halfSumOf : sumOf;
}
function quotient(element2, total, count) {
  if (isFloat(element2)) return total / count;
  return element2 === "i32" || element2 === "u32" ? Math.trunc(total / count) : roundToEven(total / count);
}
function splitAxes(rank, axes) {
  const all = Array.from({ length: rank }, (_, axis) => axis);
  return { kept: all.filter((axis) => !axes.includes(axis)), reduced: all.filter((axis) => axes.includes(axis)) };
}
function reductionOffsets(shape2, axes) {
  const strides = rowMajorStrides(shape2);
  const { kept, reduced } = splitAxes(shape2.length, axes);
  const pick = (list, source) => list.map((axis) => at(source, axis));
  return {
    bases: stridedOffsets(pick(kept, shape2), pick(kept, strides)),
    inner: stridedOffsets(pick(reduced, shape2), pick(reduced, strides))
  };
}
function reduceAxes(x, axes, type, reducer, finish = (value) => value) {
  const values = tensorNumbers(x);
  const { bases, inner } = reductionOffsets(x.type.shape, axes);
  const results = new Float64Array(elementCount(type));
  for (let index = 0; index < results.length; index += 1) {
    results[index] = finish(reducer(values, bases[index], inner, 0, inner.length), inner.length);
  }
  return tensorOf(type, results);
}
function reduceBigAxes(x, axes, type, combine, initial, finish = (value) => value) {
  const values = x.data;
  const { bases, inner } = reductionOffsets(x.type.shape, axes);
  const data = isBig(type.element) && type.element === "u64" ? new BigUint64Array(bases.length) : new BigInt64Array(bases.length);
  for (let index = 0; index < data.length; index += 1) {
    let total = null;
    for (let position = 0; position < inner.length; position += 1) {
      const value = values[bases[index] + inner[position]];
      total = total === null ? value : combine(total, value);
    }
    data[index] = finish(total ?? initial, BigInt(inner.length));
  }
  return makeTensor(type, data);
}

// ir/ops/pooling.ts
var poolAttributes = {
  kernel: { form: "integers" },
  strides: { form: "integers" },
  pads: { form: "integers" },
  dilations: { form: "integers" },
  ceil: { form: "boolean", default: false }
};
function poolWindow(op, { operands, attributes }) {
  return windowOf(op, attributes, numbersOf(attributes, "kernel"), typeAt(operands, 0).shape.length - 2);
}
function inferPool(op, context) {
  const x = typeAt(context.operands, 0);
  if (x.shape.length < 3 || x.element === "bool" || x.quantization !== null && x.quantization.axis !== null) {
    throw problem(
      "B202",
      `"${op}" got ${formatType(x)}, expected [N,C,spatial...] with at most one scale for the whole tensor.`
    );
  }
  const positions = windowPositions(
    op,
    poolWindow(op, context),
    x.shape.slice(2),
    booleanOf(context.attributes, "ceil")
  );
  return tensorType(x.element, [...x.shape.slice(0, 2), ...positions], x.quantization);
}
function poolIteration(op, context) {
  const window = poolWindow(op, context);
  const { shape: shape2 } = context.type;
  const { outer, inner } = windowDimensions(op, window, shape2.slice(2));
  const lead = [0, 1].map((dimension) => ({ terms: [{ dimension, stride: 1 }], offset: 0 }));
  return {
    dimensions: [
      { name: "n", size: at(shape2, 0), kind: "parallel" },
      { name: "c", size: at(shape2, 1), kind: "parallel" },
      ...outer,
      ...inner
    ],
    operands: [[...lead, ...windowAccess(window, 2, 2 + outer.length)]],
    result: [...lead, ...outer.map((_, axis) => ({ terms: [{ dimension: 2 + axis, stride: 1 }], offset: 0 }))]
  };
}
function windowTouches(window, spatial, positions) {
  const strides = rowMajorStrides(spatial);
  const count = product(positions);
  const starts = new Int32Array(count + 1);
  const places = new Int32Array(count);
  const offsets = [];
  const index = new Array(positions.length).fill(0);
  for (let position = 0; position < count; position += 1) {
    let touched = [0];
    let inside2 = 1;
    for (let axis = 0; axis < positions.length; axis += 1) {
      const size = at(spatial, axis);
      const first = at(index, axis) * at(window.strides, axis) - at(window.begins, axis);
      const along = [];
      let insideAxis = 0;
      for (let place2 = 0; place2 < at(window.kernel, axis); place2 += 1) {
        const coordinate = first + place2 * at(window.dilations, axis);
        if (coordinate >= 0 && coordinate < size) along.push(coordinate * at(strides, axis));
        if (coordinate < size + at(window.ends, axis)) insideAxis += 1;
      }
      inside2 *= insideAxis;
      touched = touched.flatMap((base) => along.map((offset) => base + offset));
    }
    places[position] = inside2;
    for (const offset of touched) offsets.push(offset);
    starts[position + 1] = offsets.length;
    for (let axis = positions.length - 1; axis >= 0; axis -= 1) {
      index[axis] = at(index, axis) + 1;
      if (at(index, axis) < at(positions, axis)) break;
      index[axis] = 0;
    }
  }
  return { starts, offsets: Int32Array.from(offsets), places };
}
function poolPlanes(op, { operands, attributes, type }, reducer, finish) {
  const x = operandAt(operands, 0);
  const window = windowOf(op, attributes, numbersOf(attributes, "kernel"), x.type.shape.length - 2);
  const spatial = x.type.shape.slice(2);
  const { starts, offsets, places } = windowTouches(window, spatial, type.shape.slice(2));
  const values = tensorNumbers(x);
  const results = new Float64Array(elementCount(type));
  const planeSize = product(spatial);
  const positionCount = places.length;
  for (let plane = 0; plane * positionCount < results.length; plane += 1) {
    for (let position = 0; position < positionCount; position += 1) {
      const start = starts[position];
      const end = starts[position + 1];
      const value = reducer(values, plane * planeSize, offsets, start, end);
      results[plane * positionCount + position] = finish(value, end - start, places[position]);
    }
  }
  return tensorOf(type, results);
}
function poolSamples(extra) {
  return (random) => {
    const plain = { kernel: [2, 2], strides: [2, 2], pads: [0, 0, 0, 0], dilations: [1, 1], ceil: false, ...extra };
    const padded = { kernel: [3, 3], strides: [2, 1], pads: [1, 0, 1, 2], dilations: [1, 2], ceil: true, ...extra };
    return [
      { operands: [sampleFloats(random, [1, 2, 4, 6])], attributes: plain },
      { operands: [sampleFloats(random, [2, 1, 7, 6])], attributes: padded },
      {
        operands: [sampleFloats(random, [1, 3, 9])],
        attributes: { ...plain, kernel: [3], strides: [2], pads: [1, 1], dilations: [1] }
      },
      { operands: [sampleTensor(random, tensorType("f16", [1, 2, 5, 5]))], attributes: padded },
      {
        operands: [sampleTensor(random, tensorType("i8", [1, 2, 5, 5], perTensor(0.1, -7)), -128, 127)],
        attributes: padded
      }
    ];
  };
}
var maxPool = defineOperator({
  name: "max_pool",
  summary: "The greatest element of each window; padding never wins.",
  runsOn: "vector",
  operands: ["x"],
  attributes: poolAttributes,
  onnx: [
    compositeForm("MaxPool", 1, (node, builder, name) => {
      const x = onnxInput(node, builder, 0);
      const spatial = builder.type(x).shape.slice(2);
      const kernel = onnxIntegers(node, builder, "kernel_shape") ?? builder.refuse("B111", 'Attribute "kernel_shape" is missing.');
      const window = onnxWindow(node, builder, spatial, kernel);
      return builder.add(
        "max_pool",
        [x],
        { kernel, ...window, ceil: onnxInteger(node, builder, "ceil_mode", 0) === 1 },
        name
      );
    })
  ],
  infer: (context) => inferPool("max_pool", context),
  evaluate: (context) => {
    const { element: element2 } = context.type;
    const none = isFloat(element2) ? Number.NEGATIVE_INFINITY : integerRange(element2).low;
    return poolPlanes("max_pool", context, greatestOf, (value, elements) => elements === 0 ? none : value);
  },
  iteration: (context) => poolIteration("max_pool", context),
  vector: { kind: "reduce", issue: () => ({ function: "reduce_maximum", parameters: {} }) },
  samples: poolSamples({})
});
var averagePool = defineOperator({
  name: "average_pool",
  summary: "The mean of each window; padding counts as real zeros when countIncludePad is true, and not at all otherwise.",
  runsOn: "vector",
  operands: ["x"],
  attributes: { ...poolAttributes, countIncludePad: { form: "boolean", default: false } },
  onnx: [
    compositeForm("AveragePool", 1, (node, builder, name) => {
      const x = onnxInput(node, builder, 0);
      const spatial = builder.type(x).shape.slice(2);
      const kernel = onnxIntegers(node, builder, "kernel_shape") ?? builder.refuse("B111", 'Attribute "kernel_shape" is missing.');
      const window = onnxWindow(node, builder, spatial, kernel);
      const ceil = onnxInteger(node, builder, "ceil_mode", 0) === 1;
      const countIncludePad = onnxInteger(node, builder, "count_include_pad", 0) === 1;
      return builder.add("average_pool", [x], { kernel, ...window, ceil, countIncludePad }, name);
    })
  ],
  infer: (context) => inferPool("average_pool", context),
  evaluate: (context) => {
    const { element: element2, quantization } = context.type;
    const zero = quantization?.zeros[0] ?? 0;
    const padded = booleanOf(context.attributes, "countIncludePad");
    return poolPlanes("average_pool", context, summation(element2), (total, elements, places) => {
      const mean2 = padded ? (total + zero * (places - elements)) / places : total / Math.max(1, elements);
      return isFloat(element2) ? mean2 : roundToEven(mean2);
    });
  },
  iteration: (context) => poolIteration("average_pool", context),
  vector: { kind: "reduce", issue: () => ({ function: "mean", parameters: {} }) },
  samples: (random) => [
    ...poolSamples({ countIncludePad: false })(random),
    ...poolSamples({ countIncludePad: true })(random)
  ]
});
var poolingOperators = [maxPool, averagePool];

// ir/ops/reduction.ts
function axesOf2(attributes, rank) {
  const axes = numbersOf(attributes, "axes").map((axis) => normalizeAxis(axis, rank));
  if (new Set(axes).size !== axes.length) throw problem("B202", `Axes [${axes.join(",")}] name an axis twice.`);
  return axes;
}
function reducedShape(shape2, axes, keep) {
  return shape2.flatMap((size, axis) => axes.includes(axis) ? keep ? [1] : [] : [size]);
}
function reduceIteration({ operands, attributes }) {
  const { shape: shape2 } = typeAt(operands, 0);
  const { kept, reduced } = splitAxes(shape2.length, axesOf2(attributes, shape2.length));
  const order = [...kept, ...reduced];
  const dimensions = order.map(
    (axis) => kept.includes(axis) ? { name: `d${axis}`, size: at(shape2, axis), kind: "parallel" } : { name: `r${axis}`, size: at(shape2, axis), kind: "reduction" }
  );
  const access = (axis) => ({ terms: [{ dimension: order.indexOf(axis), stride: 1 }], offset: 0 });
  const still = { terms: [], offset: 0 };
  const keep = booleanOf(attributes, "keepdims");
  return {
    dimensions,
    operands: [shape2.map((_, axis) => access(axis))],
    result: shape2.flatMap((_, axis) => kept.includes(axis) ? [access(axis)] : keep ? [still] : [])
  };
}
function onnxAxes(node, builder, inputSince) {
  const { shape: shape2 } = builder.type(onnxInput(node, builder, 0));
  const given = node.opset < inputSince ? onnxIntegers(node, builder, "axes") : onnxConstantNumbers(node, builder, 1);
  if (given !== null && given.length > 0) return given.map((axis) => axis < 0 ? axis + shape2.length : axis);
  if (onnxInteger(node, builder, "noop_with_empty_axes", 0) === 1) return null;
  return shape2.map((_, axis) => axis);
}
function reduceForm(operator, op, inputSince, before = (x) => x, after = null) {
  return compositeForm(operator, 1, (node, builder, name) => {
    const x = before(onnxInput(node, builder, 0), builder);
    const axes = onnxAxes(node, builder, inputSince);
    const keepdims = onnxInteger(node, builder, "keepdims", 1) === 1;
    if (axes === null) return after === null ? builder.add("identity", [x], {}, name) : after(x, builder, name);
    const value = builder.add(op, [x], { axes, keepdims }, ...after === null ? [name] : []);
    return after === null ? value : after(value, builder, name);
  });
}
var logSumExp = compositeForm("ReduceLogSumExp", 1, (node, builder, name) => {
  const x = onnxInput(node, builder, 0);
  const axes = onnxAxes(node, builder, 18);
  if (axes === null) return builder.add("identity", [x], {}, name);
  const keepdims = onnxInteger(node, builder, "keepdims", 1) === 1;
  const greatest = builder.add("reduce_max", [x], { axes, keepdims: true });
  const powers = builder.add("exp", [builder.add("sub", [x, greatest])]);
  const logarithm = builder.add("log", [builder.add("reduce_sum", [powers], { axes, keepdims: true })]);
  if (keepdims) return builder.add("add", [logarithm, greatest], {}, name);
  const shape2 = reducedShape(builder.type(x).shape, axes, false);
  return builder.add("reshape", [builder.add("add", [logarithm, greatest])], { shape: shape2 }, name);
});
function globalForm(operator, op) {
  return compositeForm(operator, 1, (node, builder, name) => {
    const x = onnxInput(node, builder, 0);
    const axes = builder.type(x).shape.flatMap((_, axis) => axis < 2 ? [] : [axis]);
    return builder.add(op, [x], { axes, keepdims: true }, name);
  });
}
var squared = (x, builder) => builder.add("mul", [x, x]);
var then = (op) => (value, builder, name) => builder.add(op, [value], {}, name);
function bounded(reducer, type, end) {
  if (isFloat(type.element) || type.element === "bool") return reducer;
  return (values, base, offsets, start, stop) => start === stop ? integerRange(type.element)[end] : reducer(values, base, offsets, start, stop);
}
var reductions = [
  {
    name: "reduce_sum",
    summary: "The sum over axes.",
    function: "sum",
    onnx: [
      reduceForm("ReduceSum", "reduce_sum", 13),
      reduceForm("ReduceL1", "reduce_sum", 18, (x, builder) => builder.add("abs", [x])),
      reduceForm("ReduceL2", "reduce_sum", 18, squared, then("sqrt")),
      reduceForm("ReduceSumSquare", "reduce_sum", 18, squared),
      reduceForm("ReduceLogSum", "reduce_sum", 18, (x) => x, then("log")),
      logSumExp
    ],
    quantized: false,
    evaluate: (x, axes, type) => isBig(type.element) ? reduceBigAxes(x, axes, type, (left, right) => left + right, 0n) : reduceAxes(x, axes, type, summation(type.element))
  },
  {
    name: "reduce_mean",
    summary: "The mean over axes.",
    function: "mean",
    onnx: [reduceForm("ReduceMean", "reduce_mean", 18), globalForm("GlobalAveragePool", "reduce_mean")],
    quantized: true,
    evaluate: (x, axes, type) => isBig(type.element) ? reduceBigAxes(
      x,
      axes,
      type,
      (left, right) => left + right,
      0n,
      (total, count) => count === 0n ? 0n : total / count
    ) : reduceAxes(x, axes, type, summation(type.element), (total, count) => quotient(type.element, total, count))
  },
  {
    name: "reduce_max",
    summary: "The greatest over axes; NaN wins.",
    function: "reduce_maximum",
    onnx: [reduceForm("ReduceMax", "reduce_max", 18), globalForm("GlobalMaxPool", "reduce_max")],
    quantized: true,
    evaluate: (x, axes, type) => isBig(type.element) ? reduceBigAxes(x, axes, type, (left, right) => left > right ? left : right, -(2n ** 63n)) : reduceAxes(x, axes, type, bounded(greatestOf, type, "low"))
  },
  {
    name: "reduce_min",
    summary: "The least over axes; NaN wins.",
    function: "reduce_minimum",
    onnx: [reduceForm("ReduceMin", "reduce_min", 18)],
    quantized: true,
    evaluate: (x, axes, type) => isBig(type.element) ? reduceBigAxes(x, axes, type, (left, right) => left < right ? left : right, 2n ** 63n - 1n) : reduceAxes(x, axes, type, bounded(leastOf, type, "high"))
  }
];
function declareReduction(entry) {
  return defineOperator({
    name: entry.name,
    summary: entry.summary,
    runsOn: "vector",
    operands: ["x"],
    attributes: { axes: { form: "integers" }, keepdims: { form: "boolean", default: true } },
    onnx: entry.onnx,
    infer: ({ operands, attributes }) => {
      const x = typeAt(operands, 0);
      const axes = axesOf2(attributes, x.shape.length);
      if (x.quantization !== null && (!entry.quantized || x.quantization.axis !== null)) {
        throw problem(
          "B202",
          `"${entry.name}" got ${formatType(x)}, expected ${entry.quantized ? "one scale for the whole tensor" : "no quantization"}.`
        );
      }
      return tensorType(x.element, reducedShape(x.shape, axes, booleanOf(attributes, "keepdims")), x.quantization);
    },
    evaluate: ({ operands, attributes, type }) => {
      const x = operandAt(operands, 0);
      return entry.evaluate(x, axesOf2(attributes, x.type.shape.length), type);
    },
    iteration: reduceIteration,
    vector: { kind: "reduce", issue: () => ({ function: entry.function, parameters: {} }) },
    samples: (random) => [
      { operands: [sampleFloats(random, [2, 3, 4])], attributes: { axes: [1], keepdims: true } },
      { operands: [sampleFloats(random, [2, 3, 4])], attributes: { axes: [-1, 0], keepdims: false } },
      { operands: [sampleFloats(random, [5])], attributes: { axes: [0], keepdims: false } },
      { operands: [sampleTensor(random, tensorType("f16", [3, 7]))], attributes: { axes: [1], keepdims: true } },
      { operands: [sampleTensor(random, tensorType("i32", [3, 2]), -9, 9)], attributes: { axes: [0], keepdims: true } },
      {
        operands: [sampleTensor(random, tensorType("i64", [3, 2]), -9, 9)],
        attributes: { axes: [1], keepdims: false }
      },
      ...entry.quantized ? [
        {
          operands: [sampleTensor(random, tensorType("i8", [2, 6], perTensor(0.1, 3)), -128, 127)],
          attributes: { axes: [1], keepdims: true }
        }
      ] : []
    ]
  });
}
function declareArgument(name, operator, summary, better) {
  return defineOperator({
    name,
    summary,
    runsOn: "folded",
    operands: ["x"],
    attributes: {
      axis: { form: "integer" },
      keepdims: { form: "boolean", default: true },
      selectLast: { form: "boolean", default: false }
    },
    onnx: [
      compositeForm(
        operator,
        1,
        (node, builder, wanted) => builder.add(
          name,
          [onnxInput(node, builder, 0)],
          {
            axis: onnxInteger(node, builder, "axis", 0),
            keepdims: onnxInteger(node, builder, "keepdims", 1) === 1,
            selectLast: onnxInteger(node, builder, "select_last_index", 0) === 1
          },
          wanted
        )
      )
    ],
    infer: ({ operands, attributes }) => {
      const { shape: shape2 } = typeAt(operands, 0);
      const axis = normalizeAxis(numberOf(attributes, "axis"), shape2.length);
      return tensorType("i64", reducedShape(shape2, [axis], booleanOf(attributes, "keepdims")));
    },
    evaluate: ({ operands, attributes, type }) => {
      const x = operandAt(operands, 0);
      const axis = normalizeAxis(numberOf(attributes, "axis"), x.type.shape.length);
      const last = booleanOf(attributes, "selectLast");
      return reduceAxes(x, [axis], type, (values, base, offsets) => {
        let best = 0;
        for (let index = 1; index < offsets.length; index += 1) {
          const value = values[base + offsets[index]];
          const champion = values[base + offsets[best]];
          if (better(value, champion) || last && value === champion) best = index;
        }
        return best;
      });
    },
    samples: (random) => [
      { operands: [sampleFloats(random, [2, 5])], attributes: { axis: 1 } },
      {
        operands: [sampleTensor(random, tensorType("i32", [4, 3]), -2, 2)],
        attributes: { axis: 0, keepdims: false, selectLast: true }
      },
      { operands: [sampleFloats(random, [3, 2, 2])], attributes: { axis: -1 } }
    ]
  });
}
var reductionOperators = [
  ...reductions.map(declareReduction),
  declareArgument(
    "arg_max",
    "ArgMax",
    "The index of the greatest element along an axis, the first or the last of equals.",
    (value, best) => value > best
  ),
  declareArgument(
    "arg_min",
    "ArgMin",
    "The index of the least element along an axis, the first or the last of equals.",
    (value, best) => value < best
  )
];

// ir/ops/shape.ts
function elementOf(name) {
  if (Object.hasOwn(elementTypes, name)) return name;
  throw problem("B202", `"${name}" is not an element type; expected one of ${Object.keys(elementTypes).join(", ")}.`);
}
function shownSizes(shape2, start, end) {
  const resolve = (position) => clamp(position < 0 ? position + shape2.length : position, 0, shape2.length);
  return shape2.slice(resolve(start), Math.max(resolve(start), resolve(end)));
}
var wholeEnd = 2 ** 31 - 1;
var shape = defineOperator({
  name: "shape",
  summary: "The sizes of the axes from start to before end.",
  runsOn: "folded",
  operands: ["data"],
  attributes: { start: { form: "integer", default: 0 }, end: { form: "integer", default: wholeEnd } },
  onnx: [
    {
      operator: "Shape",
      since: 1,
      translate: (node, builder) => {
        const start = node.opset < 15 ? 0 : onnxInteger(node, builder, "start", 0);
        const end = node.opset < 15 ? wholeEnd : onnxInteger(node, builder, "end", wholeEnd);
        const sizes = shownSizes(builder.type(onnxInput(node, builder, 0)).shape, start, end);
        bindOnly(node, builder, builder.addConstant(i64Tensor([sizes.length], sizes), onnxOutput(node)));
      }
    },
    {
      operator: "Size",
      since: 1,
      translate: (node, builder) => {
        const count = elementCount(builder.type(onnxInput(node, builder, 0)));
        bindOnly(node, builder, builder.addConstant(i64Tensor([], [count]), onnxOutput(node)));
      }
    }
  ],
  infer: ({ operands, attributes }) => {
    const sizes = shownSizes(typeAt(operands, 0).shape, numberOf(attributes, "start"), numberOf(attributes, "end"));
    return tensorType("i64", [sizes.length]);
  },
  evaluate: ({ operands, attributes, type }) => {
    const sizes = shownSizes(
      operandAt(operands, 0).type.shape,
      numberOf(attributes, "start"),
      numberOf(attributes, "end")
    );
    return tensorOf(type, sizes);
  },
  samples: (random) => [
    { operands: [sampleFloats(random, [2, 3])], attributes: {} },
    { operands: [sampleFloats(random, [2, 3, 4])], attributes: { start: -2 } },
    { operands: [sampleFloats(random, [2, 3, 4])], attributes: { start: 1, end: 2 } }
  ]
});
function constantTensor(node, builder) {
  const given = ["value", "sparse_value", "value_float", "value_floats", "value_int", "value_ints"].filter(
    (name2) => node.attributes.has(name2)
  );
  const name = given[0];
  const value = name === void 0 ? void 0 : node.attributes.get(name);
  if (given.length !== 1 || value === void 0) {
    return builder.refuse(
      "B111",
      `Constant needs one numeric value attribute; found [${[...node.attributes.keys()].join(", ")}].`
    );
  }
  if (typeof value === "object" && "type" in value) return value;
  const numbers = typeof value === "number" ? [value] : value;
  const isNumbers = (list) => Array.isArray(list) && list.every((each) => typeof each === "number");
  if (!isNumbers(numbers)) return builder.refuse("B111", `Attribute "${name}" is not numeric.`);
  const dimensions = typeof value === "number" ? [] : [numbers.length];
  return name?.startsWith("value_int") ? i64Tensor(dimensions, numbers) : f32Tensor(dimensions, numbers);
}
var constantForms = [
  {
    operator: "Constant",
    since: 1,
    translate: (node, builder) => {
      bindOnly(node, builder, builder.addConstant(constantTensor(node, builder), onnxOutput(node)));
    }
  },
  {
    operator: "ConstantOfShape",
    since: 9,
    translate: (node, builder) => {
      const sizes = onnxConstantNumbers(node, builder, 0) ?? builder.refuse("B110", "ConstantOfShape needs a shape.");
      const value = node.attributes.get("value");
      const filler = typeof value === "object" && "type" in value ? value : f32Tensor([1], [0]);
      const number = tensorNumbers(filler)[0];
      if (number === void 0) return builder.refuse("B111", "The value of ConstantOfShape has no element.");
      const attributes = { shape: sizes, value: number, element: filler.type.element };
      bindOnly(node, builder, builder.add("fill", [], attributes, onnxOutput(node)));
    }
  }
];
var element = { form: "text", default: "f32" };
var fill = defineOperator({
  name: "fill",
  summary: "A value of one number.",
  runsOn: "folded",
  operands: [],
  attributes: { shape: { form: "integers" }, value: { form: "number", default: 0 }, element },
  onnx: constantForms,
  infer: ({ attributes }) => {
    const sizes = numbersOf(attributes, "shape");
    if (sizes.some((size) => size < 0)) throw problem("B202", `Shape [${sizes.join(",")}] has a negative size.`);
    return tensorType(elementOf(textOf(attributes, "element")), sizes);
  },
  evaluate: ({ attributes, type }) => {
    const data = allocateData(type.element, elementCount(type));
    data.fill(at(elementsOf(type.element, [numberOf(attributes, "value")]), 0));
    return makeTensor(type, data);
  },
  samples: () => [
    { operands: [], attributes: { shape: [2, 3], value: 1.5 } },
    { operands: [], attributes: { shape: [], value: -2, element: "i64" } },
    { operands: [], attributes: { shape: [4], element: "f16" } }
  ]
});
function rangeCount(start, limit, delta) {
  if (delta === 0 || !Number.isFinite(delta)) throw problem("B202", `A range cannot have step ${delta}.`);
  return Math.max(0, Math.ceil((limit - start) / delta));
}
var range = defineOperator({
  name: "range",
  summary: "start, start + delta, ... up to before limit.",
  runsOn: "folded",
  operands: [],
  attributes: { start: { form: "number" }, limit: { form: "number" }, delta: { form: "number", default: 1 }, element },
  onnx: [
    {
      operator: "Range",
      since: 11,
      translate: (node, builder) => {
        const [start, limit, delta] = [0, 1, 2].map(
          (index) => onnxConstantNumbers(node, builder, index)?.[0] ?? builder.refuse("B110", `Range needs input ${index}.`)
        );
        const attributes = { start, limit, delta, element: builder.type(onnxInput(node, builder, 0)).element };
        bindOnly(node, builder, builder.add("range", [], attributes, onnxOutput(node)));
      }
    }
  ],
  infer: ({ attributes }) => {
    const [start, limit, delta] = ["start", "limit", "delta"].map((name) => numberOf(attributes, name));
    return tensorType(elementOf(textOf(attributes, "element")), [rangeCount(start, limit, delta)]);
  },
  evaluate: ({ attributes, type }) => {
    const [start, delta] = [numberOf(attributes, "start"), numberOf(attributes, "delta")];
    return tensorOf(
      type,
      Float64Array.from({ length: elementCount(type) }, (_, index) => start + index * delta)
    );
  },
  samples: () => [
    { operands: [], attributes: { start: 0, limit: 5, element: "i64" } },
    { operands: [], attributes: { start: 1, limit: 2, delta: 0.25 } },
    { operands: [], attributes: { start: 6, limit: 0, delta: -2, element: "i32" } }
  ]
});
function lookUpType(data, indices, axis) {
  if (elementTypes[indices.element].kind !== "integer")
    throw problem("B202", `Indices are ${indices.element}, expected integers.`);
  if (data.quantization !== null && data.quantization.axis !== null) {
    throw problem("B202", "A look-up that depends on data cannot have a scale for each index of an axis.");
  }
  return { ...data, shape: [...data.shape.slice(0, axis), ...indices.shape, ...data.shape.slice(axis + 1)] };
}
var gatherData = defineOperator({
  name: "gather_data",
  summary: "Looks up the indexes of an axis that a second operand holds; no chip runs it.",
  runsOn: "folded",
  operands: ["data", "indices"],
  attributes: { axis: { form: "integer" } },
  onnx: [],
  infer: ({ operands, attributes }) => {
    const data = typeAt(operands, 0);
    return lookUpType(data, typeAt(operands, 1), normalizeAxis(numberOf(attributes, "axis"), data.shape.length));
  },
  evaluate: ({ operands, attributes, type }) => {
    const data = operandAt(operands, 0);
    const indices = tensorNumbers(operandAt(operands, 1));
    const axis = normalizeAxis(numberOf(attributes, "axis"), data.type.shape.length);
    const size = at(data.type.shape, axis);
    const inner = product(data.type.shape.slice(axis + 1));
    const outer = product(data.type.shape.slice(0, axis));
    const source = data.data;
    const result = allocateData(type.element, elementCount(type));
    let position = 0;
    for (let block = 0; block < outer; block += 1) {
      for (const listed2 of indices) {
        const index = listed2 < 0 ? listed2 + size : listed2;
        if (index < 0 || index >= size) throw problem("B110", `Index ${listed2} is outside an axis of size ${size}.`);
        const start = (block * size + index) * inner;
        result.set(source.subarray(start, start + inner), position);
        position += inner;
      }
    }
    return makeTensor(type, result);
  },
  samples: (random) => [
    { operands: [sampleFloats(random, [4, 2]), i64Tensor([3], [3, 0, -1])], attributes: { axis: 0 } },
    { operands: [sampleFloats(random, [2, 3]), i64Tensor([2, 2], [0, 1, 2, 1])], attributes: { axis: 1 } },
    { operands: [sampleFloats(random, [3, 2]), i64Tensor([], [1])], attributes: { axis: -2 } }
  ]
});
var shapeOperators = [shape, fill, range, gatherData];

// ir/ops/index.ts
var families = [
  contractionOperators,
  elementwiseOperators,
  reductionOperators,
  poolingOperators,
  normalizationOperators,
  conversionOperators,
  movementOperators,
  shapeOperators
];
var operators = byName(families.flat());
function byName(list) {
  const map = /* @__PURE__ */ new Map();
  for (const operator of list) {
    if (map.has(operator.name)) throw internalError(`operator "${operator.name}" is declared twice`);
    map.set(operator.name, operator);
  }
  return map;
}
function operatorOf(name) {
  const operator = operators.get(name);
  if (operator === void 0) throw problem("B202", `There is no operator "${name}".`, { operator: name });
  return operator;
}
function checkOperands(operator, operands) {
  const { name } = operator;
  const variadic = operator.operands.at(-1)?.startsWith("...") === true;
  const fixed = variadic ? operator.operands.length - 1 : operator.operands.length;
  const counted = variadic ? operands.length > fixed : operands.length === fixed;
  if (!counted) {
    throw problem(
      "B202",
      `"${name}" got ${operands.length} operands, expected ${fixed}${variadic ? " and more" : ""} (${operator.operands.join(", ")}).`
    );
  }
  operands.forEach((operand, index) => {
    const declared = operator.operands[Math.min(index, operator.operands.length - 1)] ?? "";
    if (operand === null && !declared.endsWith("?"))
      throw problem("B202", `Operand ${index} (${declared}) of "${name}" is missing.`);
  });
}
function inferNode(op, operands, attributes) {
  const operator = operatorOf(op);
  const complete = completeAttributes(operator, attributes);
  checkOperands(operator, operands);
  const type = operator.infer({ operands, attributes: complete });
  if (type.shape.some((size) => !Number.isSafeInteger(size) || size < 0)) {
    throw problem(
      "B202",
      `"${op}" of ${operands.map((operand) => operand === null ? "nothing" : formatType(operand)).join(", ")} would give ${formatType(type)}.`
    );
  }
  return { attributes: complete, type };
}

// compiler/layers.ts
function layersOf(graph) {
  const types = valueTypes(graph);
  const constants = new Set(graph.constants.map((constant) => constant.name));
  const groups = /* @__PURE__ */ new Map();
  const layerOfNode = /* @__PURE__ */ new Map();
  for (const node of graph.nodes) {
    if (node.layer === null) throw internalError(`node "${node.name}" belongs to no layer`);
    layerOfNode.set(node.name, node.layer);
    const group = groups.get(node.layer);
    if (group === void 0) groups.set(node.layer, [node]);
    else group.push(node);
  }
  const leaving = new Set(graph.outputs);
  for (const node of graph.nodes) {
    for (const operand of node.operands) {
      if (operand !== null && layerOfNode.get(operand) !== node.layer) leaving.add(operand);
    }
  }
  const inputs = graph.inputs.map((input) => boundaryLayer("input", input.name, input.type, false));
  const outputs = graph.outputs.map(
    (value, index) => boundaryLayer("output", value, types.get(value), constants.has(value), index)
  );
  const bodies = [...groups].map(([name, nodes]) => bodyLayer(name, nodes, types, constants, leaving));
  return [...inputs, ...bodies, ...outputs];
}
function identityAccess(rank) {
  return Array.from({ length: rank }, (_, axis) => ({ terms: [{ dimension: axis, stride: 1 }], offset: 0 }));
}
function shapeDimensions(shape2) {
  return shape2.map((size, axis) => ({ name: `d${axis}`, size, kind: "parallel" }));
}
function boundaryLayer(kind, value, type, constant, index = 0) {
  const access = identityAccess(type.shape.length);
  return {
    name: kind === "input" ? `input ${value}` : `output ${index} ${value}`,
    kind,
    nodes: [],
    dimensions: shapeDimensions(type.shape),
    reads: kind === "output" ? [{ node: null, operand: 0, value, type, access, constant }] : [],
    writes: kind === "input" ? [{ value, type, access }] : [],
    result: access,
    movement: null,
    macCount: 0,
    origin: []
  };
}
function bodyLayer(name, nodes, types, constants, leaving) {
  const anchor = nodes[0];
  const operator = operatorOf(anchor.op);
  const operandTypes = anchor.operands.map((operand) => operand === null ? null : types.get(operand));
  const context = { operands: operandTypes, attributes: anchor.attributes, type: anchor.type };
  const moves = operator.runsOn === "movement";
  const space = moves ? null : operator.iteration?.(context) ?? null;
  if (!moves && space === null) throw internalError(`operator "${anchor.op}" has no iteration space`, { layer: name });
  const dimensions = space?.dimensions ?? shapeDimensions(anchor.type.shape);
  const result = space?.result ?? identityAccess(anchor.type.shape.length);
  const inside2 = new Set(nodes.map((node) => node.name));
  const reads = [];
  for (const node of nodes) {
    node.operands.forEach((value, operand) => {
      if (value === null || inside2.has(value)) return;
      const type = types.get(value);
      const access = node === anchor ? moves ? null : space?.operands[operand] ?? null : broadcastAccess2(type, node.type, result);
      reads.push({ node: node.name, operand, value, type, access, constant: constants.has(value) });
    });
  }
  return {
    name,
    kind: operator.runsOn === "matrix" ? "contraction" : moves ? "movement" : operator.vector?.kind === "reduce" ? "reduce" : "vector",
    nodes,
    dimensions,
    reads,
    writes: nodes.filter((node) => leaving.has(node.name)).map((node) => ({ value: node.name, type: node.type, access: result })),
    result,
    movement: moves ? operator.movement?.(context) ?? null : null,
    macCount: operator.runsOn === "matrix" ? product(dimensions.map((dimension) => dimension.size)) : 0,
    origin: [...new Set(nodes.flatMap((node) => node.origin))]
  };
}
function broadcastAccess2(operand, resultType, result) {
  const lead = resultType.shape.length - operand.shape.length;
  return operand.shape.map(
    (size, axis) => size === 1 && resultType.shape[axis + lead] !== 1 ? { terms: [], offset: 0 } : result[axis + lead]
  );
}

// compiler/network.ts
function networkOf(graph) {
  const layers = layersOf(graph);
  const producer = /* @__PURE__ */ new Map();
  const readers = /* @__PURE__ */ new Map();
  layers.forEach((layer, index) => {
    for (const write of layer.writes) producer.set(write.value, index);
    for (const value of new Set(layer.reads.map((read) => read.value))) {
      readers.set(value, [...readers.get(value) ?? [], index]);
    }
  });
  return { graph, layers, producer, readers };
}
function gridOf(target) {
  return { rows: target.grid.rows, columns: target.grid.columns };
}

// test/compiler/mapper/networks.ts
var scale = perTensor(0.05);
var TestGraph = class {
  #types = /* @__PURE__ */ new Map();
  #inputs = [];
  #constants = [];
  #nodes = [];
  #outputs = [];
  input(name, shape2, element2 = "i8") {
    const type = tensorType(element2, shape2, element2 === "i8" ? scale : null);
    this.#inputs.push({ name, type });
    this.#types.set(name, type);
    return name;
  }
  constant(name, shape2, element2 = "i8") {
    const type = tensorType(element2, shape2, element2 === "i8" ? scale : null);
    this.#constants.push({ name, type, data: null, source: "absent" });
    this.#types.set(name, type);
    return name;
  }
  node(layer, name, op, operands, attributes = {}) {
    const types = operands.map((operand) => operand === null ? null : this.#types.get(operand));
    const inferred = inferNode(op, operands.length === 0 ? [] : types, attributes);
    this.#nodes.push({
      name,
      op,
      operands,
      attributes: inferred.attributes,
      type: inferred.type,
      origin: [name],
      layer
    });
    this.#types.set(name, inferred.type);
    return name;
  }
  requantize(layer, name, operand) {
    return this.node(layer, name, "requantize", [operand], { element: "i8", scales: [0.05], zeros: [0], axis: -1 });
  }
  matmul(layer, x, columns) {
    const inner = this.#types.get(x)?.shape.at(-1) ?? 1;
    const w = this.constant(`${layer}.w`, [inner, columns]);
    const sum2 = this.node(layer, `${layer}.sum`, "matmul", [x, w, null]);
    return this.requantize(layer, layer, sum2);
  }
  conv(layer, x, outputs, kernel, stride = 1, group = 1, pad2 = kernel - 1 >> 1) {
    const inputs = (this.#types.get(x)?.shape[1] ?? 1) / group;
    const w = this.constant(`${layer}.w`, [outputs, inputs, kernel, kernel]);
    const sum2 = this.node(layer, `${layer}.sum`, "conv", [x, w, null], {
      strides: [stride, stride],
      pads: [pad2, pad2, pad2, pad2],
      dilations: [1, 1],
      group
    });
    return this.requantize(layer, layer, sum2);
  }
  /** conv + dequantize both + add + quantize, in one layer. */
  convAdd(layer, x, skip, outputs) {
    const sum2 = this.conv(layer, x, outputs, 1);
    return this.addTo(layer, `${layer}.out`, sum2, skip);
  }
  addTo(layer, name, left, right) {
    const a = this.node(layer, `${name}.a`, "dequantize", [left], { element: "f16" });
    const b = this.node(layer, `${name}.b`, "dequantize", [right], { element: "f16" });
    const both = this.node(layer, `${name}.add`, "add", [a, b]);
    return this.node(layer, name, "quantize", [both], { element: "i8", scales: [0.05], zeros: [0], axis: -1 });
  }
  maxPool(layer, x, kernel, stride) {
    const pad2 = kernel - 1 >> 1;
    return this.node(layer, layer, "max_pool", [x], {
      kernel: [kernel, kernel],
      strides: [stride, stride],
      pads: [pad2, pad2, pad2, pad2],
      dilations: [1, 1],
      ceil: false
    });
  }
  shape(value) {
    return this.#types.get(value)?.shape ?? [];
  }
  output(value) {
    this.#outputs.push(value);
    return this;
  }
  graph(name = "test") {
    return {
      kind: "graph",
      name,
      inputs: this.#inputs,
      constants: this.#constants,
      nodes: this.#nodes,
      outputs: this.#outputs
    };
  }
  network(name = "test") {
    return networkOf(this.graph(name));
  }
};
function resnet50(batch = 1) {
  const graph = new TestGraph();
  let value = graph.maxPool("pool", graph.conv("stem", graph.input("x", [batch, 3, 224, 224]), 64, 7, 2), 3, 2);
  const stages = [
    [3, 64],
    [4, 128],
    [6, 256],
    [3, 512]
  ];
  stages.forEach(([blocks, width], stage) => {
    for (let block = 0; block < blocks; block += 1) {
      const name = `s${stage}b${block}`;
      const stride = block === 0 && stage > 0 ? 2 : 1;
      const skip = block === 0 ? graph.conv(`${name}.skip`, value, 4 * width, 1, stride) : value;
      const narrow = graph.conv(`${name}.1`, value, width, 1);
      value = graph.convAdd(`${name}.3`, graph.conv(`${name}.2`, narrow, width, 3, stride), skip, 4 * width);
    }
  });
  const mean2 = graph.node("mean", "mean", "reduce_mean", [value], { axes: [2, 3], keepdims: false });
  return graph.output(graph.matmul("classes", mean2, 1e3)).network("resnet50");
}
function tsMixer(neurons) {
  const graph = new TestGraph();
  let value = graph.input("x", [1, 4, neurons]);
  for (let block = 0; block < 2; block += 1) {
    const turned2 = graph.node(`t${block}.turn`, `t${block}.turn`, "transpose", [value], { permutation: [0, 2, 1] });
    const mixed = graph.matmul(`t${block}.time`, turned2, 4);
    const back = graph.node(`t${block}.back`, `t${block}.back`, "transpose", [mixed], { permutation: [0, 2, 1] });
    const added = graph.addTo(`t${block}.add`, `t${block}.added`, back, value);
    const hidden = graph.matmul(`t${block}.in`, added, 256);
    const wide = graph.matmul(`t${block}.out`, hidden, neurons);
    value = graph.addTo(`t${block}.sum`, `t${block}.summed`, wide, added);
  }
  const turned = graph.node("head.turn", "head.turn", "transpose", [value], { permutation: [0, 2, 1] });
  return graph.output(graph.matmul("head", turned, 32)).network("tsmixer");
}

// targets/load.ts
import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";

// targets/nearest-name.ts
function editDistance(left, right) {
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index);
  for (let row = 1; row <= left.length; row += 1) {
    const current = [row];
    for (let column = 1; column <= right.length; column += 1) {
      const replaced = previous[column - 1] + (left[row - 1] === right[column - 1] ? 0 : 1);
      current.push(Math.min(replaced, previous[column] + 1, current[column - 1] + 1));
    }
    previous = current;
  }
  return previous[right.length];
}
function nearestName(wanted, names) {
  let best = null;
  let bestDistance = Number.POSITIVE_INFINITY;
  for (const name of names) {
    const distance = editDistance(wanted.toLowerCase(), name.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [name, distance];
  }
  return best;
}
function didYouMean(wanted, names) {
  const nearest = nearestName(wanted, names);
  return nearest === null ? "." : `; did you mean "${nearest}"?`;
}

// targets/parse.ts
import { isMap, isScalar, isSeq, LineCounter, parseDocument } from "yaml";

// targets/chip-schema.ts
import { z as z2 } from "zod";

// targets/number-schema.ts
import { z } from "zod";
var forms = {
  count: z.int().min(1),
  whole: z.int().min(0),
  positive: z.number().gt(0),
  measure: z.number().min(0),
  fraction: z.number().gt(0).max(1)
};
var sources = ["published", "derived", "estimated", "synthetic"];
function numberSchema(unit, form) {
  return z.strictObject({
    value: forms[form],
    unit: z.literal(unit),
    source: z.enum(sources),
    range: z.tuple([z.number(), z.number()]).readonly().optional(),
    formula: z.string().min(1).optional(),
    note: z.string().min(1)
  }).superRefine((entry, context) => {
    const refuse2 = (message, path = []) => {
      context.addIssue({ code: "custom", message, path });
    };
    if (entry.source === "estimated" && entry.range === void 0) refuse2("an estimate needs a range: [low, high]");
    if (entry.range !== void 0 && !(entry.range[0] <= entry.value && entry.value <= entry.range[1])) {
      refuse2(`the range [${entry.range.join(", ")}] does not hold the value ${entry.value}`, ["range"]);
    }
    if (entry.source === "derived" && entry.formula === void 0) refuse2("a derived number needs a formula");
    if (entry.source !== "derived" && entry.formula !== void 0) {
      refuse2(`a formula belongs to a derived number, but the source is ${entry.source}`, ["formula"]);
    }
  });
}

// targets/chip-schema.ts
var networkSchema = z2.strictObject({
  link: numberSchema("bytes/cycle", "count"),
  hop: numberSchema("cycles", "count"),
  hopEnergy: numberSchema("pJ/byte", "measure")
});
var costClasses = (entry) => z2.strictObject({
  copy: entry,
  compare: entry,
  add: entry,
  multiply: entry,
  divide: entry,
  root: entry,
  table: entry,
  convert: entry
});
var chipSchema = z2.strictObject({
  kind: z2.literal("chip"),
  name: z2.string().min(1),
  grid: z2.strictObject({ rows: numberSchema("cores", "count"), columns: numberSchema("cores", "count") }),
  clock: numberSchema("Hz", "positive"),
  operationsPerMac: numberSchema("operations/MAC", "count"),
  core: z2.strictObject({
    memory: numberSchema("bytes", "count"),
    memoryPort: numberSchema("bytes/cycle", "count"),
    weightBuffer: numberSchema("bytes", "count"),
    partialBuffer: numberSchema("bytes", "count"),
    programBuffer: numberSchema("bytes", "count"),
    threads: numberSchema("threads", "count")
  }),
  matrix: z2.strictObject({
    inputs: numberSchema("elements", "count"),
    outputs: z2.strictObject({
      int8: numberSchema("elements", "count"),
      int4: numberSchema("elements", "count"),
      int2: numberSchema("elements", "count")
    }),
    fill: numberSchema("cycles", "whole")
  }),
  vector: z2.strictObject({
    element: z2.literal("f16"),
    lanes: numberSchema("lanes", "count"),
    cycles: costClasses(numberSchema("cycles", "count")),
    fill: numberSchema("cycles", "whole")
  }),
  networks: z2.strictObject({
    model: networkSchema,
    partial: networkSchema,
    activation: networkSchema,
    instruction: networkSchema
  }),
  frameBuffer: z2.strictObject({ memory: numberSchema("bytes", "count"), row: numberSchema("bytes/cycle", "count") }),
  host: z2.strictObject({ bandwidth: numberSchema("bytes/s", "positive"), command: numberSchema("s", "measure") }),
  synchronization: z2.strictObject({ barrier: numberSchema("cycles", "whole"), issue: numberSchema("cycles", "whole") }),
  energy: z2.strictObject({
    mac: z2.strictObject({
      int8: numberSchema("pJ", "measure"),
      int4: numberSchema("pJ", "measure"),
      int2: numberSchema("pJ", "measure")
    }),
    memoryRead: numberSchema("pJ/byte", "measure"),
    memoryWrite: numberSchema("pJ/byte", "measure"),
    weightBufferRead: numberSchema("pJ/byte", "measure"),
    weightBufferWrite: numberSchema("pJ/byte", "measure"),
    partialBuffer: numberSchema("pJ/byte", "measure"),
    vector: costClasses(numberSchema("pJ", "measure")),
    instruction: numberSchema("pJ", "measure"),
    frameBuffer: numberSchema("pJ/byte", "measure"),
    host: numberSchema("pJ/byte", "measure"),
    static: numberSchema("W", "measure")
  })
});
var networkOf2 = (network) => ({
  linkBytesPerCycle: network.link.value,
  hopCycles: network.hop.value,
  hopEnergyPjPerByte: network.hopEnergy.value
});
var valuesOf = (entries) => Object.fromEntries(
  Object.entries(entries).map(([key, entry]) => [key, entry.value])
);
function chipOf(tree, provenance) {
  const { core, matrix, vector, networks, energy: energy2 } = tree;
  return {
    kind: "chip",
    name: tree.name,
    grid: { rows: tree.grid.rows.value, columns: tree.grid.columns.value },
    clockHz: tree.clock.value,
    operationsPerMac: tree.operationsPerMac.value,
    core: {
      memoryBytes: core.memory.value,
      memoryPortBytesPerCycle: core.memoryPort.value,
      weightBufferBytes: core.weightBuffer.value,
      partialBufferBytes: core.partialBuffer.value,
      programBufferBytes: core.programBuffer.value,
      threadCount: core.threads.value
    },
    matrix: {
      inputCount: matrix.inputs.value,
      outputCount: { 8: matrix.outputs.int8.value, 4: matrix.outputs.int4.value, 2: matrix.outputs.int2.value },
      fillCycles: matrix.fill.value
    },
    vector: {
      laneCount: vector.lanes.value,
      element: vector.element,
      cycles: valuesOf(vector.cycles),
      fillCycles: vector.fill.value
    },
    networks: {
      model: networkOf2(networks.model),
      partial: networkOf2(networks.partial),
      activation: networkOf2(networks.activation),
      instruction: networkOf2(networks.instruction)
    },
    frameBuffer: { bytes: tree.frameBuffer.memory.value, rowBytesPerCycle: tree.frameBuffer.row.value },
    host: { bytesPerSecond: tree.host.bandwidth.value, commandSeconds: tree.host.command.value },
    synchronization: {
      barrierCycles: tree.synchronization.barrier.value,
      issueCycles: tree.synchronization.issue.value
    },
    energy: {
      macPj: { 8: energy2.mac.int8.value, 4: energy2.mac.int4.value, 2: energy2.mac.int2.value },
      memoryReadPjPerByte: energy2.memoryRead.value,
      memoryWritePjPerByte: energy2.memoryWrite.value,
      weightBufferReadPjPerByte: energy2.weightBufferRead.value,
      weightBufferWritePjPerByte: energy2.weightBufferWrite.value,
      partialBufferPjPerByte: energy2.partialBuffer.value,
      vectorPj: valuesOf(energy2.vector),
      instructionPj: energy2.instruction.value,
      frameBufferPjPerByte: energy2.frameBuffer.value,
      hostPjPerByte: energy2.host.value,
      staticWatts: energy2.static.value
    },
    provenance
  };
}

// targets/formula.ts
function tokens(text) {
  const token = /\s*(?:(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|([A-Za-z][A-Za-z0-9]*(?:\.[A-Za-z0-9]+)*)|([-+*/()]))/y;
  const list = [];
  let end = 0;
  const trimmed = text.trimEnd();
  while (end < trimmed.length) {
    token.lastIndex = end;
    const match = token.exec(trimmed);
    if (match === null) break;
    list.push(match[0].trim());
    end = token.lastIndex;
  }
  return { list, end: end === trimmed.length ? text.length : end };
}
var Mistake = class extends Error {
};
var FormulaParser = class {
  list;
  position = 0;
  constructor(list) {
    this.list = list;
  }
  whole() {
    const formula = this.sum();
    if (this.position < this.list.length) throw new Mistake(`unexpected "${this.list[this.position]}"`);
    return formula;
  }
  take(...wanted) {
    const next = this.list[this.position];
    if (next === void 0 || !wanted.includes(next)) return null;
    this.position += 1;
    return next;
  }
  sum() {
    let left = this.term();
    for (let operator = this.take("+", "-"); operator !== null; operator = this.take("+", "-")) {
      left = { kind: "binary", operator, left, right: this.term() };
    }
    return left;
  }
  term() {
    let left = this.factor();
    for (let operator = this.take("*", "/"); operator !== null; operator = this.take("*", "/")) {
      left = { kind: "binary", operator, left, right: this.factor() };
    }
    return left;
  }
  factor() {
    if (this.take("-") !== null) return { kind: "negate", operand: this.factor() };
    if (this.take("(") !== null) return this.closed();
    const next = this.list[this.position];
    if (next === void 0) throw new Mistake("it ends where a number, a path or a bracket is expected");
    if (!/^[A-Za-z0-9]/.test(next)) throw new Mistake(`unexpected "${next}"`);
    this.position += 1;
    if (/^\d/.test(next)) return { kind: "number", value: Number(next) };
    if (this.take("(") === null) return { kind: "path", path: next };
    if (next !== "powerOfTwo") throw new Mistake(`"${next}" is no function; powerOfTwo is`);
    return { kind: "powerOfTwo", operand: this.closed() };
  }
  closed() {
    const inside2 = this.sum();
    if (this.take(")") === null) throw new Mistake("a bracket is not closed");
    return inside2;
  }
};
function parseFormula(text) {
  const { list, end } = tokens(text);
  if (end < text.length) return { mistake: `unexpected "${text.slice(end).trim()[0]}"` };
  try {
    return { formula: new FormulaParser(list).whole() };
  } catch (error) {
    if (error instanceof Mistake) return { mistake: error.message };
    throw error;
  }
}
function formulaPaths(formula) {
  switch (formula.kind) {
    case "number":
      return [];
    case "path":
      return [formula.path];
    case "negate":
    case "powerOfTwo":
      return formulaPaths(formula.operand);
    case "binary":
      return [.../* @__PURE__ */ new Set([...formulaPaths(formula.left), ...formulaPaths(formula.right)])];
  }
}
function evaluateFormula(formula, valueAt2) {
  switch (formula.kind) {
    case "number":
      return formula.value;
    case "path":
      return valueAt2(formula.path);
    case "negate":
      return -evaluateFormula(formula.operand, valueAt2);
    case "powerOfTwo":
      return 2 ** Math.round(Math.log2(evaluateFormula(formula.operand, valueAt2)));
    case "binary": {
      const left = evaluateFormula(formula.left, valueAt2);
      const right = evaluateFormula(formula.right, valueAt2);
      switch (formula.operator) {
        case "+":
          return left + right;
        case "-":
          return left - right;
        case "*":
          return left * right;
        case "/":
          return left / right;
      }
    }
  }
}

// targets/gpu-schema.ts
import { z as z3 } from "zod";
var rate = numberSchema("operations/cycle", "count");
var side = numberSchema("elements", "count");
var energy = numberSchema("pJ", "measure");
var gpuSchema = z3.strictObject({
  kind: z3.literal("gpu"),
  name: z3.string().min(1),
  multiprocessors: numberSchema("multiprocessors", "count"),
  clock: numberSchema("Hz", "positive"),
  operations: z3.strictObject({ int8: rate, fp16: rate, fp32: rate, vector: rate }),
  achievable: z3.strictObject({ compute: numberSchema("fraction", "fraction"), memory: numberSchema("fraction", "fraction") }),
  memory: z3.strictObject({ capacity: numberSchema("bytes", "count"), bandwidth: numberSchema("bytes/s", "positive") }),
  cache: z3.strictObject({
    capacity: numberSchema("bytes", "whole"),
    bandwidth: numberSchema("bytes/s", "positive"),
    latency: numberSchema("s", "measure")
  }),
  tile: z3.strictObject({
    instruction: numberSchema("elements", "count"),
    smallest: z3.strictObject({ int8: side, fp16: side, fp32: side }),
    greatest: numberSchema("elements", "count"),
    split: numberSchema("blocks", "count"),
    accumulators: numberSchema("elements", "count"),
    slab: numberSchema("bytes", "count"),
    stages: numberSchema("stages", "count")
  }).superRefine((tile2, context) => {
    const refuse2 = (path, message) => {
      context.addIssue({
        code: "custom",
        message,
        path: path === "greatest" ? [path, "value"] : ["smallest", path, "value"]
      });
    };
    const { smallest, greatest, accumulators } = tile2;
    for (const [name, { value }] of Object.entries({ ...smallest, greatest })) {
      if (!Number.isInteger(Math.log2(value))) refuse2(name, `${value} is not a power of two`);
    }
    for (const [name, { value }] of Object.entries(smallest)) {
      if (value > greatest.value) refuse2(name, `${value} is more than the greatest side ${greatest.value}`);
      if (value ** 2 > accumulators.value)
        refuse2(name, `a tile of ${value ** 2} exceeds the ${accumulators.value} accumulators`);
    }
  }),
  launch: numberSchema("s", "measure"),
  host: z3.strictObject({ bandwidth: numberSchema("bytes/s", "positive"), transfer: numberSchema("s", "measure") }),
  power: z3.strictObject({
    idle: numberSchema("W", "measure"),
    active: numberSchema("W", "measure"),
    limit: numberSchema("W", "positive")
  }),
  energy: z3.strictObject({
    operation: z3.strictObject({ int8: energy, fp16: energy, fp32: energy }),
    vector: energy,
    cache: numberSchema("pJ/byte", "measure"),
    memory: numberSchema("pJ/byte", "measure"),
    host: numberSchema("pJ/byte", "measure")
  })
});
function gpuOf(tree, provenance) {
  const { operations, memory, cache, tile: tile2, power: power2 } = tree;
  return {
    kind: "gpu",
    name: tree.name,
    multiprocessorCount: tree.multiprocessors.value,
    clockHz: tree.clock.value,
    operationsPerCycle: {
      matrix: { int8: operations.int8.value, fp16: operations.fp16.value, fp32: operations.fp32.value },
      vector: operations.vector.value
    },
    achievable: { computeFraction: tree.achievable.compute.value, memoryFraction: tree.achievable.memory.value },
    memory: { bytes: memory.capacity.value, bytesPerSecond: memory.bandwidth.value },
    cache: {
      bytes: cache.capacity.value,
      bytesPerSecond: cache.bandwidth.value,
      latencySeconds: cache.latency.value
    },
    tile: {
      instructionSide: tile2.instruction.value,
      smallestSide: { int8: tile2.smallest.int8.value, fp16: tile2.smallest.fp16.value, fp32: tile2.smallest.fp32.value },
      greatestSide: tile2.greatest.value,
      greatestInnerSplit: tile2.split.value,
      accumulatorCount: tile2.accumulators.value,
      slabBytes: tile2.slab.value,
      stageCount: tile2.stages.value
    },
    launchSeconds: tree.launch.value,
    host: { bytesPerSecond: tree.host.bandwidth.value, transferSeconds: tree.host.transfer.value },
    power: { idleWatts: power2.idle.value, activeWatts: power2.active.value, limitWatts: power2.limit.value },
    energy: {
      operationPj: {
        int8: tree.energy.operation.int8.value,
        fp16: tree.energy.operation.fp16.value,
        fp32: tree.energy.operation.fp32.value
      },
      vectorOperationPj: tree.energy.vector.value,
      cachePjPerByte: tree.energy.cache.value,
      memoryPjPerByte: tree.energy.memory.value,
      hostPjPerByte: tree.energy.host.value
    },
    provenance
  };
}

// targets/tree.ts
var isNumber2 = (part) => typeof part === "object" && typeof part.value === "number";
function numbersOf2(tree) {
  const walk = (part, path) => {
    if (typeof part === "string") return [];
    if (isNumber2(part)) return [[path, part]];
    return Object.entries(part).flatMap(([name, inner]) => walk(inner, path === "" ? name : `${path}.${name}`));
  };
  return walk(tree, "");
}
function derivedNumbers(tree, locate, problems) {
  const entries = new Map(numbersOf2(tree));
  const derived = [];
  for (const [path, entry] of entries) {
    if (entry.formula === void 0) continue;
    const refuse2 = (message) => {
      problems.push({
        code: "B302",
        message: `${path}.formula: ${message}`,
        at: locate([...path.split("."), "formula"])
      });
    };
    const parsed = parseFormula(entry.formula);
    if ("mistake" in parsed) {
      refuse2(`"${entry.formula}" is no formula: ${parsed.mistake}.`);
      continue;
    }
    const unknown = formulaPaths(parsed.formula).filter((name) => !entries.has(name));
    for (const name of unknown) {
      refuse2(`it reads "${name}", which is no number of the file${didYouMean(name, [...entries.keys()])}`);
    }
    if (unknown.length === 0) derived.push({ path, entry, formula: parsed.formula });
  }
  return derived;
}
function recomputed(tree, derived, locate, problems) {
  const entries = new Map(numbersOf2(tree));
  const formulas = new Map(derived.map((item) => [item.path, item]));
  const values = /* @__PURE__ */ new Map();
  const open = /* @__PURE__ */ new Set();
  const valueAt2 = (path) => {
    const known = values.get(path);
    if (known !== void 0) return known;
    const item = formulas.get(path);
    if (item === void 0) return entries.get(path).value;
    if (open.has(path)) {
      const message = `${path}.formula: it depends on itself.`;
      problems.push({ code: "B302", message, at: locate([...path.split("."), "formula"]) });
      return item.entry.value;
    }
    open.add(path);
    const value = evaluateFormula(item.formula, valueAt2);
    open.delete(path);
    values.set(path, value);
    return value;
  };
  for (const { path } of derived) valueAt2(path);
  return values;
}
function formulaProblems(tree, locate) {
  const problems = [];
  const derived = derivedNumbers(tree, locate, problems);
  if (problems.length > 0) return problems;
  const values = recomputed(tree, derived, locate, problems);
  for (const { path, entry } of derived) {
    const value = values.get(path);
    if (Math.abs(value - entry.value) <= 1e-9 * Math.abs(value)) continue;
    const message = `${path}: the value is ${entry.value}, but its formula "${entry.formula}" gives ${value}.`;
    problems.push({ code: "B302", message, at: locate([...path.split("."), "value"]) });
  }
  return problems;
}
function targetOf(tree) {
  const provenance = new Map(
    numbersOf2(tree).map(([path, { value, unit, source, note, range: range2, formula }]) => [
      path,
      { value, unit, source, note, formula: formula ?? null, range: range2 ?? null }
    ])
  );
  return tree.kind === "chip" ? chipOf(tree, provenance) : gpuOf(tree, provenance);
}
function schemaOf(kind) {
  return kind === "chip" ? chipSchema : gpuSchema;
}

// targets/parse.ts
var startOf = (node) => node?.range?.[0];
var pairOf = (node, name) => isMap(node) ? node.items.find((pair) => isScalar(pair.key) && String(pair.key.value) === name) : void 0;
function locators(document, lines, file) {
  const position = (offset) => {
    if (offset === void 0) return { file };
    const { line, col } = lines.linePos(offset);
    return { file, line, column: col };
  };
  const find = (path, wanted) => {
    let node = document.contents;
    let offset = startOf(node);
    for (const [index, name] of path.entries()) {
      const pair = pairOf(node, name);
      const value = pair === void 0 && isSeq(node) ? node.items[Number(name)] : pair?.value;
      if (value === void 0) break;
      const last = index === path.length - 1;
      offset = startOf(last && wanted === "value" ? value : pair?.key ?? value) ?? startOf(pair?.key);
      node = value;
    }
    return position(offset);
  };
  return { locate: (path) => find(path, "value"), locateKey: (path) => find(path, "key") };
}
var shown = (value) => {
  if (typeof value === "number") return String(value);
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
};
var valueAt = (raw, path) => path.reduce((value, name) => value?.[name], raw);
function namesAt(schema, path) {
  let section = schema;
  for (const name of path) section = section.shape?.[name];
  return Object.keys(section?.shape ?? {});
}
function expectation(issue) {
  switch (issue.code) {
    case "invalid_type":
      return { int: "a whole number", object: "a section", string: "a text", tuple: "[low, high]" }[issue.expected] ?? `a ${issue.expected}`;
    case "invalid_value":
      return issue.values.map((value) => `"${String(value)}"`).join(" or ");
    case "too_small":
      return issue.origin === "string" ? "some text" : `${issue.inclusive === true ? "at least" : "more than"} ${issue.minimum}`;
    case "too_big":
      return `${issue.inclusive === true ? "at most" : "less than"} ${issue.maximum}`;
    default:
      return issue.message;
  }
}
function issueProblems(issue, raw, schema, locate, locateKey) {
  const path = issue.path.map(String).join(".");
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => {
      const where2 = path === "" ? "" : `${path}: `;
      const message2 = `${where2}unknown key "${key}"${didYouMean(key, namesAt(schema, issue.path))}`;
      return { code: "B302", message: message2, at: locateKey([...issue.path, key]) };
    });
  }
  const found = valueAt(raw, issue.path);
  if (found === void 0) {
    const name = String(issue.path.at(-1) ?? "");
    const section = path.slice(0, Math.max(0, path.length - name.length - 1));
    const where2 = section === "" ? "" : `${section}: `;
    return [{ code: "B302", message: `${where2}missing "${name}".`, at: locateKey(issue.path) }];
  }
  const message = issue.code === "custom" ? `${path}: ${issue.message}.` : `${path}: expected ${expectation(issue)}, found ${shown(found)}.`;
  return [{ code: "B302", message, at: locate(issue.path) }];
}
function checkTree(raw, kind, locate, locateKey) {
  const schema = schemaOf(kind);
  const result = schema.safeParse(raw);
  if (!result.success) {
    throw new BorealError(result.error.issues.flatMap((issue) => issueProblems(issue, raw, schema, locate, locateKey)));
  }
  const problems = formulaProblems(result.data, locate);
  if (problems.length > 0) throw new BorealError(problems);
  return targetOf(result.data);
}
function parseTarget(text, file) {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: false });
  const broken = [...document.errors, ...document.warnings];
  if (broken.length > 0) {
    throw new BorealError(
      broken.map((error) => {
        const { line, col } = lines.linePos(error.pos[0]);
        const key = error.code === "DUPLICATE_KEY" ? ` ("${/^[^\s:]+/.exec(text.slice(error.pos[0]))?.[0]}")` : "";
        return { code: "B301", message: `${error.message.replace(/\.$/, "")}${key}.`, at: { file, line, column: col } };
      })
    );
  }
  const { locate, locateKey } = locators(document, lines, file);
  if (!isMap(document.contents)) {
    throw new BorealError([{ code: "B301", message: "The file holds no sections.", at: { file, line: 1, column: 1 } }]);
  }
  const raw = document.toJS();
  const kind = valueAt(raw, ["kind"]);
  if (kind !== "chip" && kind !== "gpu") {
    const message = kind === void 0 ? 'missing "kind": "chip" or "gpu".' : `kind: expected "chip" or "gpu", found ${shown(kind)}.`;
    throw new BorealError([{ code: "B302", message, at: locate(["kind"]) }]);
  }
  return checkTree(raw, kind, locate, locateKey);
}

// targets/load.ts
function listTargets() {
  const folders = [
    { kind: "chip", url: new URL("./chips/", import.meta.url) },
    { kind: "gpu", url: new URL("./gpus/", import.meta.url) }
  ];
  return folders.flatMap(
    ({ kind, url }) => readdirSync(url).filter((file) => file.endsWith(".yaml")).sort().map((file) => ({ name: basename(file, ".yaml"), kind, path: fileURLToPath(new URL(file, url)) }))
  );
}
function loadTarget(nameOrPath) {
  const isPath = /[/\\]|\.ya?ml$/.test(nameOrPath);
  const listed2 = listTargets();
  const path = isPath ? nameOrPath : listed2.find(({ name }) => name === nameOrPath)?.path;
  if (path === void 0) {
    const names = listed2.map(({ name }) => name);
    throw problem("B303", `There is no target "${nameOrPath}"${didYouMean(nameOrPath, names)}`);
  }
  return parseTarget(readTargetFile(path), isPath ? path : `${nameOrPath}.yaml`);
}
function loadChip(nameOrPath) {
  const target = loadTarget(nameOrPath);
  if (target.kind !== "chip")
    throw problem("B303", `The target "${nameOrPath}" is a ${target.kind}; a chip is expected.`);
  return target;
}
function readTargetFile(path) {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw problem("B303", `The target file cannot be read: ${error.message}.`, { file: path });
  }
}

// ir/iteration.ts
function footprint(access, iterationBox2) {
  const empty = iterationBox2.some((range2) => range2.end <= range2.start);
  return access.map(({ terms, offset }) => {
    if (empty) return { start: 0, end: 0 };
    let start = offset;
    let end = offset + 1;
    for (const { dimension, stride } of terms) {
      const range2 = iterationBox2[dimension];
      start += stride * (stride >= 0 ? range2.start : range2.end - 1);
      end += stride * (stride >= 0 ? range2.end - 1 : range2.start);
    }
    return { start, end };
  });
}
function boxCount(box) {
  let count = 1;
  for (const range2 of box) count *= Math.max(0, range2.end - range2.start);
  return count;
}

// compiler/geometry.ts
function layOut(dimensions, split, grid) {
  const partsOn = (list, name) => list.find((part) => part.dimension === name)?.parts ?? 1;
  const indexOn = (list, name, length) => {
    const position = list.findIndex((part) => part.dimension === name);
    if (position < 0) return new Array(length).fill(0);
    const inner = product(list.slice(position + 1).map((part) => part.parts));
    const parts2 = list[position]?.parts ?? 1;
    return Array.from({ length }, (_, index) => Math.floor(index / inner) % parts2);
  };
  const parts = dimensions.map(({ name }) => partsOn(split.rows, name) * partsOn(split.columns, name));
  const reducedDimension = dimensions.findIndex(
    (dimension, index) => dimension.kind === "reduction" && parts[index] !== 1
  );
  const reducedName = dimensions[reducedDimension]?.name ?? "";
  const onRows = partsOn(split.rows, reducedName);
  const columnParts = dimensions.map(({ name }) => partsOn(split.columns, name));
  return {
    grid,
    split,
    dimensions,
    usedRows: product(split.rows.map((part) => part.parts)),
    usedColumns: product(split.columns.map((part) => part.parts)),
    parts,
    chunks: dimensions.map(({ size }, index) => ceilDivide(size, parts[index] ?? 1)),
    rowIndex: dimensions.map(
      ({ name }, index) => indexOn(split.rows, name, grid.rows).map((part) => part * (columnParts[index] ?? 1))
    ),
    columnIndex: dimensions.map(({ name }) => indexOn(split.columns, name, grid.columns)),
    reduction: reducedDimension < 0 ? null : {
      dimension: reducedDimension,
      axis: onRows > 1 ? "rows" : "columns",
      parts: parts[reducedDimension] ?? 1
    }
  };
}
function isActive(geometry, row, column) {
  if (row >= geometry.usedRows || column >= geometry.usedColumns) return false;
  return geometry.dimensions.every((_, index) => {
    const range2 = rangeOn(geometry, index, row, column);
    return range2.end > range2.start;
  });
}
function rangeOn(geometry, dimension, row, column) {
  const part = (geometry.rowIndex[dimension]?.[row] ?? 0) + (geometry.columnIndex[dimension]?.[column] ?? 0);
  const chunk = geometry.chunks[dimension];
  const size = geometry.dimensions[dimension].size;
  return { start: Math.min(size, part * chunk), end: Math.min(size, (part + 1) * chunk) };
}
function iterationBox(geometry, row, column) {
  return geometry.dimensions.map((_, index) => rangeOn(geometry, index, row, column));
}
function largestBox(geometry) {
  return geometry.chunks.map((chunk) => ({ start: 0, end: chunk }));
}
function ownsResult(geometry, row, column) {
  if (!isActive(geometry, row, column)) return false;
  const reduction = geometry.reduction;
  return reduction === null || reductionIndex(geometry, row, column) === reduction.parts - 1;
}
function reductionIndex(geometry, row, column) {
  const reduction = geometry.reduction;
  if (reduction === null) return 0;
  return (geometry.rowIndex[reduction.dimension]?.[row] ?? 0) + (geometry.columnIndex[reduction.dimension]?.[column] ?? 0);
}

// compiler/tiling.ts
function contractionRoles(layer) {
  const [activations, weights] = anchorAccesses(layer);
  const touches = (access, dimension) => access.some((axis) => axis.terms.some((term) => term.dimension === dimension));
  const roles = { group: [], row: [], column: [], inner: [] };
  layer.dimensions.forEach((dimension, index) => {
    if (dimension.kind === "reduction") roles.inner.push(index);
    else if (!touches(weights, index)) roles.row.push(index);
    else if (!touches(activations, index)) roles.column.push(index);
    else roles.group.push(index);
  });
  const reach = (index) => layer.dimensions[index]?.name === "c" ? 1 : 0;
  roles.inner.sort((left, right) => reach(left) - reach(right) || left - right);
  return roles;
}
function anchorAccesses(layer) {
  const anchor = layer.nodes[0]?.name;
  const find = (operand) => layer.reads.find((read) => read.node === anchor && read.operand === operand)?.access ?? [];
  return [find(0), find(1)];
}
function tileCapacity(geometry, target) {
  return Math.floor(target.core.partialBufferBytes / 4 / (geometry.reduction === null ? 2 : 4));
}
function weightHalfBytes(target) {
  return Math.floor(target.core.weightBufferBytes / 2);
}
function chunkCapacityBytes(target) {
  return weightHalfBytes(target) - 4 * target.grid.rows * target.grid.columns;
}
function tilePlan(layer, geometry, target) {
  const roles = contractionRoles(layer);
  const size = (dimensions) => product(dimensions.map((dimension) => geometry.chunks[dimension]));
  const capacity = tileCapacity(geometry, target);
  const width = target.matrix.outputCount["8"];
  const rows = size(roles.row);
  const allColumns = size(roles.column);
  const inner = size(roles.inner);
  const half = chunkCapacityBytes(target);
  const fitting = Math.floor(capacity / rows / width) * width;
  let columns = Math.min(allColumns, Math.max(width, fitting), capacity);
  const oneChunk = Math.floor(half / roundUp(inner, 2) / width) * width;
  if (columns > oneChunk) columns = Math.min(columns, Math.max(width, oneChunk));
  return {
    rows: Math.max(1, Math.min(rows, Math.floor(capacity / columns))),
    columns,
    inner: Math.min(inner, Math.max(2, Math.floor(half / columns / 2) * 2))
  };
}
function tileBoxes(ranges, limit) {
  const sizes = ranges.map((range2) => range2.end - range2.start);
  const tile2 = new Array(sizes.length).fill(1);
  let room = Math.max(1, limit);
  for (let index = sizes.length - 1; index >= 0; index -= 1) {
    const size = sizes[index];
    tile2[index] = Math.min(size, room);
    room = Math.floor(room / tile2[index]);
    if (tile2[index] < size) room = 1;
  }
  let boxes = [[]];
  ranges.forEach((range2, index) => {
    const step = tile2[index];
    const pieces = Array.from({ length: ceilDivide(range2.end - range2.start, step) }, (_, turn) => ({
      start: range2.start + turn * step,
      end: Math.min(range2.end, range2.start + (turn + 1) * step)
    }));
    boxes = boxes.flatMap((box) => pieces.map((piece) => [...box, piece]));
  });
  return boxes;
}
function subBox(box, dimensions) {
  return dimensions.map((dimension) => box[dimension]);
}

// targets/cost.ts
function weightWidth(bits) {
  return bits <= 2 ? "2" : bits <= 4 ? "4" : "8";
}
function columnPasses(target, columns, weightBits) {
  return ceilDivide(columns, target.matrix.outputCount[weightWidth(weightBits)]);
}
function innerPasses(target, inner) {
  return ceilDivide(inner, target.matrix.inputCount);
}
function vectorCycles(target, cost, elements) {
  return ceilDivide(elements, target.vector.laneCount) * target.vector.cycles[cost] + target.vector.fillCycles;
}
function portCycles(target, bytes) {
  return ceilDivide(bytes, target.core.memoryPortBytesPerCycle);
}
function linkCycles(network, bytes) {
  return Math.max(1, ceilDivide(bytes, network.linkBytesPerCycle));
}
function frameLinkCycles(target, bytes) {
  const width = Math.min(target.networks.activation.linkBytesPerCycle, target.frameBuffer.rowBytesPerCycle);
  return Math.max(1, ceilDivide(bytes, width));
}
function streamCycles(target, groupRows, groupColumns, pieceBytes) {
  const network = target.networks.model;
  const pieces = groupRows * groupColumns;
  return pieces * ceilDivide(pieceBytes, network.linkBytesPerCycle) + network.hopCycles * (groupRows + groupColumns - 2);
}

// compiler/mapper/rules.ts
function groupSize(geometry, roles) {
  const names = new Set(roles.row.map((index) => geometry.dimensions[index]?.name));
  const size = (parts) => product(parts.filter((part) => names.has(part.dimension)).map((part) => part.parts));
  return { rows: size(geometry.split.rows), columns: size(geometry.split.columns) };
}
function splitViolations(layer, split, grid) {
  const found = [];
  if (layer.kind === "output") {
    if (split.rows.length + split.columns.length > 0) found.push("An output step has no split.");
    return found;
  }
  found.push(...axisViolations(layer, split.rows, grid.rows, "rows"));
  found.push(...axisViolations(layer, split.columns, grid.columns, "columns"));
  if (found.length > 0) return found;
  for (const [index, dimension] of layer.dimensions.entries()) {
    const parts = totalParts(split, dimension.name);
    if (parts > dimension.size) {
      found.push(`Dimension "${dimension.name}" of size ${dimension.size} is split into ${parts} parts.`);
    }
    if (dimension.kind === "reduction" && parts > 1) found.push(...reductionViolations(layer, dimension, split));
    if (parts > 1) found.push(...boxViolations(layer, index, split));
  }
  const reduced = layer.dimensions.filter(
    (dimension) => dimension.kind === "reduction" && totalParts(split, dimension.name) > 1
  );
  if (reduced.length > 1) {
    found.push(
      `At most one reduction dimension may be split, found ${reduced.map(({ name }) => `"${name}"`).join(", ")}.`
    );
  }
  return found;
}
function axisViolations(layer, list, limit, axis) {
  const found = [];
  const seen = /* @__PURE__ */ new Set();
  for (const { dimension, parts } of list) {
    if (!layer.dimensions.some(({ name }) => name === dimension)) {
      const names = layer.dimensions.map(({ name }) => `"${name}"`).join(", ");
      found.push(`There is no dimension "${dimension}"; the layer has ${names || "none"}.`);
    }
    if (seen.has(dimension)) found.push(`Dimension "${dimension}" stands twice on the grid's ${axis}.`);
    seen.add(dimension);
    if (!Number.isInteger(parts) || parts < 2) {
      found.push(`Dimension "${dimension}" has ${parts} parts; the least is 2 (a dimension of one part is left out).`);
    }
  }
  const used = product(list.map(({ parts }) => parts));
  if (used > limit) found.push(`The parts on the grid's ${axis} make ${used}; the grid has ${limit} ${axis}.`);
  return found;
}
function totalParts(split, name) {
  let parts = 1;
  for (const part of split.rows) if (part.dimension === name) parts *= part.parts;
  for (const part of split.columns) if (part.dimension === name) parts *= part.parts;
  return parts;
}
function reductionViolations(layer, dimension, split) {
  const name = dimension.name;
  if (layer.kind !== "contraction") return [`Reduction dimension "${name}" may be split in contractions alone.`];
  const onRows = split.rows.findIndex((part) => part.dimension === name);
  const onColumns = split.columns.findIndex((part) => part.dimension === name);
  const found = [];
  if (onRows >= 0 && onColumns >= 0) {
    found.push(`Reduction dimension "${name}" is split on both grid axes; it may stand on one.`);
  } else {
    const [position, list] = onRows >= 0 ? [onRows, split.rows] : [onColumns, split.columns];
    if (position !== list.length - 1) {
      found.push(
        `Reduction dimension "${name}" must be the last (innermost) of its list, so that its parts are neighbours.`
      );
    }
  }
  const parts = totalParts(split, name);
  const chunk = Math.ceil(dimension.size / parts);
  if (chunk * (parts - 1) >= dimension.size) {
    found.push(`Reduction dimension "${name}" of size ${dimension.size} in ${parts} parts leaves some parts empty.`);
  }
  return found;
}
function boxViolations(layer, dimension, split) {
  const found = /* @__PURE__ */ new Set();
  for (const access of [layer.result, ...layer.writes.map((write) => write.access)]) {
    for (const { terms } of access) {
      const own = terms.find((term) => term.dimension === dimension);
      if (own === void 0) continue;
      for (const term of terms) {
        const other = layer.dimensions[term.dimension];
        const chunk = Math.ceil(other.size / totalParts(split, other.name));
        if (Math.abs(term.stride) > Math.abs(own.stride) && chunk > 1) {
          const name = layer.dimensions[dimension]?.name ?? "";
          found.add(
            `Dimension "${name}" may be split only when every core has a single index of "${other.name}", found ${chunk}.`
          );
        }
      }
    }
  }
  return [...found];
}
function streamViolations(layer, geometry, roles = contractionRoles(layer)) {
  const { split } = geometry;
  const found = [];
  const isRow = (part) => roles.row.some((index) => layer.dimensions[index]?.name === part.dimension);
  for (const axis of ["rows", "columns"]) {
    const first = split[axis].findIndex(isRow);
    if (first >= 0 && !split[axis].slice(first).every(isRow)) {
      found.push(`Streamed weights need the dimensions that the weights do not have innermost on the grid's ${axis}.`);
    }
  }
  const idle = roles.row.some((index) => {
    const parts = geometry.parts[index];
    return geometry.chunks[index] * (parts - 1) >= layer.dimensions[index].size;
  });
  if (idle) found.push("Streamed weights need every core of a group to have work; some parts are empty.");
  return found;
}

// compiler/mapper/layer-cost.ts
var nothing = {
  cycles: 0,
  matrixCycles: 0,
  vectorCycles: 0,
  portCycles: 0,
  modelCycles: 0,
  partialCycles: 0,
  frameCycles: 0,
  synchronizationCycles: 0
};
function constantWeights(layer) {
  if (layer.kind !== "contraction") return null;
  return anchorRead(layer, 1, true);
}
function anchorRead(layer, operand, constant) {
  const anchor = layer.nodes[0]?.name;
  const found = layer.reads.find((read) => read.node === anchor && read.operand === operand);
  return found === void 0 || constant !== null && found.constant !== constant ? null : found;
}
function tiledPasses(sizes, limit, passes) {
  let room = Math.max(1, limit);
  let inner = 1;
  for (let index = sizes.length - 1; index >= 0; index -= 1) {
    const size = sizes[index];
    const tile2 = Math.min(size, room);
    if (tile2 < size) {
      const outer = product(sizes.slice(0, index));
      const full = Math.floor(size / tile2);
      const rest = size - full * tile2;
      return {
        count: outer * ceilDivide(size, tile2),
        passes: outer * (full * passes(tile2 * inner) + (rest > 0 ? passes(rest * inner) : 0))
      };
    }
    inner *= tile2;
    room = Math.floor(room / tile2);
  }
  return { count: 1, passes: passes(inner) };
}
function layerCost(layer, geometry, weights, passes, target, roles = layer.kind === "contraction" ? contractionRoles(layer) : null) {
  const synchronizationCycles = target.synchronization.barrierCycles;
  switch (layer.kind) {
    case "output":
    case "movement":
      return { ...nothing, cycles: synchronizationCycles, synchronizationCycles };
    case "input": {
      const frameCycles = inputCycles(layer, geometry, target);
      return { ...nothing, cycles: frameCycles + synchronizationCycles, frameCycles, synchronizationCycles };
    }
    case "vector":
    case "reduce": {
      const elements = parallelPoints(geometry);
      const tile2 = Math.floor(target.core.partialBufferBytes / 4);
      const unit = chainCycles(passes, elements, ceilDivide(elements, tile2), reductionPoints(geometry), target);
      return {
        ...nothing,
        cycles: unit.cycles + synchronizationCycles,
        vectorCycles: unit.vectorCycles,
        portCycles: unit.portCycles,
        synchronizationCycles
      };
    }
    case "contraction":
      return contractionCost(layer, roles ?? contractionRoles(layer), geometry, weights, passes, target);
  }
}
function parallelPoints(geometry) {
  return product(geometry.chunks.filter((_, index) => geometry.dimensions[index]?.kind === "parallel"));
}
function reductionPoints(geometry) {
  return product(geometry.chunks.filter((_, index) => geometry.dimensions[index]?.kind === "reduction"));
}
function inputCycles(layer, geometry, target) {
  let cycles = 0;
  for (const write of layer.writes) {
    const bytes = product(geometry.chunks) * elementBytes(write.type.element);
    cycles += geometry.usedColumns * frameLinkCycles(target, bytes);
  }
  return cycles + target.networks.activation.hopCycles * geometry.usedColumns;
}
function chainCycles(passes, elements, tiles, inner, target) {
  let [cycles, unit, port] = [0, 0, 0];
  const tile2 = ceilDivide(elements, tiles);
  for (const pass of passes) {
    const points = tile2 * (pass.reduces ? inner : 1);
    const unitCycles = tiles * (vectorCycles(target, pass.cost, points) + target.synchronization.issueCycles);
    const bytes = points * pass.sourceBytes + tile2 * pass.resultBytes;
    const memoryCycles = tiles * portCycles(target, bytes);
    cycles += Math.max(unitCycles, memoryCycles);
    unit += unitCycles;
    port += memoryCycles;
  }
  return { cycles, vectorCycles: unit, portCycles: port };
}
function contractionCost(layer, roles, geometry, weights, passes, target) {
  const tile2 = tilePlan(layer, geometry, target);
  const sizes = (dimensions) => dimensions.map((dimension) => geometry.chunks[dimension]);
  const [rowSizes, columnSizes, innerSizes] = [sizes(roles.row), sizes(roles.column), sizes(roles.inner)];
  const groups = product(sizes(roles.group));
  const [rows, columnCount, inner] = [product(rowSizes), product(columnSizes), product(innerSizes)];
  const weightElement = anchorRead(layer, 1, null)?.type.element ?? "i8";
  const weightBits = elementTypes[weightElement].bits;
  const rowTiles = tiledPasses(rowSizes, tile2.rows, () => 1).count;
  const columnTiles = tiledPasses(columnSizes, tile2.columns, (count) => columnPasses(target, count, weightBits));
  const innerTiles = tiledPasses(innerSizes, tile2.inner, (count) => innerPasses(target, count));
  const groupTiles = ceilDivide(groups, groupLimit(tile2, columnTiles.count, innerTiles.count, geometry, target));
  const resultTiles = rowTiles * columnTiles.count * groupTiles;
  const matmuls = resultTiles * innerTiles.count;
  const { issueCycles, barrierCycles } = target.synchronization;
  const matrixCycles = groups * rows * innerTiles.passes * columnTiles.passes + matmuls * (target.matrix.fillCycles + issueCycles);
  const weightBytes = groups * 2 * ceilDivide(inner, 2) * columnCount;
  const share = weights?.mode === "streamed" ? groupSize(geometry, roles) : { rows: 1, columns: 1 };
  const cores = share.rows * share.columns;
  const chunkPiece = ceilDivide(weightBytes, columnTiles.count * groupTiles * innerTiles.count * cores);
  const modelCycles = cores === 1 ? 0 : matmuls * streamCycles(target, share.rows, share.columns, chunkPiece);
  const activations = anchorRead(layer, 0, null)?.type.element ?? "i8";
  const activationBytes = groups * rows * inner * columnTiles.passes * elementBytes(activations);
  const portBytes = activationBytes + rowTiles * ceilDivide(weightBytes, cores);
  const results = groups * rows * columnCount;
  const epilogue = chainCycles(passes, results, resultTiles, 1, target);
  const parts = geometry.reduction?.parts ?? 1;
  const tileResults = ceilDivide(results, resultTiles);
  const addCycles = parts === 1 ? 0 : vectorCycles(target, "add", tileResults) + issueCycles;
  const sendCycles = parts === 1 ? 0 : linkCycles(target.networks.partial, 4 * tileResults) + target.networks.partial.hopCycles;
  const partialCycles = (parts - 1) * (addCycles + sendCycles);
  const unit = epilogue.cycles + resultTiles * addCycles;
  const memory = portCycles(target, portBytes) + epilogue.portCycles;
  const steady = Math.max(matrixCycles, unit, memory, modelCycles);
  const tail = matrixCycles >= unit ? epilogue.cycles / resultTiles : matrixCycles / resultTiles;
  return {
    ...nothing,
    cycles: Math.ceil(steady + tail) + partialCycles + barrierCycles,
    matrixCycles,
    vectorCycles: epilogue.vectorCycles + resultTiles * addCycles,
    portCycles: memory,
    modelCycles,
    partialCycles,
    synchronizationCycles: barrierCycles
  };
}
function groupLimit(tile2, columnTiles, innerTiles, geometry, target) {
  if (columnTiles > 1 || innerTiles > 1) return 1;
  const sums = Math.floor(tileCapacity(geometry, target) / (tile2.rows * tile2.columns));
  const weights = Math.floor(weightHalfBytes(target) / (2 * ceilDivide(tile2.inner, 2) * tile2.columns));
  return Math.max(1, Math.min(sums, weights));
}

// compiler/mapper/outline.ts
function outline(dimensions, split, grid) {
  const count = dimensions.length;
  const parts = new Array(count).fill(1);
  let reduction = null;
  const add = (list, axis) => {
    let used = 1;
    for (const part of list) {
      used *= part.parts;
      const index = dimensions.findIndex(({ name }) => name === part.dimension);
      parts[index] = parts[index] * part.parts;
      if (dimensions[index]?.kind === "reduction") reduction = { dimension: index, axis, parts: part.parts };
    }
    return used;
  };
  const usedRows = add(split.rows, "rows");
  const usedColumns = add(split.columns, "columns");
  const chunks = dimensions.map(({ size }, index) => ceilDivide(size, parts[index]));
  return { grid, split, dimensions, usedRows, usedColumns, parts, chunks, rowIndex: [], columnIndex: [], reduction };
}

// compiler/mapper/placement-key.ts
function place(list, name) {
  const position = list.findIndex((part) => part.dimension === name);
  if (position < 0) return "-";
  let inner = 1;
  for (const part of list.slice(position + 1)) inner *= part.parts;
  return `${list[position]?.parts}@${inner}`;
}
function placementKey(geometry, access, shape2, owner) {
  const { rows, columns } = geometry.split;
  const describe = (index) => {
    const { name, size } = geometry.dimensions[index];
    return `${size}:${place(rows, name)},${place(columns, name)}`;
  };
  const axes = access.map(({ terms, offset }) => {
    const parts = terms.map(({ dimension, stride }) => `${stride}*${describe(dimension)}`);
    return `${offset}+${parts.join("+")}`;
  });
  const uneven = geometry.dimensions.flatMap((dimension, index) => {
    const parts = geometry.parts[index];
    return parts > 1 && geometry.chunks[index] * (parts - 1) >= dimension.size ? [describe(index)] : [];
  });
  const chain = owner && geometry.reduction !== null ? describe(geometry.reduction.dimension) : "";
  const used = `${geometry.usedRows}x${geometry.usedColumns}`;
  return [shape2.join("x"), axes.join(";"), used, uneven.join(";"), chain].join("|");
}

// compiler/mapper/splits.ts
function usefulParts(size, cores) {
  const found = [];
  const most = Math.min(size, cores);
  for (let parts = 2; parts <= most; parts += 1) {
    const chunk = Math.ceil(size / parts);
    if (Math.ceil(size / chunk) !== parts) continue;
    const dividesWell = size % parts === 0 && 2 * parts > cores;
    const nextChunk = Math.ceil(size / (parts + 1));
    const largest2 = parts === most || Math.ceil(size / nextChunk) > most || nextChunk === chunk;
    if (cores % parts === 0 || dividesWell || parts === size || largest2 && 2 * parts > cores) found.push(parts);
  }
  return found;
}
function dimensionOrder(layer) {
  const large = (index) => {
    const dimension = layer.dimensions[index];
    return dimension !== void 0 && dimension.size > 1 ? [dimension] : [];
  };
  if (layer.kind === "contraction") {
    const { group, column, row, inner } = contractionRoles(layer);
    return [...group, ...column, ...row, ...inner].flatMap(large);
  }
  const parallel = layer.dimensions.map((_, index) => index).filter((index) => layer.dimensions[index]?.kind === "parallel");
  return parallel.flatMap(large);
}
function axisLists(dimensions, cores) {
  const lists = [[]];
  const options = dimensions.map(
    ({ name, size }) => usefulParts(size, cores).map((parts) => ({ dimension: name, parts }))
  );
  options.forEach((outerOptions, position) => {
    for (const outer of outerOptions) {
      if (2 * outer.parts >= cores || outer === outerOptions[outerOptions.length - 1]) lists.push([outer]);
      for (const innerOptions of options.slice(position + 1)) {
        for (const inner of innerOptions) {
          const used = outer.parts * inner.parts;
          if (used <= cores && 2 * used > cores) lists.push([outer, inner]);
        }
      }
    }
  });
  return lists;
}
function candidateSplits(layer, grid) {
  if (layer.kind === "output") return [{ rows: [], columns: [] }];
  const dimensions = dimensionOrder(layer);
  const rowLists = axisLists(dimensions, grid.rows);
  const columnLists = axisLists(dimensions, grid.columns);
  const reductions2 = new Set(layer.dimensions.filter(({ kind }) => kind === "reduction").map(({ name }) => name));
  const splits = [];
  for (const rows of rowLists) {
    const rowReduction = rows.some((part) => reductions2.has(part.dimension));
    for (const columns of columnLists) {
      if (rowReduction && columns.some((part) => reductions2.has(part.dimension))) continue;
      const split = { rows, columns };
      if (splitViolations(layer, split, grid).length === 0) splits.push(split);
    }
  }
  return splits;
}
function axisDimensions(layer, at2) {
  return (at2.access ?? []).map(({ terms }) => {
    const moving = terms.filter(({ dimension: dimension2 }) => (layer.dimensions[dimension2]?.size ?? 1) > 1);
    const term = moving.find(({ dimension: dimension2 }) => layer.dimensions[dimension2]?.kind === "parallel") ?? moving[0];
    const dimension = term === void 0 ? void 0 : layer.dimensions[term.dimension];
    return dimension === void 0 || term === void 0 ? null : { name: dimension.name, stride: term.stride };
  });
}
function translateSplit(split, from, to, grid) {
  const fromAxes = axisDimensions(from.layer, from.at);
  const toAxes = axisDimensions(to.layer, to.at);
  const translate = (list) => {
    const result2 = [];
    for (const { dimension, parts } of list) {
      const axis = fromAxes.findIndex((entry) => entry?.name === dimension);
      const counterpart = axis < 0 ? null : toAxes[axis];
      if (counterpart === null || counterpart === void 0) return null;
      result2.push({ dimension: counterpart.name, parts });
    }
    return result2;
  };
  const rows = translate(split.rows);
  const columns = translate(split.columns);
  if (rows === null || columns === null) return null;
  if (product(rows.map(({ parts }) => parts)) * product(columns.map(({ parts }) => parts)) === 1) return null;
  const result = { rows, columns };
  return splitViolations(to.layer, result, grid).length === 0 ? result : null;
}
function formatSplit(split) {
  const list = (parts) => parts.length === 0 ? "1" : parts.map(({ dimension, parts: count }) => `${dimension} ${count}`).join(" \xD7 ");
  return `rows ${list(split.rows)}, columns ${list(split.columns)}`;
}

// compiler/mapper/candidates.ts
var candidateLimit = 40;
function ownersRead(layer, node) {
  return layer.kind === "contraction" && node !== null && node !== layer.nodes[0]?.name;
}
function layerFacts(layer, passes) {
  const operands = /* @__PURE__ */ new Map();
  for (const read of layer.reads) {
    if (read.constant || read.access === null || layer.kind === "output") continue;
    operands.set(`${read.value} ${JSON.stringify(read.access)}`, {
      access: read.access,
      elementBytes: elementBytes(read.type.element)
    });
  }
  return {
    layer,
    passes,
    roles: layer.kind === "contraction" ? contractionRoles(layer) : null,
    hasWeights: constantWeights(layer) !== null,
    operands: [...operands.values()]
  };
}
function evaluateChoice(facts, split, weights, target, geometry = outline(facts.layer.dimensions, split, target.grid)) {
  const { layer, passes } = facts;
  const largest2 = largestBox(geometry);
  let operandBytes = 0;
  for (const operand of facts.operands) operandBytes += extentBytes(operand.access, largest2) * operand.elementBytes;
  let valueBytes = 0;
  for (const write of layer.writes) {
    valueBytes += extentBytes(write.access, largest2) * elementBytes(write.type.element);
  }
  return {
    split,
    weights,
    cost: layerCost(layer, geometry, weights, passes, target, facts.roles),
    weightBytes: storedWeightBytes(facts, geometry, weights),
    operandBytes,
    valueBytes,
    ownerKeys: layer.writes.map((write) => placementKey(geometry, write.access, write.type.shape, true)),
    needKeys: layer.reads.map(
      (read) => read.constant || read.access === null || layer.kind === "output" ? null : placementKey(geometry, read.access, read.type.shape, ownersRead(layer, read.node))
    )
  };
}
function extentBytes(access, box) {
  return product(footprint(access, box).map((range2) => range2.end - range2.start));
}
function storedWeightBytes({ roles, hasWeights }, geometry, weights) {
  if (roles === null || !hasWeights) return 0;
  const size = (dimensions) => product(dimensions.map((dimension) => geometry.chunks[dimension]));
  const bytes = size(roles.group) * size(roles.column) * 2 * ceilDivide(size(roles.inner), 2);
  if (weights?.mode !== "streamed") return bytes;
  const group = groupSize(geometry, roles);
  return ceilDivide(bytes, group.rows * group.columns);
}
function weightModes({ layer, roles, hasWeights }, geometry) {
  if (roles === null || !hasWeights) return [null];
  const resident = { mode: "resident" };
  const group = groupSize(geometry, roles);
  const streams = group.rows * group.columns > 1 && streamViolations(layer, geometry, roles).length === 0;
  return streams ? [resident, { mode: "streamed" }] : [resident];
}
function candidatesOf(layer, passes, target, further = [], limit = candidateLimit) {
  const facts = layerFacts(layer, passes);
  const evaluated = [];
  const seen = /* @__PURE__ */ new Set();
  for (const split of [...further, ...candidateSplits(layer, target.grid)]) {
    const text = formatSplit(split);
    if (seen.has(text)) continue;
    seen.add(text);
    const geometry = outline(layer.dimensions, split, target.grid);
    for (const weights of weightModes(facts, geometry)) {
      evaluated.push(evaluateChoice(facts, split, weights, target, geometry));
    }
  }
  const wanted = new Set(further.map(formatSplit));
  return select(undominated(evaluated), wanted, limit);
}
function memoryBytes(candidate) {
  return candidate.weightBytes + candidate.operandBytes + candidate.valueBytes;
}
function undominated(candidates) {
  const byInterface = /* @__PURE__ */ new Map();
  for (const candidate of candidates) {
    const key = [...candidate.ownerKeys, ...candidate.needKeys].join("\n");
    const rivals = byInterface.get(key) ?? [];
    if (rivals.some((rival) => beats(rival, candidate))) continue;
    byInterface.set(key, [...rivals.filter((rival) => !beats(candidate, rival)), candidate]);
  }
  const kept = new Set([...byInterface.values()].flat());
  return candidates.filter((candidate) => kept.has(candidate));
}
function beats(rival, candidate) {
  return rival.cost.cycles <= candidate.cost.cycles && memoryBytes(rival) <= memoryBytes(candidate);
}
function select(candidates, wanted, limit) {
  if (candidates.length <= limit) return [...candidates];
  const order = candidates.map((candidate, index) => ({ candidate, index })).sort((a, b) => a.candidate.cost.cycles - b.candidate.cost.cycles || a.index - b.index);
  const chosen = /* @__PURE__ */ new Set();
  const take = (entries, upTo) => {
    for (const { index } of entries) {
      if (chosen.size >= upTo) return;
      chosen.add(index);
    }
  };
  take(
    order.filter(({ candidate }) => wanted.has(formatSplit(candidate.split))),
    Math.floor(limit * 0.6)
  );
  take(order, Math.max(chosen.size, Math.floor(limit * 0.7)));
  const ways = /* @__PURE__ */ new Set();
  const first = order.filter(({ candidate }) => {
    const way = dimensionWay(candidate);
    if (ways.has(way)) return false;
    ways.add(way);
    return true;
  });
  take(first, Math.floor(limit * 0.9));
  const lean = [...order].sort((a, b) => memoryBytes(a.candidate) - memoryBytes(b.candidate) || a.index - b.index);
  take(lean, limit);
  return candidates.filter((_, index) => chosen.has(index));
}
function dimensionWay(candidate) {
  const names = (list) => list.map(({ dimension }) => dimension).join(",");
  return `${names(candidate.split.rows)}|${names(candidate.split.columns)}|${candidate.weights?.mode ?? ""}`;
}

// compiler/mapper/owner-index.ts
function ownerIndex(placement) {
  const { rank, boxCount: boxCount2, bounds } = placement;
  const starts = [];
  const ends = [];
  const positions = [];
  for (let axis = 0; axis < rank; axis += 1) {
    const ranges = /* @__PURE__ */ new Map();
    for (let box = 0; box < boxCount2; box += 1) {
      const at2 = (box * rank + axis) * 2;
      ranges.set(bounds[at2], bounds[at2 + 1]);
    }
    const sorted = [...ranges].sort((a, b) => a[0] - b[0]);
    starts.push(Int32Array.from(sorted, ([start]) => start));
    ends.push(Int32Array.from(sorted, ([, end]) => end));
    positions.push(new Map(sorted.map(([start], index) => [start, index])));
  }
  const boxes = new Int32Array(starts.reduce((count, list) => count * list.length, 1)).fill(-1);
  for (let box = 0; box < boxCount2; box += 1) {
    let cell = 0;
    for (let axis = 0; axis < rank; axis += 1) {
      const start = bounds[(box * rank + axis) * 2];
      cell = cell * starts[axis].length + (positions[axis].get(start) ?? 0);
    }
    boxes[cell] = box;
  }
  return { placement, starts, ends, boxes };
}
function findOverlaps(index, needed, wanted, overlaps) {
  const { boxes, counts } = overlaps;
  boxes[0] = 0;
  counts[0] = 1;
  let found = 1;
  for (let axis = 0; axis < needed.rank; axis += 1) {
    const starts = index.starts[axis];
    const ends = index.ends[axis];
    const at2 = (wanted * needed.rank + axis) * 2;
    const start = needed.bounds[at2];
    const end = needed.bounds[at2 + 1];
    const first = firstAfter(ends, start);
    const last = firstAfter(starts, end - 1);
    const width = last - first;
    if (width <= 0) return 0;
    for (let entry = found - 1; entry >= 0; entry -= 1) {
      const cell = boxes[entry] * starts.length;
      const count = counts[entry];
      for (let range2 = last - 1; range2 >= first; range2 -= 1) {
        const from = starts[range2];
        const to = ends[range2];
        const place2 = entry * width + range2 - first;
        boxes[place2] = cell + range2;
        counts[place2] = count * ((to < end ? to : end) - (from > start ? from : start));
      }
    }
    found *= width;
  }
  let kept = 0;
  for (let entry = 0; entry < found; entry += 1) {
    const box = index.boxes[boxes[entry]];
    if (box < 0) continue;
    boxes[kept] = box;
    counts[kept] = counts[entry];
    kept += 1;
  }
  return kept;
}
function firstAfter(numbers, limit) {
  let [low, high] = [0, numbers.length];
  while (low < high) {
    const middle = low + high >> 1;
    if (numbers[middle] > limit) high = middle;
    else low = middle + 1;
  }
  return low;
}

// compiler/mapper/placement.ts
var PlacementBuilder = class {
  #rows;
  #columns;
  #rank;
  #bounds = [];
  #reach = [];
  #boxCores = [];
  #coreBoxes;
  constructor(rows, columns, rank) {
    this.#rows = rows;
    this.#columns = columns;
    this.#rank = rank;
    this.#coreBoxes = Array.from({ length: rows * columns }, () => []);
  }
  /** Adds a box, [axis][start, end], clipped and with padding, and returns its number. */
  addBox(bounds, reach) {
    for (const bound of bounds) this.#bounds.push(bound);
    for (const bound of reach) this.#reach.push(bound);
    return this.#boxCores.push([]) - 1;
  }
  /** Gives a box to a core. */
  give(box, core) {
    this.#boxCores[box].push(core);
    this.#coreBoxes[core].push(box);
  }
  /** The placement of all boxes so far. */
  build() {
    const extent = new Int32Array(this.#boxCores.length * 4);
    const rectangles = new Int32Array(this.#boxCores.length);
    this.#boxCores.forEach((cores, box) => {
      extent.set(coreExtent(cores, this.#columns), box * 4);
      rectangles[box] = rectangleCount(cores, this.#columns);
    });
    let [lastRow, lastColumn] = [-1, -1];
    const firstRows = /* @__PURE__ */ new Set();
    for (let at2 = 0; at2 < extent.length; at2 += 4) {
      firstRows.add(extent[at2]);
      lastRow = Math.max(lastRow, extent[at2 + 1]);
      lastColumn = Math.max(lastColumn, extent[at2 + 3]);
    }
    return {
      rows: this.#rows,
      columns: this.#columns,
      lastRow,
      lastColumn,
      firstRowCount: firstRows.size,
      rank: this.#rank,
      boxCount: this.#boxCores.length,
      bounds: Int32Array.from(this.#bounds),
      reach: Int32Array.from(this.#reach),
      boxCores: this.#boxCores,
      coreBoxes: this.#coreBoxes,
      extent,
      rectangles
    };
  }
};
function coreExtent(cores, columns) {
  let [top, bottom, left, right] = [Number.MAX_SAFE_INTEGER, -1, Number.MAX_SAFE_INTEGER, -1];
  for (const core of cores) {
    const row = Math.floor(core / columns);
    const column = core - row * columns;
    if (row < top) top = row;
    if (row > bottom) bottom = row;
    if (column < left) left = column;
    if (column > right) right = column;
  }
  return bottom < 0 ? [0, -1, 0, -1] : [top, bottom, left, right];
}
function rectangleCount(cores, columns) {
  let count = 0;
  let open = /* @__PURE__ */ new Set();
  let openRow = -2;
  for (let index = 0; index < cores.length; ) {
    const row = Math.floor(cores[index] / columns);
    const runs = /* @__PURE__ */ new Set();
    while (index < cores.length && Math.floor(cores[index] / columns) === row) {
      const start = cores[index];
      let end = start;
      index += 1;
      while (index < cores.length && cores[index] === end + 1 && Math.floor((end + 1) / columns) === row) {
        end += 1;
        index += 1;
      }
      runs.add(`${start - row * columns}-${end - row * columns}`);
    }
    for (const run of runs) if (openRow !== row - 1 || !open.has(run)) count += 1;
    open = runs;
    openRow = row;
  }
  return count;
}
function placementOf(geometry, access, shape2, owner) {
  const { rows, columns } = geometry.grid;
  const builder = new PlacementBuilder(rows, columns, shape2.length);
  const touched = /* @__PURE__ */ new Set();
  for (const axis of access) for (const term of axis.terms) touched.add(term.dimension);
  const boxNumbers = /* @__PURE__ */ new Map();
  const starts = new Int32Array(geometry.dimensions.length);
  const ends = new Int32Array(geometry.dimensions.length);
  const usedRows = Math.min(rows, geometry.usedRows);
  const usedColumns = Math.min(columns, geometry.usedColumns);
  for (let row = 0; row < usedRows; row += 1) {
    for (let column = 0; column < usedColumns; column += 1) {
      const key = coreParts(geometry, touched, row, column, owner, starts, ends);
      if (key < 0) continue;
      let box = boxNumbers.get(key);
      if (box === void 0) {
        const [bounds, reach] = accessBounds(access, shape2, starts, ends);
        box = bounds === null ? -1 : builder.addBox(bounds, reach);
        boxNumbers.set(key, box);
      }
      if (box >= 0) builder.give(box, row * columns + column);
    }
  }
  return builder.build();
}
function coreParts(geometry, touched, row, column, owner, starts, ends) {
  let key = 0;
  for (let dimension = 0; dimension < geometry.dimensions.length; dimension += 1) {
    const parts = geometry.parts[dimension];
    const size = geometry.dimensions[dimension].size;
    if (parts === 1) {
      starts[dimension] = 0;
      ends[dimension] = size;
      continue;
    }
    const part = geometry.rowIndex[dimension][row] + geometry.columnIndex[dimension][column];
    const chunk = geometry.chunks[dimension];
    if (part * chunk >= size) return -1;
    if (owner && geometry.reduction?.dimension === dimension && part !== parts - 1) return -1;
    starts[dimension] = part * chunk;
    ends[dimension] = Math.min(size, (part + 1) * chunk);
    if (touched.has(dimension)) key = key * parts + part;
  }
  return key;
}
function accessBounds(access, shape2, starts, ends) {
  const bounds = [];
  const reach = [];
  let empty = false;
  access.forEach(({ terms, offset }, axis) => {
    let start = offset;
    let end = offset + 1;
    for (const { dimension, stride } of terms) {
      const low = stride * starts[dimension];
      const high = stride * (ends[dimension] - 1);
      start += Math.min(low, high);
      end += Math.max(low, high);
    }
    reach.push(start, end);
    const clippedStart = Math.max(0, start);
    const clippedEnd = Math.min(shape2[axis], end);
    if (clippedEnd <= clippedStart) empty = true;
    bounds.push(clippedStart, clippedEnd);
  });
  return [empty ? null : bounds, reach];
}
function overlapCount(a, left, b, right) {
  const width = a.rank * 2;
  let count = 1;
  let i = left * width;
  let j = right * width;
  for (const end = i + width; i < end; i += 2, j += 2) {
    const aStart = a.bounds[i];
    const bStart = b.bounds[j];
    const aEnd = a.bounds[i + 1];
    const bEnd = b.bounds[j + 1];
    const length = (aEnd < bEnd ? aEnd : bEnd) - (aStart > bStart ? aStart : bStart);
    if (length <= 0) return 0;
    count *= length;
  }
  return count;
}
function contains(a, outer, b, inner) {
  const width = a.rank * 2;
  for (let axis = 0; axis < width; axis += 2) {
    if (b.reach[inner * width + axis] < a.bounds[outer * width + axis]) return false;
    if (b.reach[inner * width + axis + 1] > a.bounds[outer * width + axis + 1]) return false;
  }
  return true;
}
function boxSize(placement, box) {
  const width = placement.rank * 2;
  let count = 1;
  for (let axis = 0; axis < width; axis += 2) {
    count *= placement.bounds[box * width + axis + 1] - placement.bounds[box * width + axis];
  }
  return count;
}

// compiler/mapper/edge-cost.ts
var free = { cycles: 0, networkCycles: 0, portCycles: 0, remoteBytes: 0 };
function isInPlace(owned, needed) {
  const coreCount = needed.coreBoxes.length;
  for (let core = 0; core < coreCount; core += 1) {
    const wanted = needed.coreBoxes[core];
    if (wanted.length === 0) continue;
    const own = owned.coreBoxes[core][0];
    if (own === void 0 || wanted.length > 1) return false;
    if (!contains(owned, own, needed, wanted[0])) return false;
  }
  return true;
}
function edgeCost(owners, needed, bytes, inPlaceAllowed, target, scratch = edgeScratch(target)) {
  const owned = owners.placement;
  if (needed.boxCount === 0 || inPlaceAllowed && isInPlace(owned, needed)) return free;
  const network = target.networks.activation;
  const loads = edgeLoads(owners, needed, bytes, target, scratch);
  const networkCycles = Math.max(loads.inject, loads.eject, loads.links) + (loads.remoteCount > 0 ? network.hopCycles * (owned.rows + owned.columns >> 1) : 0);
  const memoryCycles = portCycles(target, loads.portCount * bytes);
  return {
    cycles: Math.ceil(Math.max(networkCycles, memoryCycles)),
    networkCycles: Math.ceil(networkCycles),
    portCycles: memoryCycles,
    remoteBytes: loads.remoteCount * bytes
  };
}
function edgeScratch(target) {
  const { rows, columns } = target.grid;
  const cores = rows * columns;
  return {
    inject: new Float64Array(cores),
    sent: new Float64Array(cores),
    east: new Float64Array(rows),
    west: new Float64Array(rows),
    south: new Float64Array(columns),
    north: new Float64Array(columns),
    overlaps: { boxes: new Int32Array(cores), counts: new Float64Array(cores) }
  };
}
var exactBoxes = 16;
var sampledBoxes = 8;
var sampledReaders = 4;
function edgeLoads(owners, needed, bytes, target, { inject, sent, east, west, south, north, overlaps }) {
  const owned = owners.placement;
  const { columns, boxCount: boxCount2 } = needed;
  const { linkBytesPerCycle } = target.networks.activation;
  const { issueCycles } = target.synchronization;
  const samples = boxCount2 <= exactBoxes ? boxCount2 : sampledBoxes;
  for (const loads of [inject, sent, east, west, south, north]) loads.fill(0);
  const rowCut = Math.max(owned.lastRow, needed.lastRow) + 1 >> 1;
  const columnCut = Math.max(owned.lastColumn, needed.lastColumn) + 1 >> 1;
  let [eject, taken, remoteCount] = [0, 0, 0];
  for (let sample = 0; sample < samples; sample += 1) {
    const wanted = samples === 1 ? 0 : Math.round(sample * (boxCount2 - 1) / (samples - 1));
    const readers = needed.boxCores[wanted];
    const only = readers.length === 1 ? readers[0] : -1;
    const packets = needed.rectangles[wanted];
    const at2 = wanted * 4;
    const left = needed.extent[at2 + 2];
    const right = needed.extent[at2 + 3];
    let [total, totalCount, fromNorth, fromSouth] = [0, 0, 0, 0];
    const found = findOverlaps(owners, needed, wanted, overlaps);
    for (let entry = 0; entry < found; entry += 1) {
      const box = overlaps.boxes[entry];
      const count = overlaps.counts[entry];
      const cycles = Math.ceil(count * bytes / linkBytesPerCycle);
      total += cycles;
      totalCount += count;
      const row = owned.extent[box * 4];
      const column = owned.extent[box * 4 + 2];
      if (row * columns + column === only) continue;
      inject[box] = inject[box] + packets * (cycles + issueCycles);
      sent[box] = sent[box] + packets * count;
      if (column < columnCut && right >= columnCut) east[row] = east[row] + cycles;
      if (column >= columnCut && left < columnCut) west[row] = west[row] + cycles;
      if (row < rowCut) fromNorth += cycles;
      else fromSouth += cycles;
    }
    for (let column = left; column <= right; column += 1) {
      if (needed.extent[at2 + 1] >= rowCut) south[column] = south[column] + fromNorth;
      if (needed.extent[at2] < rowCut) north[column] = north[column] + fromSouth;
    }
    const looked = Math.min(readers.length, sampledReaders);
    for (let reader = 0; reader < looked; reader += 1) {
      const core = readers[looked === 1 ? 0 : Math.round(reader * (readers.length - 1) / (looked - 1))];
      const own = owned.coreBoxes[core][0];
      const local = own === void 0 ? 0 : overlapCount(owned, own, needed, wanted);
      const boxes = needed.coreBoxes[core].length;
      eject = Math.max(eject, boxes * (total - Math.ceil(local * bytes / linkBytesPerCycle)));
      remoteCount = Math.max(remoteCount, boxes * (totalCount - local));
      taken = Math.max(taken, boxes * (totalCount + local));
    }
  }
  const exact = samples === boxCount2;
  const scale2 = boxCount2 / samples;
  const busiest = (loads, users) => exact ? largest(loads) : scale2 * sumOf2(loads) / users;
  const ownerRows = owned.firstRowCount;
  const readerColumns = needed.lastColumn + 1;
  return {
    inject: busiest(inject, owned.boxCount),
    eject,
    links: Math.max(
      busiest(east, ownerRows),
      busiest(west, ownerRows),
      busiest(south, readerColumns),
      busiest(north, readerColumns)
    ),
    portCount: taken + busiest(sent, owned.boxCount),
    remoteCount
  };
}
function largest(loads) {
  let most = 0;
  for (const load of loads) if (load > most) most = load;
  return most;
}
function sumOf2(loads) {
  let added = 0;
  for (const load of loads) added += load;
  return added;
}
function frameCost(owned, bytes, target) {
  const rows = new Float64Array(owned.rows);
  let most = 0;
  owned.boxCores.forEach((cores, box) => {
    const count = boxSize(owned, box) * bytes;
    const row = Math.floor((cores[0] ?? 0) / owned.columns);
    rows[row] = rows[row] + frameLinkCycles(target, count);
    most = Math.max(most, portCycles(target, count));
  });
  const networkCycles = Math.max(...rows) + target.networks.activation.hopCycles * owned.columns;
  return { cycles: Math.max(networkCycles, most), networkCycles, portCycles: most, remoteBytes: 0 };
}

// compiler/pieces.ts
function axisPieces2(piece, sourceShape, destinationShape) {
  const result = [];
  const pending = [piece];
  while (pending.length > 0) {
    const current = pending.pop();
    const cut = findCut(current, sourceShape, "source") ?? findCut(current, destinationShape, "destination");
    if (cut === null) {
      result.push({
        counts: current.counts,
        source: axisForms(current.sourceOffset, current.sourceStrides, current.counts, sourceShape),
        destination: axisForms(current.destinationOffset, current.destinationStrides, current.counts, destinationShape)
      });
    } else pending.push(...cut);
  }
  return result.reverse();
}
function findCut(piece, shape2, side2) {
  const strides = side2 === "source" ? piece.sourceStrides : piece.destinationStrides;
  const offset = side2 === "source" ? piece.sourceOffset : piece.destinationOffset;
  const coordinates = coordinatesOf(offset, shape2);
  const rowStrides = rowMajorStrides(shape2);
  for (let index = 0; index < piece.counts.length; index += 1) {
    const count = piece.counts[index];
    const stride = strides[index];
    if (count === 1 || stride === 0) continue;
    const axis = axisOf(stride, rowStrides, shape2);
    const coefficient = Math.abs(stride) / rowStrides[axis];
    const start = coordinates[axis];
    const size = shape2[axis];
    const span = spanOnAxis(piece, strides, index, axis, rowStrides, shape2);
    const room = stride > 0 ? size - 1 - start - span : start - span;
    const reach = Math.floor(room / coefficient) + 1;
    if (Number.isInteger(coefficient) && reach >= count) continue;
    const turns = Number.isInteger(size / coefficient) ? size / coefficient : 0;
    if (turns > 1 && Number.isInteger(coefficient) && start < coefficient && stride > 0 && count % turns === 0) {
      return [divide(piece, index, turns)];
    }
    const head = Math.max(1, Math.min(count - 1, reach));
    return [cutAt(piece, index, head, true), cutAt(piece, index, head, false)];
  }
  return null;
}
function spanOnAxis(piece, strides, except, axis, rowStrides, shape2) {
  let span = 0;
  piece.counts.forEach((count, index) => {
    const stride = strides[index];
    if (index === except || count === 1 || stride === 0) return;
    if (axisOf(stride, rowStrides, shape2) !== axis) return;
    const smaller = Math.abs(stride) < Math.abs(strides[except]);
    if (smaller) span += Math.abs(stride) / rowStrides[axis] * (count - 1);
  });
  return span;
}
function axisOf(stride, rowStrides, shape2) {
  const size = Math.abs(stride);
  for (let axis = rowStrides.length - 1; axis >= 0; axis -= 1) {
    const step = rowStrides[axis];
    if (size < step * shape2[axis] || axis === 0) return axis;
  }
  return 0;
}
function coordinatesOf(offset, shape2) {
  let rest = offset;
  return rowMajorStrides(shape2).map((stride) => {
    const coordinate = Math.floor(rest / stride);
    rest -= coordinate * stride;
    return coordinate;
  });
}
function divide(piece, index, turns) {
  const split = (values, outer, inner) => values.flatMap((value, position) => position === index ? [outer(value), inner(value)] : [value]);
  return {
    ...piece,
    counts: split(
      piece.counts,
      (count) => count / turns,
      () => turns
    ),
    sourceStrides: split(
      piece.sourceStrides,
      (stride) => stride * turns,
      (stride) => stride
    ),
    destinationStrides: split(
      piece.destinationStrides,
      (stride) => stride * turns,
      (stride) => stride
    )
  };
}
function cutAt(piece, index, head, first) {
  const count = piece.counts[index];
  return {
    ...piece,
    counts: piece.counts.map((value, position) => position === index ? first ? head : count - head : value),
    sourceOffset: piece.sourceOffset + (first ? 0 : head * piece.sourceStrides[index]),
    destinationOffset: piece.destinationOffset + (first ? 0 : head * piece.destinationStrides[index])
  };
}
function axisForms(offset, strides, counts, shape2) {
  const rowStrides = rowMajorStrides(shape2);
  const terms = shape2.map(() => []);
  strides.forEach((stride, index) => {
    if (stride === 0 || counts[index] === 1) return;
    const axis = axisOf(stride, rowStrides, shape2);
    terms[axis]?.push({ index, coefficient: stride / rowStrides[axis] });
  });
  return coordinatesOf(offset, shape2).map((base, axis) => ({
    base,
    terms: (terms[axis] ?? []).sort((left, right) => Math.abs(right.coefficient) - Math.abs(left.coefficient))
  }));
}
function indexBoxes(forms2, ranges, within) {
  let boxes = [within];
  for (let axis = 0; axis < forms2.length; axis += 1) {
    const form = forms2[axis];
    const range2 = ranges[axis];
    const solve = (box) => solveAxis(form, 0, range2.start - form.base, range2.end - form.base, box);
    boxes = boxes.length === 1 ? solve(boxes[0]) : boxes.flatMap(solve);
  }
  return boxes;
}
function solveAxis(form, position, low, high, box) {
  if (position >= form.terms.length) return low <= 0 && 0 < high ? [box] : [];
  const { index, coefficient } = form.terms[position];
  const range2 = box[index];
  if (coefficient === 1 && position === form.terms.length - 1) {
    const start = Math.max(range2.start, low);
    const end = Math.min(range2.end, high);
    if (end <= start) return [];
    if (start === range2.start && end === range2.end) return [box];
    const narrowed = box.slice();
    narrowed[index] = { start, end };
    return [narrowed];
  }
  let innerLow = 0;
  let innerHigh = 0;
  for (const term of form.terms.slice(position + 1)) {
    const inner = box[term.index];
    const ends = [term.coefficient * inner.start, term.coefficient * (inner.end - 1)];
    innerLow += Math.min(...ends);
    innerHigh += Math.max(...ends);
  }
  const replace = (start, end) => box.map((value, position_) => position_ === index ? { start, end } : value);
  const turnsWith = (least, greatest) => {
    const from = coefficient > 0 ? Math.ceil(least / coefficient) : Math.ceil(greatest / coefficient);
    const to = coefficient > 0 ? Math.floor(greatest / coefficient) : Math.floor(least / coefficient);
    return { start: Math.max(range2.start, from), end: Math.min(range2.end, to + 1) };
  };
  const whole = turnsWith(low - innerLow, high - 1 - innerHigh);
  const some = turnsWith(low - innerHigh, high - 1 - innerLow);
  if (some.end <= some.start) return [];
  const result = [];
  const single = (turn) => {
    result.push(
      ...solveAxis(form, position + 1, low - coefficient * turn, high - coefficient * turn, replace(turn, turn + 1))
    );
  };
  const hasWhole = whole.end > whole.start;
  for (let turn = some.start; turn < (hasWhole ? whole.start : some.end); turn += 1) single(turn);
  if (hasWhole) {
    result.push(replace(whole.start, whole.end));
    for (let turn = whole.end; turn < some.end; turn += 1) single(turn);
  }
  return result;
}
function touchedRanges(forms2, box) {
  return forms2.map(({ base, terms }) => {
    let start = base;
    let end = base;
    for (const { index, coefficient } of terms) {
      const range2 = box[index];
      start += coefficient * (coefficient > 0 ? range2.start : range2.end - 1);
      end += coefficient * (coefficient > 0 ? range2.end - 1 : range2.start);
    }
    return { start, end: end + 1 };
  });
}

// compiler/mapper/movement-placement.ts
var boxLimit = 64;
function operandPieces(layer, readIndex) {
  const read = layer.reads[readIndex];
  const anchor = layer.nodes[0];
  if (read === void 0 || anchor === void 0 || layer.movement === null) return [];
  return layer.movement.pieces.filter((piece) => piece.operand === read.operand).flatMap((piece) => axisPieces2(piece, read.type.shape, anchor.type.shape));
}
function movementPlacement(geometry, pieces, rank) {
  const { rows, columns } = geometry.grid;
  const builder = new PlacementBuilder(rows, columns, rank);
  const numbers = /* @__PURE__ */ new Map();
  for (let row = 0; row < rows; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      if (!ownsResult(geometry, row, column)) continue;
      for (const box of sourceBoxes(pieces, iterationBox(geometry, row, column))) {
        const bounds = box.flatMap(({ start, end }) => [start, end]);
        const key = bounds.join();
        const number = numbers.get(key) ?? builder.addBox(bounds, bounds);
        numbers.set(key, number);
        builder.give(number, row * columns + column);
      }
    }
  }
  return builder.build();
}
function sourceBoxes(pieces, result) {
  const boxes = [];
  for (const piece of pieces) {
    if (product(piece.counts) === 0) continue;
    const whole = piece.counts.map((count) => ({ start: 0, end: count }));
    for (const box of indexBoxes(piece.destination, result, whole)) boxes.push(touchedRanges(piece.source, box));
  }
  const distinct2 = new Map(boxes.map((box) => [box.map(({ start, end }) => `${start}:${end}`).join(), box]));
  return distinct2.size > boxLimit ? [hull([...distinct2.values()])] : [...distinct2.values()];
}
function hull(boxes) {
  const first = boxes[0];
  return first.map((_, axis) => ({
    start: Math.min(...boxes.map((box) => box[axis]?.start ?? 0)),
    end: Math.max(...boxes.map((box) => box[axis]?.end ?? 0))
  }));
}

// compiler/mapper/edge-pricer.ts
var frame = { number: 0, placement: null };
var [numberRange, variants] = [2 ** 22, 32];
var EdgePricer = class {
  #network;
  #target;
  #scratch;
  #placements = /* @__PURE__ */ new Map();
  #indexes = /* @__PURE__ */ new Map();
  #pieces = /* @__PURE__ */ new Map();
  #costs = /* @__PURE__ */ new Map();
  constructor(network, target) {
    this.#network = network;
    this.#target = target;
    this.#scratch = edgeScratch(target);
  }
  #numbered(key, make) {
    const known = this.#placements.get(key);
    if (known !== void 0) return known;
    const made = { number: this.#placements.size + 1, placement: make() };
    this.#placements.set(key, made);
    return made;
  }
  #layOut(layer, candidate) {
    return layOut(at(this.#network.layers, layer).dimensions, candidate.split, this.#target.grid);
  }
  /** Where the edge's value lies when its producer is mapped so. */
  owned(edge, producer) {
    const write = at(at(this.#network.layers, edge.producer).writes, edge.write);
    return this.#numbered(
      at(producer.ownerKeys, edge.write),
      () => placementOf(this.#layOut(edge.producer, producer), write.access, write.type.shape, true)
    );
  }
  /** Where the edge's value is needed when its consumer is mapped so. */
  needed(edge, consumer) {
    const layer = at(this.#network.layers, edge.consumer);
    if (layer.kind === "output") return frame;
    const { access, node, type } = at(layer.reads, edge.read);
    if (access !== null) {
      return this.#numbered(
        at(consumer.needKeys, edge.read) ?? "",
        () => placementOf(this.#layOut(edge.consumer, consumer), access, type.shape, ownersRead(layer, node))
      );
    }
    const name = `${layer.name} ${edge.read}`;
    return this.#numbered(`${name} ${consumer.ownerKeys.join()}`, () => {
      const pieces = this.#pieces.get(name) ?? operandPieces(layer, edge.read);
      this.#pieces.set(name, pieces);
      return movementPlacement(this.#layOut(edge.consumer, consumer), pieces, type.shape.length);
    });
  }
  /** The cost of bringing the edge's value from where it lies to where it is needed. */
  cost(edge, owned, needed) {
    const read = at(at(this.#network.layers, edge.consumer).reads, edge.read);
    const bytes = elementBytes(read.type.element);
    const key = (owned.number * numberRange + needed.number) * variants + 2 * bytes + (read.access === null ? 1 : 0);
    let cost = this.#costs.get(key);
    if (cost === void 0) {
      cost = this.#price(owned, needed, bytes, read.access !== null);
      this.#costs.set(key, cost);
    }
    return cost;
  }
  #price(owned, needed, bytes, inPlaceAllowed) {
    const placement = owned.placement;
    if (needed.placement === null) return frameCost(placement, bytes, this.#target);
    let index = this.#indexes.get(owned.number);
    if (index === void 0) {
      index = ownerIndex(placement);
      this.#indexes.set(owned.number, index);
    }
    return edgeCost(index, needed.placement, bytes, inPlaceAllowed, this.#target, this.#scratch);
  }
};

// compiler/mapper/edges.ts
function edgesOf(network) {
  const edges = [];
  network.layers.forEach((layer, consumer) => {
    const seen = /* @__PURE__ */ new Set();
    layer.reads.forEach((read, index) => {
      const producer = network.producer.get(read.value);
      const key = `${read.value} ${JSON.stringify(read.access)} ${read.access === null ? read.operand : ""}`;
      if (read.constant || producer === void 0 || seen.has(key)) return;
      seen.add(key);
      const write = at(network.layers, producer).writes.findIndex(({ value }) => value === read.value);
      edges.push({ producer, consumer, write, read: index });
    });
  });
  return edges;
}

// compiler/mapper/elimination.ts
function minimize(single, pairs, tableLimit2) {
  let kept = single.map(
    (costs) => Array.from({ length: costs.length }, (_, index) => index)
  );
  let exact = true;
  for (; ; ) {
    const order = eliminationOrder(kept, pairs);
    const excess = firstExcess(order, kept, tableLimit2);
    if (excess === null) {
      const result = eliminate(
        order.map(({ variable }) => variable),
        kept,
        single,
        pairs
      );
      return { ...result, exact };
    }
    exact = false;
    kept = pruned(excess, kept, single, pairs, tableLimit2);
  }
}
function eliminationOrder(kept, pairs) {
  const neighbours = kept.map(() => /* @__PURE__ */ new Set());
  for (const { left, right } of pairs) {
    if (left === right) continue;
    neighbours[left]?.add(right);
    neighbours[right]?.add(left);
  }
  const remaining = new Set(kept.keys());
  const scores = /* @__PURE__ */ new Map();
  const scoreOf = (variable) => {
    const around2 = [...neighbours[variable]];
    let fill2 = 0;
    let entries = kept[variable].length;
    around2.forEach((one, index) => {
      entries *= kept[one].length;
      for (let other = index + 1; other < around2.length; other += 1) {
        if (!neighbours[one].has(around2[other])) fill2 += 1;
      }
    });
    return [fill2, entries];
  };
  for (const variable of remaining) scores.set(variable, scoreOf(variable));
  const order = [];
  while (remaining.size > 0) {
    let chosen = -1;
    let least = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
    for (const variable of remaining) {
      const score = scores.get(variable);
      if (score[0] < least[0] || score[0] === least[0] && score[1] < least[1]) {
        chosen = variable;
        least = score;
      }
    }
    const around2 = [...neighbours[chosen]].sort((a, b) => a - b);
    order.push({ variable: chosen, neighbours: around2 });
    remaining.delete(chosen);
    const changed = new Set(around2);
    for (const one of around2) {
      neighbours[one]?.delete(chosen);
      for (const other of around2) if (one !== other) neighbours[one]?.add(other);
      for (const far of neighbours[one]) changed.add(far);
    }
    for (const variable of changed) scores.set(variable, scoreOf(variable));
  }
  return order;
}
function tableEntries(bucket, kept) {
  let entries = kept[bucket.variable].length;
  for (const neighbour of bucket.neighbours) entries *= kept[neighbour].length;
  return entries;
}
function firstExcess(order, kept, limit) {
  return order.find((bucket) => tableEntries(bucket, kept) > limit && tableEntries(bucket, kept) > 1) ?? null;
}
function pruned(bucket, kept, single, pairs, limit) {
  const result = [...kept];
  const involved = [...bucket.neighbours, bucket.variable].sort((a, b) => a - b);
  while (tableEntries(bucket, result) > limit) {
    let largest2 = involved[0];
    for (const variable of involved) {
      if (result[variable].length > result[largest2].length)
        largest2 = variable;
    }
    const choices = result[largest2];
    if (choices.length === 1) break;
    const ranked = choices.map((choice) => ({ choice, cost: optimisticCost(largest2, choice, single, pairs) })).sort((a, b) => a.cost - b.cost || a.choice - b.choice).slice(0, Math.ceil(choices.length / 2));
    result[largest2] = ranked.map(({ choice }) => choice).sort((a, b) => a - b);
  }
  return result;
}
function optimisticCost(variable, choice, single, pairs) {
  let cost = single[variable][choice];
  for (const { left, right, table: table2 } of pairs) {
    if (left !== variable && right !== variable) continue;
    const rightCount = single[right].length;
    const leftCount = single[left].length;
    let least = Number.POSITIVE_INFINITY;
    if (left === variable) {
      for (let other = 0; other < rightCount; other += 1)
        least = Math.min(least, table2[choice * rightCount + other]);
    } else {
      for (let other = 0; other < leftCount; other += 1)
        least = Math.min(least, table2[other * rightCount + choice]);
    }
    cost += least;
  }
  return cost;
}
function eliminate(order, kept, single, pairs) {
  const sizes = kept.map((choices) => choices.length);
  const factorsOf = kept.map(() => /* @__PURE__ */ new Set());
  const add = (factor) => {
    for (const variable of factor.variables) factorsOf[variable]?.add(factor);
  };
  kept.forEach((choices, variable) => {
    const costs = single[variable];
    add({ variables: [variable], table: Float64Array.from(choices, (choice) => costs[choice]) });
  });
  for (const pair of pairs) add(pairFactor(pair, kept, single));
  let cost = 0;
  const steps = [];
  for (const variable of order) {
    const factors = [...factorsOf[variable]];
    const neighbours = [...new Set(factors.flatMap((factor) => factor.variables))].filter((other) => other !== variable).sort((a, b) => a - b);
    const { table: table2, best } = minimumOver(variable, neighbours, factors, sizes);
    for (const factor of factors) for (const other of factor.variables) factorsOf[other]?.delete(factor);
    steps.push({ variable, neighbours, best });
    if (neighbours.length === 0) cost += table2[0];
    else add({ variables: neighbours, table: table2 });
  }
  const positions = new Array(kept.length).fill(0);
  for (const { variable, neighbours, best } of steps.reverse()) {
    let index = 0;
    for (const neighbour of neighbours) index = index * sizes[neighbour] + positions[neighbour];
    positions[variable] = best[index];
  }
  return {
    choices: positions.map((position, variable) => kept[variable][position]),
    cost
  };
}
function pairFactor(pair, kept, single) {
  const width = single[pair.right].length;
  const [leftKept, rightKept] = [kept[pair.left], kept[pair.right]];
  if (pair.left === pair.right) {
    return {
      variables: [pair.left],
      table: Float64Array.from(leftKept, (choice) => pair.table[choice * width + choice])
    };
  }
  const swap = pair.left > pair.right;
  const [outer, inner] = swap ? [rightKept, leftKept] : [leftKept, rightKept];
  const table2 = new Float64Array(outer.length * inner.length);
  let entry = 0;
  for (const a of outer) {
    for (const b of inner) {
      table2[entry] = pair.table[swap ? b * width + a : a * width + b];
      entry += 1;
    }
  }
  return { variables: swap ? [pair.right, pair.left] : [pair.left, pair.right], table: table2 };
}
function minimumOver(variable, neighbours, factors, sizes) {
  const scope = [...neighbours, variable];
  const strides = factors.map((factor) => scopeStrides(factor, scope, sizes));
  const neighbourSizes = neighbours.map((neighbour) => sizes[neighbour]);
  const entries = neighbourSizes.reduce((count, size) => count * size, 1);
  const choices = sizes[variable];
  const table2 = new Float64Array(entries);
  const best = new Uint16Array(entries);
  const offsets = new Int32Array(factors.length);
  const counter = new Int32Array(neighbours.length);
  const sums = new Float64Array(choices);
  for (let entry = 0; entry < entries; entry += 1) {
    sums.fill(0);
    for (let index = 0; index < factors.length; index += 1) {
      const values = factors[index].table;
      const stride = strides[index][neighbours.length];
      let at2 = offsets[index];
      for (let choice = 0; choice < choices; choice += 1, at2 += stride) {
        sums[choice] = sums[choice] + values[at2];
      }
    }
    let least = 0;
    for (let choice = 1; choice < choices; choice += 1) {
      if (sums[choice] < sums[least]) least = choice;
    }
    table2[entry] = sums[least];
    best[entry] = least;
    for (let digit = neighbours.length - 1; digit >= 0; digit -= 1) {
      const next = counter[digit] + 1;
      const wraps = next === neighbourSizes[digit];
      counter[digit] = wraps ? 0 : next;
      for (let index = 0; index < factors.length; index += 1) {
        const stride = strides[index][digit];
        offsets[index] = offsets[index] + (wraps ? -stride * (next - 1) : stride);
      }
      if (!wraps) break;
    }
  }
  return { table: table2, best };
}
function scopeStrides(factor, scope, sizes) {
  const strides = new Int32Array(scope.length);
  let stride = 1;
  for (let index = factor.variables.length - 1; index >= 0; index -= 1) {
    const variable = factor.variables[index];
    strides[scope.indexOf(variable)] = stride;
    stride *= sizes[variable];
  }
  return strides;
}

// compiler/mapper/network-candidates.ts
var takenOver = 16;
function signature(layer, passes) {
  const reads = layer.reads.map((read) => [
    read.access,
    read.type.shape,
    read.type.element,
    read.constant,
    read.operand,
    read.node === layer.nodes[0]?.name,
    layer.reads.findIndex((other) => other.value === read.value)
  ]);
  const writes = layer.writes.map((write) => [write.access, write.type.shape, write.type.element]);
  return JSON.stringify([layer.kind, layer.dimensions, reads, writes, layer.result, layer.movement, passes]);
}
function networkCandidates(network, edges, work, target, pins) {
  const lists = /* @__PURE__ */ new Map();
  const signatures = network.layers.map((layer) => signature(layer, work.get(layer.name) ?? []));
  const numbers = /* @__PURE__ */ new Map();
  const make = (index, further) => {
    const layer = at(network.layers, index);
    const passes = work.get(layer.name) ?? [];
    const pin = pins.get(layer.name);
    if (pin !== void 0) return [evaluateChoice(layerFacts(layer, passes), pin.split, pin.weights, target)];
    const key = `${signatures[index]}
${further.map(formatSplit).join("\n")}`;
    let list = lists.get(key);
    if (list === void 0) {
      list = candidatesOf(layer, passes, target, further, layer.kind === "movement" ? 16 : candidateLimit);
      lists.set(key, list);
      numbers.set(list, numbers.size);
    }
    return list;
  };
  const inward = network.layers.map((_, consumer) => edges.filter((edge) => edge.consumer === consumer));
  const outward = network.layers.map((_, producer) => edges.filter((edge) => edge.producer === producer));
  const follows = (index) => at(network.layers, index).kind !== "contraction";
  const result = network.layers.map((_, index) => follows(index) ? [] : make(index, []));
  const forward = network.layers.map(() => []);
  network.layers.forEach((layer, index) => {
    if (!follows(index) || layer.kind === "output") return;
    forward[index] = distinct(
      at(inward, index).flatMap((edge) => {
        const producer = at(network.layers, edge.producer);
        const from = { layer: producer, at: at(producer.writes, edge.write) };
        const to = { layer, at: at(layer.reads, edge.read) };
        return translations(at(result, edge.producer), from, to, target);
      })
    );
    result[index] = make(index, at(forward, index));
  });
  for (let index = network.layers.length - 1; index >= 0; index -= 1) {
    const layer = at(network.layers, index);
    if (!follows(index) || layer.kind === "output") continue;
    const backward = at(outward, index).flatMap((edge) => {
      const consumer = at(network.layers, edge.consumer);
      const from = { layer: consumer, at: at(consumer.reads, edge.read) };
      const to = { layer, at: at(layer.writes, edge.write) };
      return consumer.kind === "output" ? [] : translations(at(result, edge.consumer), from, to, target);
    });
    result[index] = make(index, distinct([...at(forward, index), ...backward]));
  }
  network.layers.forEach((layer, index) => {
    if (layer.kind === "output") result[index] = make(index, []);
  });
  return result;
}
function translations(candidates, from, to, target) {
  const quickest = [...candidates].sort((a, b) => a.cost.cycles - b.cost.cycles);
  const found = [];
  for (const { split } of quickest) {
    const translated = translateSplit(split, from, to, target.grid);
    if (translated !== null) found.push(translated);
    if (found.length >= takenOver) break;
  }
  return distinct(found);
}
function distinct(splits) {
  return [...new Map(splits.map((split) => [formatSplit(split), split])).values()];
}

// compiler/mapper/search.ts
var tableLimit = 2e6;
function searchSpace(network, work, target, pins = /* @__PURE__ */ new Map()) {
  const edges = edgesOf(network);
  const candidates = networkCandidates(network, edges, work, target, pins);
  const pricer = new EdgePricer(network, target);
  const cached = /* @__PURE__ */ new Map();
  const listNumbers = /* @__PURE__ */ new Map();
  const numberOf2 = (list) => {
    const known = listNumbers.get(list);
    if (known !== void 0) return known;
    listNumbers.set(list, listNumbers.size);
    return listNumbers.size - 1;
  };
  const tables = edges.map((edge) => {
    const [producers, consumers] = [at(candidates, edge.producer), at(candidates, edge.consumer)];
    const key = `${numberOf2(producers)} ${numberOf2(consumers)} ${edge.write} ${edge.read}`;
    const known = cached.get(key);
    if (known !== void 0) return known;
    const owned = producers.map((producer) => pricer.owned(edge, producer));
    const needed = consumers.map((consumer) => pricer.needed(edge, consumer));
    const table2 = new Float64Array(producers.length * consumers.length);
    owned.forEach((from, row) => {
      needed.forEach((to, column) => {
        table2[row * consumers.length + column] = pricer.cost(edge, from, to).cycles;
      });
    });
    cached.set(key, table2);
    return table2;
  });
  const costOf = (edge, producer, consumer) => pricer.cost(edge, pricer.owned(edge, producer), pricer.needed(edge, consumer));
  return { network, target, candidates, edges, costOf, tables };
}
function search(space, price = () => 0) {
  const single = space.candidates.map(
    (list, layer) => Float64Array.from(list, (candidate) => candidate.cost.cycles + price(layer, candidate))
  );
  const pairs = space.edges.map((edge, index) => ({
    left: edge.producer,
    right: edge.consumer,
    table: at(space.tables, index)
  }));
  const { choices, exact } = minimize(single, pairs, tableLimit);
  const chosen = choices.map((choice, layer) => at(at(space.candidates, layer), choice));
  let predictedCycles = 0;
  for (const candidate of chosen) predictedCycles += candidate.cost.cycles;
  space.edges.forEach((edge, index) => {
    const width = at(space.candidates, edge.consumer).length;
    predictedCycles += at(at(space.tables, index), at(choices, edge.producer) * width + at(choices, edge.consumer));
  });
  return { chosen, predictedCycles, exact };
}

// compiler/mapper/allocate.ts
var bufferAlignment = 16;
var orders = [
  (need) => -need.bytes,
  (need) => -need.bytes * (need.lastStep - need.firstStep + 1),
  (need) => need.firstStep
];
function allocate(needs) {
  const lastStep = needs.reduce((last, need) => Math.max(last, need.lastStep), 0);
  const stays = (need) => need.firstStep === 0 && need.lastStep === lastStep;
  const { liveBytes, peakStep } = mostLive(needs, lastStep);
  let addresses = /* @__PURE__ */ new Map();
  let peakBytes = Number.POSITIVE_INFINITY;
  for (const order of orders) {
    const sorted = [...needs.keys()].sort((a, b) => {
      const [left, right] = [needs[a], needs[b]];
      return Number(stays(right)) - Number(stays(left)) || order(left) - order(right) || a - b;
    });
    const attempt2 = placeAll(sorted, needs);
    if (attempt2.peakBytes < peakBytes) ({ addresses, peakBytes } = attempt2);
    if (peakBytes === liveBytes) break;
  }
  const buffers = needs.map((need, index) => ({ ...need, address: addresses.get(index) ?? 0 }));
  return { buffers, peakBytes: needs.length === 0 ? 0 : peakBytes, liveBytes, peakStep };
}
function mostLive(needs, lastStep) {
  const change = new Float64Array(lastStep + 2);
  for (const { bytes, firstStep, lastStep: end } of needs) {
    change[firstStep] = change[firstStep] + roundUp(bytes, bufferAlignment);
    change[end + 1] = change[end + 1] - roundUp(bytes, bufferAlignment);
  }
  let [live, liveBytes, peakStep] = [0, 0, 0];
  for (let step = 0; step <= lastStep; step += 1) {
    live += change[step];
    if (live > liveBytes) [liveBytes, peakStep] = [live, step];
  }
  return { liveBytes, peakStep };
}
function placeAll(order, needs) {
  const addresses = /* @__PURE__ */ new Map();
  const placed2 = [];
  let peakBytes = 0;
  for (const index of order) {
    const need = needs[index];
    const bytes = roundUp(need.bytes, bufferAlignment);
    const start = bestGap(need, bytes, placed2);
    addresses.set(index, start);
    peakBytes = Math.max(peakBytes, start + bytes);
    const position = placed2.findIndex((other) => other.start > start);
    placed2.splice(position < 0 ? placed2.length : position, 0, { need, start, end: start + bytes });
  }
  return { addresses, peakBytes };
}
function bestGap(need, bytes, placed2) {
  let cursor = 0;
  let best = -1;
  let bestSize = Number.POSITIVE_INFINITY;
  for (const other of placed2) {
    if (other.need.lastStep < need.firstStep || other.need.firstStep > need.lastStep) continue;
    const gap = other.start - cursor;
    if (gap >= bytes && gap < bestSize) [best, bestSize] = [cursor, gap];
    cursor = Math.max(cursor, other.end);
  }
  return best < 0 ? cursor : best;
}
function checkBuffers(buffers, needs, memoryBytes2) {
  const problems = [];
  const report = (step, message) => {
    problems.push({ code: "B403", message, at: { layer: step } });
  };
  const byName2 = new Map(buffers.map((buffer) => [buffer.name, buffer]));
  for (const need of needs) {
    const buffer = byName2.get(need.name);
    if (buffer === void 0) report(need.step, `There is no buffer "${need.name}" of ${need.bytes} bytes.`);
    else if (buffer.bytes < need.bytes) {
      report(need.step, `Buffer "${need.name}" has ${buffer.bytes} bytes; ${need.bytes} are needed.`);
    } else if (buffer.firstStep > need.firstStep || buffer.lastStep < need.lastStep) {
      report(
        need.step,
        `Buffer "${need.name}" lives from step ${buffer.firstStep} to ${buffer.lastStep}; it is needed from ${need.firstStep} to ${need.lastStep}.`
      );
    }
  }
  buffers.forEach((buffer, index) => {
    if (buffer.address % 4 !== 0)
      report(buffer.step, `Buffer "${buffer.name}" stands at ${buffer.address}; addresses are multiples of 4.`);
    if (buffer.address < 0 || buffer.address + buffer.bytes > memoryBytes2) {
      report(
        buffer.step,
        `Buffer "${buffer.name}" ends at ${buffer.address + buffer.bytes}; a core has ${memoryBytes2} bytes.`
      );
    }
    for (const other of buffers.slice(index + 1)) {
      if (other.lastStep < buffer.firstStep || other.firstStep > buffer.lastStep) continue;
      if (other.address >= buffer.address + buffer.bytes || buffer.address >= other.address + other.bytes) continue;
      report(buffer.step, `Buffers "${buffer.name}" and "${other.name}" overlap while both are live.`);
    }
  });
  return problems;
}

// compiler/mapper/check.ts
function checkStep(layer, step, target) {
  const found = [];
  if (step.kind !== layer.kind) found.push(`The step is of kind "${step.kind}"; the layer is "${layer.kind}".`);
  const nodes = layer.nodes.map((node) => node.name);
  if (step.nodes.join("\n") !== nodes.join("\n")) {
    found.push(`The step computes ${listed(step.nodes)}; the layer has ${listed(nodes)}.`);
  }
  const value = boundaryValue(layer);
  if (step.value !== value) found.push(`The step's value is ${quoted(step.value)}, expected ${quoted(value)}.`);
  const splits = splitViolations(layer, step.split, target.grid);
  found.push(...splits, ...weightsViolations(layer, step, splits.length === 0, target));
  if (splits.length === 0)
    found.push(...tileViolations(layer, step, target), ...reductionViolations2(layer, step, target));
  return found.map((message) => ({ code: "B403", message, at: { layer: layer.name } }));
}
function boundaryValue(layer) {
  if (layer.kind === "input") return layer.writes[0]?.value ?? null;
  if (layer.kind === "output") return layer.reads[0]?.value ?? null;
  return null;
}
function listed(names) {
  return names.length === 0 ? "no nodes" : names.map((name) => `"${name}"`).join(", ");
}
function quoted(name) {
  return name === null ? "null" : `"${name}"`;
}
function weightsViolations(layer, step, splitIsLegal, target) {
  const constant = constantWeights(layer) !== null;
  if (!constant && step.weights !== null) return ["The step has no constant weights, so it has no weights mode."];
  if (constant && step.weights === null)
    return ["The step has constant weights; their mode must be resident or streamed."];
  if (step.weights?.mode === "streamed" && splitIsLegal) {
    return streamViolations(layer, layOut(layer.dimensions, step.split, target.grid));
  }
  return [];
}
function tileViolations(layer, step, target) {
  const tile2 = step.tile;
  if (layer.kind !== "contraction") return tile2 === null ? [] : ["Only a contraction step has a tile."];
  if (tile2 === null) return ["A contraction step needs a tile."];
  const found = [];
  for (const [name, size] of Object.entries(tile2)) {
    if (!Number.isInteger(size) || size < 1)
      found.push(`The tile has ${size} ${name}, expected an integer of at least 1.`);
  }
  if (found.length > 0) return found;
  const geometry = layOut(layer.dimensions, step.split, target.grid);
  const roles = contractionRoles(layer);
  const largest2 = (dimensions, limit) => {
    let most = 0;
    tiledPasses(
      dimensions.map((index) => geometry.chunks[index]),
      limit,
      (points) => {
        most = Math.max(most, points);
        return 0;
      }
    );
    return most;
  };
  const rows = largest2(roles.row, tile2.rows);
  const columns = largest2(roles.column, tile2.columns);
  const inner = largest2(roles.inner, tile2.inner);
  const sums = tileCapacity(geometry, target);
  if (rows * columns > sums) {
    found.push(
      `A tile of ${rows} rows \xD7 ${columns} columns makes ${rows * columns} partial sums; there is room for ${sums}.`
    );
  }
  const weightBytes = 2 * Math.ceil(inner / 2) * columns;
  if (weightBytes > weightHalfBytes(target)) {
    found.push(
      `A tile of ${inner} inner elements \xD7 ${columns} columns takes ${weightBytes} bytes of weights; half of the weight buffer has ${weightHalfBytes(target)}.`
    );
  }
  return found;
}
function reductionViolations2(layer, step, target) {
  const { reduction } = layOut(layer.dimensions, step.split, target.grid);
  const stated = step.reduction;
  if (reduction === null)
    return stated === null ? [] : ["The split divides no reduction dimension, so the step has no reduction."];
  if (stated !== null && stated.axis === reduction.axis && stated.parts === reduction.parts) return [];
  const given = stated === null ? "none" : `${stated.parts} parts along ${stated.axis}`;
  return [`The split makes chains of ${reduction.parts} parts along ${reduction.axis}; the step states ${given}.`];
}

// compiler/mapper/misfit.ts
function makeMisfit(resource, boundBytes, terms, levers) {
  const sorted = terms.filter(({ bytes }) => bytes > 0).sort((a, b) => b.bytes - a.bytes || (a.name < b.name ? -1 : 1));
  const demandBytes = sorted.reduce((total, { bytes }) => total + bytes, 0);
  return { resource, demandBytes, boundBytes, gapBytes: demandBytes - boundBytes, terms: sorted, levers };
}
var printedTerms = 8;
function formatMisfit(misfit) {
  const lines = [
    `The ${misfit.resource} has ${formatBytes(misfit.boundBytes)}, ${formatBytes(misfit.demandBytes)} are needed: ${formatBytes(misfit.gapBytes)} too many.`,
    "  The demand adds up from:"
  ];
  const rest = misfit.terms.slice(printedTerms);
  for (const { name, bytes } of misfit.terms.slice(0, printedTerms))
    lines.push(`    ${formatBytes(bytes).padStart(12)}  ${name}`);
  if (rest.length > 0) {
    const bytes = rest.reduce((total, term) => total + term.bytes, 0);
    lines.push(`    ${formatBytes(bytes).padStart(12)}  ${rest.length} smaller parts`);
  }
  if (misfit.levers.length > 0) lines.push("  What was tried, and what would help:");
  for (const { lever, effect } of misfit.levers) lines.push(`    ${lever}: ${effect}`);
  return lines.join("\n");
}
function formatBytes(bytes) {
  if (bytes < 65536) return `${bytes} B`;
  if (bytes < 1048576) return `${(bytes / 1024).toFixed(1)} KiB`;
  return `${(bytes / 1048576).toFixed(1)} MiB`;
}
var MisfitError = class extends BorealError {
  misfit;
  constructor(misfit) {
    const hint = misfit.levers.length > 0 ? "The levers are listed above." : "Use a smaller network or a larger target.";
    super([{ code: "B401", message: `${formatMisfit(misfit)}
`, at: {}, hint }]);
    this.name = "MisfitError";
    this.misfit = misfit;
  }
};

// compiler/mapper/demand.ts
function frameMisfit(network, target) {
  const terms = network.layers.flatMap((layer) => {
    const type = layer.kind === "input" ? layer.writes[0]?.type : layer.kind === "output" ? layer.reads[0]?.type : void 0;
    return type === void 0 ? [] : [{ name: layer.name, bytes: elementCount(type) * elementBytes(type.element) }];
  });
  const demand = terms.reduce((total, { bytes }) => total + bytes, 0);
  if (demand <= target.frameBuffer.bytes) return null;
  const batch = batchOf(network);
  const levers = [];
  if (batch > 1) {
    const most = Math.floor(target.frameBuffer.bytes * batch / demand);
    levers.push({
      lever: "Smaller batch",
      effect: most >= 1 ? `a batch of ${most} needs ${formatBytes(Math.ceil(demand / batch * most))} and fits` : `a batch of 1 needs ${formatBytes(Math.ceil(demand / batch))} and does not fit either`
    });
  }
  levers.push({
    lever: "Smaller inputs or outputs",
    effect: `${formatBytes(demand - target.frameBuffer.bytes)} must go: crop, or cut the model so that less crosses the host link`
  });
  return makeMisfit("framebuffer", target.frameBuffer.bytes, terms, levers);
}
function batchOf(network) {
  const sizes = new Set(network.graph.inputs.map((input) => input.type.shape[0] ?? 1));
  return sizes.size === 1 ? [...sizes][0] : 1;
}
function memoryMisfit(network, attempt2, target) {
  const { allocation, steps } = attempt2;
  const capacity = target.core.memoryBytes;
  const { peakStep } = allocation;
  const live = allocation.buffers.filter((buffer) => buffer.firstStep <= peakStep && buffer.lastStep >= peakStep);
  const terms = live.map((buffer) => ({ name: `${buffer.role} ${buffer.name}`, bytes: buffer.bytes }));
  const used = terms.reduce((total, { bytes }) => total + bytes, 0);
  terms.push({ name: "gaps between buffers", bytes: allocation.peakBytes - used });
  const demand = allocation.peakBytes;
  const verdict = (bytes) => `${formatBytes(bytes)} are needed, which ${bytes <= capacity ? "fits" : "does not fit"}`;
  const levers = [];
  const contractions = steps.filter((step) => step.weights !== null);
  const streamed = contractions.filter((step) => step.weights?.mode === "streamed").length;
  if (contractions.length > 0) {
    levers.push({
      lever: "Streamed weights and leaner splits",
      effect: `tried; the closest choice streams ${streamed} of ${contractions.length} weighted layers and still needs ${formatBytes(demand)}`
    });
  }
  const weights = live.filter((buffer) => buffer.role === "weights");
  const weightBytes = weights.reduce((total, buffer) => total + buffer.bytes, 0);
  const wide = weights.reduce(
    (total, { element: element2, bytes }) => total + (element2 !== null && elementTypes[element2].bits > 4 ? bytes : 0),
    0
  );
  if (wide > 0) {
    levers.push({ lever: "4-bit weights, two in a byte", effect: verdict(demand - Math.floor(wide / 2)) });
  }
  const passing = live.filter(
    (buffer) => buffer.role === "value" || buffer.role === "operand" || buffer.role === "scratch"
  );
  const passingBytes = passing.reduce((total, buffer) => total + buffer.bytes, 0);
  const batch = batchOf(network);
  if (batch > 1) {
    levers.push({
      lever: "Batch 1",
      effect: `about ${verdict(demand - passingBytes + ceilDivide(passingBytes, batch))} (values and operands \xF7 ${batch})`
    });
  }
  const staying = demand - passingBytes;
  const room = capacity - passingBytes;
  levers.push(
    room > 0 ? {
      lever: "More cards",
      effect: `${ceilDivide(staying, room)} cards hold ${formatBytes(weightBytes)} of weights a core beside ${formatBytes(passingBytes)} of values, when layers are divided evenly`
    } : {
      lever: "More cards",
      effect: `no help by whole layers: values and operands of step "${steps[peakStep]?.name ?? ""}" alone need ${formatBytes(passingBytes)}`
    }
  );
  return makeMisfit("core memory", capacity, terms, levers);
}

// compiler/local-layout.ts
function denseLayout(order, extents, elementBytes2) {
  const strideBytes = new Array(extents.length).fill(0);
  let stride = elementBytes2;
  for (let position = order.length - 1; position >= 0; position -= 1) {
    const axis = order[position];
    strideBytes[axis] = stride;
    stride *= extents[axis];
  }
  return { order, extents, strideBytes, bytes: stride };
}
function naturalOrder(rank) {
  return Array.from({ length: rank }, (_, axis) => axis);
}
function boxStart(box) {
  return box.map((range2) => range2.start);
}

// compiler/mapper/layouts.ts
function valueLayouts(network) {
  const channelsLast = /* @__PURE__ */ new Set();
  const pending = [];
  const mark = (value, rank) => {
    if (rank < 3 || channelsLast.has(value) || !network.producer.has(value)) return;
    channelsLast.add(value);
    pending.push(value);
  };
  for (const layer of network.layers) {
    const windowed = layer.reads.filter((read) => !read.constant && slides(layer, read.access ?? []));
    if (windowed.length === 0) continue;
    for (const read of windowed) mark(read.value, read.type.shape.length);
    for (const write of layer.writes) mark(write.value, write.type.shape.length);
    for (const read of layer.reads) if (sharesResult(layer, read.type.shape)) mark(read.value, read.type.shape.length);
  }
  while (pending.length > 0) {
    const value = pending.pop();
    const around2 = [network.producer.get(value), ...network.readers.get(value) ?? []];
    for (const index of around2) {
      const layer = index === void 0 ? void 0 : network.layers[index];
      if (layer === void 0 || layer.kind !== "vector") continue;
      for (const { value: other, type } of [...layer.reads, ...layer.writes]) {
        if (sharesResult(layer, type.shape)) mark(other, type.shape.length);
      }
    }
  }
  return network.layers.flatMap(
    (layer) => layer.writes.map(({ value, type }) => {
      const rank = type.shape.length;
      const order = channelsLast.has(value) ? [0, ...naturalOrder(rank).slice(2), 1] : naturalOrder(rank);
      return { value, order };
    })
  );
}
function slides(layer, access) {
  return access.some(({ terms }) => {
    const kinds = new Set(terms.map(({ dimension }) => layer.dimensions[dimension]?.kind));
    return kinds.has("parallel") && kinds.has("reduction");
  });
}
function sharesResult(layer, shape2) {
  const result = layer.writes[0]?.type.shape;
  return result !== void 0 && result.length === shape2.length && result.every((size, axis) => size === shape2[axis]);
}

// compiler/chain.ts
function planChain(layer, geometry, roles, tileElements2) {
  const places = /* @__PURE__ */ new Map();
  const written = new Set(layer.writes.map((write) => write.value));
  const slotBytes = [];
  const busyUntil = [];
  if (layer.kind === "movement" || layer.kind === "input" || layer.kind === "output") {
    for (const node of layer.nodes) places.set(node.name, { kind: "value" });
    return { places, slotBytes, tables: [], tileElements: tileElements2 };
  }
  layer.nodes.forEach((node, position) => {
    if (position === 0 && roles !== null) {
      places.set(node.name, { kind: "partial" });
      return;
    }
    if (written.has(node.name)) {
      places.set(node.name, { kind: "value" });
      return;
    }
    const lastUse = layer.nodes.findLastIndex((other) => other.operands.includes(node.name));
    const bytes = tileElements2 * elementBytes(node.type.element);
    let slot = busyUntil.findIndex((until) => until < position);
    if (slot < 0) slot = busyUntil.length;
    busyUntil[slot] = lastUse;
    slotBytes[slot] = Math.max(slotBytes[slot] ?? 0, roundUp(bytes, 4));
    places.set(node.name, { kind: "scratch", slot });
  });
  if (roles !== null && written.has(layer.nodes[0]?.name ?? "")) {
    throw internalError("the i32 sums of a contraction leave their layer", { layer: layer.name });
  }
  return { places, slotBytes, tables: layer.nodes.flatMap((node) => tablesOf(node, layer, geometry)), tileElements: tileElements2 };
}
function tablesOf(node, layer, geometry) {
  const sourceType = typeOfOperand(node, layer);
  switch (node.op) {
    case "requantize":
      return [scaleTable(node, layer, geometry, sourceType.quantization, node.type.quantization)];
    case "dequantize":
      return [scaleTable(node, layer, geometry, sourceType.quantization, null)];
    case "quantize":
      return [scaleTable(node, layer, geometry, null, node.type.quantization)];
    case "reduce_mean":
      return [countTable(node, geometry, [], Int32Array.of(reducedCount(layer)), [])];
    case "average_pool":
      return [poolCountTable(node, layer, geometry)];
    default:
      return [];
  }
}
function typeOfOperand(node, layer) {
  const name = node.operands[0];
  const inner = layer.nodes.find((other) => other.name === name);
  const outer = layer.reads.find((read) => read.value === name);
  return inner?.type ?? outer?.type ?? node.type;
}
function scaleTable(node, layer, geometry, from, to) {
  const axis = from?.axis ?? to?.axis ?? null;
  const count = Math.max(from?.scales.length ?? 1, to?.scales.length ?? 1);
  const values = new Int32Array(2 * count);
  for (let index = 0; index < count; index += 1) {
    const numerator = from === null ? 1 : from.scales[from.scales.length === 1 ? 0 : index];
    const denominator = to === null ? 1 : to.scales[to.scales.length === 1 ? 0 : index];
    const { multiplier, shift } = fixedPoint(numerator / denominator);
    values[2 * index] = multiplier;
    values[2 * index + 1] = shift;
  }
  const access = count === 1 || axis === null ? [] : [layer.result[axis]];
  return placed(node, "scale", access.length === 0 ? [] : [count], values, access, geometry, 8);
}
function countTable(node, geometry, shape2, values, access) {
  return placed(node, "count", shape2, values, access, geometry, 4);
}
function placed(node, kind, shape2, values, access, geometry, width) {
  const extents = footprint(access, largestBox(geometry)).map((range2) => range2.end - range2.start);
  const layout = denseLayout(naturalOrder(shape2.length), extents, width);
  return { node: node.name, name: `${kind} ${node.name}`, kind, shape: shape2, values, access, layout, bytes: layout.bytes };
}
function reducedCount(layer) {
  return product(
    layer.dimensions.filter((dimension) => dimension.kind === "reduction").map((dimension) => dimension.size)
  );
}
function poolCountTable(node, layer, geometry) {
  const read = layer.reads.find((candidate) => candidate.node === node.name && candidate.operand === 0);
  if (read === void 0 || read.access === null)
    throw internalError(`"${node.name}" reads nothing`, { layer: layer.name });
  const access = read.access;
  const shape2 = read.type.shape;
  const spatial = node.type.shape.slice(2);
  const pads = node.attributes["countIncludePad"] === true ? node.attributes["pads"] : [];
  const counts = spatial.map((size, index) => {
    const axis = access[index + 2];
    const low = -(pads[index] ?? 0);
    const high = shape2[index + 2] + (pads[index + spatial.length] ?? 0);
    const outer = axis.terms.find((term) => layer.dimensions[term.dimension]?.kind === "parallel");
    const kernel = axis.terms.find((term) => layer.dimensions[term.dimension]?.kind === "reduction");
    const taps = kernel === void 0 ? 1 : layer.dimensions[kernel.dimension]?.size;
    return Array.from({ length: size }, (_, position) => {
      let count = 0;
      for (let tap = 0; tap < taps; tap += 1) {
        const at2 = axis.offset + (outer?.stride ?? 0) * position + (kernel?.stride ?? 0) * tap;
        if (at2 >= low && at2 < high) count += 1;
      }
      return Math.max(1, count);
    });
  });
  if (counts.every((list) => list.every((count) => count === list[0]))) {
    return countTable(node, geometry, [], Int32Array.of(product(counts.map((list) => list[0]))), []);
  }
  let values = [1];
  for (const list of counts) values = values.flatMap((value) => list.map((count) => value * count));
  return countTable(node, geometry, spatial, Int32Array.from(values), layer.result.slice(2));
}

// compiler/weights.ts
function contractionTiles(box, roles, step, capacity, halfBytes) {
  const tile2 = step.tile;
  if (tile2 === null) throw problem("B403", "A contraction step has no tile.", { layer: step.name });
  const rowTiles = tileBoxes(subBox(box, roles.row), tile2.rows);
  const columnTiles = tileBoxes(subBox(box, roles.column), tile2.columns);
  const inner = tileBoxes(subBox(box, roles.inner), tile2.inner);
  const rowsMost = Math.max(...rowTiles.map(boxCount));
  const columnsMost = Math.max(...columnTiles.map(boxCount));
  const innerMost = Math.max(...inner.map(boxCount));
  if (rowsMost * columnsMost > capacity || pairedBytes(1, innerMost, columnsMost) > halfBytes) {
    throw problem(
      "B403",
      `A tile of ${rowsMost} rows \xD7 ${columnsMost} columns \xD7 ${innerMost} inner elements exceeds ${capacity} partial sums or ${halfBytes} bytes of weights.`,
      { layer: step.name }
    );
  }
  const alone = columnTiles.length > 1 || inner.length > 1;
  const groupLimit2 = alone ? 1 : Math.min(
    Math.floor(capacity / (rowsMost * columnsMost)),
    Math.floor(halfBytes / pairedBytes(1, innerMost, columnsMost))
  );
  const groupTiles = innermostTiles(subBox(box, roles.group), groupLimit2);
  return rowTiles.flatMap(
    (rows) => groupTiles.flatMap(
      (groups, groupIndex) => columnTiles.map((columns, columnIndex) => ({
        groups,
        rows,
        columns,
        inner,
        firstChunk: (groupIndex * columnTiles.length + columnIndex) * inner.length
      }))
    )
  );
}
function innermostTiles(ranges, limit) {
  if (ranges.length === 0) return [[]];
  const outer = tileBoxes(ranges.slice(0, -1), 1);
  const inner = tileBoxes(ranges.slice(-1), limit);
  return outer.flatMap((head) => inner.map((tail) => [...head, ...tail]));
}
function pairedBytes(groups, inner, columns) {
  return groups * Math.ceil(inner / 2) * 2 * columns;
}
function weightChunks(tiles) {
  const chunks = [];
  for (const tile2 of tiles) {
    if (tile2.firstChunk < chunks.length) continue;
    for (const inner of tile2.inner) {
      chunks.push({
        groups: tile2.groups,
        columns: tile2.columns,
        inner,
        bytes: pairedBytes(boxCount(tile2.groups), boxCount(inner), boxCount(tile2.columns))
      });
    }
  }
  return chunks;
}
function streamGroup(geometry, roles) {
  const isRow = (part) => roles.row.some((index) => geometry.dimensions[index]?.name === part.dimension);
  const size = (parts, axis) => {
    const first = parts.findIndex(isRow);
    if (first >= 0 && !parts.slice(first).every(isRow)) {
      throw problem("B403", `Streamed weights need the row dimensions innermost in the split of the grid's ${axis}.`);
    }
    return product(parts.filter(isRow).map((part) => part.parts));
  };
  return { rows: size(geometry.split.rows, "rows"), columns: size(geometry.split.columns, "columns") };
}

// compiler/plan.ts
function planNetwork(network, steps, layouts, target) {
  if (steps.length !== network.layers.length) {
    throw problem("B403", `The mapping has ${steps.length} steps, the network has ${network.layers.length} layers.`);
  }
  const orders2 = new Map(layouts.map((layout) => [layout.value, layout.order]));
  const homes = /* @__PURE__ */ new Map();
  const plans = steps.map((step, index) => {
    const layer = network.layers[index];
    if (step.name !== layer.name) {
      throw problem("B403", `Step ${index} is named "${step.name}", the layer is "${layer.name}".`, {
        layer: layer.name
      });
    }
    const plan = planStep(index, step, layer, homes, orders2, target);
    for (const write of plan.writes) homes.set(write.write.value, write);
    return plan;
  });
  return { network, target, steps: plans, homes, buffers: bufferNeeds(network, plans, target) };
}
function planStep(index, step, layer, homes, orders2, target) {
  const grid = gridOf(target);
  const geometry = layOut(layer.dimensions, step.split, grid);
  const cores = Array.from({ length: grid.rows * grid.columns }, (_, core) => ({
    row: Math.floor(core / grid.columns),
    column: core % grid.columns
  }));
  const boxes = cores.map(({ row, column }) => iterationBox(geometry, row, column));
  const active = cores.map(({ row, column }) => isActive(geometry, row, column));
  const owns = cores.map(({ row, column }) => ownsResult(geometry, row, column));
  const largest2 = largestBox(geometry);
  const roles = layer.kind === "contraction" ? contractionRoles(layer) : null;
  const orderOf = (value, type) => orders2.get(value) ?? naturalOrder(type.shape.length);
  const writes = layer.writes.map((write) => {
    const extents = footprint(write.access, largest2).map((range2) => range2.end - range2.start);
    const layout = denseLayout(orderOf(write.value, write.type), extents, elementBytes(write.type.element));
    const owned = boxes.map((box, core) => owns[core] ? footprint(write.access, box) : null);
    return {
      write,
      buffer: `${write.value}`,
      spread: { boxes: owned, origins: owned.map((box) => box === null ? [] : boxStart(box)), layout }
    };
  });
  const anchor = layer.nodes[0]?.name ?? null;
  const seen = /* @__PURE__ */ new Map();
  const reads = layer.reads.map((read) => {
    const key = `${read.value} ${JSON.stringify(read.access)}`;
    const known = seen.get(key);
    if (known !== void 0 && known.mode !== "weights") return { ...known, read };
    const plan = planRead(read, anchor, layer, step, boxes, active, owns, largest2, homes, orderOf);
    seen.set(key, plan);
    return plan;
  });
  const weightsRead = reads.find((read) => read.mode === "weights");
  const weights = weightsRead === void 0 ? null : {
    read: weightsRead.read,
    buffer: `${step.name}/weights`,
    mode: step.weights?.mode ?? "resident",
    group: step.weights?.mode === "streamed" && roles !== null ? streamGroup(geometry, roles) : { rows: 1, columns: 1 }
  };
  const chain = planChain(layer, geometry, roles, tileElements(layer, step, geometry, roles, target));
  return { index, step, layer, geometry, boxes, active, owns, reads, writes, roles, weights, chain };
}
function planRead(read, anchor, layer, step, iterationBoxes, active, owns, largest2, homes, orderOf) {
  const shape2 = read.type.shape;
  const rank = shape2.length;
  const width = elementBytes(read.type.element);
  if (read.access === null && read.constant) {
    const layout2 = denseLayout(naturalOrder(rank), shape2, width);
    const whole = iterationBoxes.map(
      (_, core) => active[core] ? shape2.map((size) => ({ start: 0, end: size })) : null
    );
    const buffer2 = `${step.name}/constant ${read.node}.${read.operand}`;
    const origins2 = whole.map((box) => box === null ? [] : boxStart(box));
    return { read, mode: "constant", buffer: buffer2, layout: layout2, boxes: whole, origins: origins2, padded: false };
  }
  if (read.access === null || layer.kind === "output") {
    const none = iterationBoxes.map(() => null);
    const layout2 = denseLayout(naturalOrder(rank), shape2, width);
    return {
      read,
      mode: "pieces",
      buffer: read.value,
      layout: layout2,
      boxes: none,
      origins: none.map(() => []),
      padded: false
    };
  }
  const access = read.access;
  const isWeights = layer.kind === "contraction" && read.node === anchor && read.operand === 1;
  const takesPart = read.node === anchor ? active : owns;
  const touched = iterationBoxes.map((box, core) => takesPart[core] ? footprint(access, box) : null);
  const clipped = touched.map(
    (box) => box === null ? null : box.map((range2, axis) => ({
      start: Math.max(0, range2.start),
      end: Math.min(shape2[axis], range2.end)
    }))
  );
  const padded = touched.some(
    (box) => box?.some((range2, axis) => range2.start < 0 || range2.end > shape2[axis])
  );
  const extents = footprint(access, largest2).map((range2) => range2.end - range2.start);
  const origins = touched.map((box) => box === null ? [] : boxStart(box));
  if (read.constant) {
    const layout2 = denseLayout(naturalOrder(rank), extents, width);
    const mode = isWeights ? "weights" : "constant";
    return {
      read,
      mode,
      buffer: `${step.name}/constant ${read.node}.${read.operand}`,
      layout: layout2,
      boxes: clipped,
      origins,
      padded
    };
  }
  const home = homes.get(read.value);
  if (home === void 0) throw problem("B403", `No earlier step makes "${read.value}".`, { layer: layer.name });
  const local = clipped.every((box, core) => box === null || inside(box, home.spread.boxes[core] ?? null));
  if (local && !padded) {
    return {
      read,
      mode: "in-place",
      buffer: home.buffer,
      layout: home.spread.layout,
      boxes: clipped,
      origins: home.spread.origins,
      padded: false
    };
  }
  const layout = denseLayout(orderOf(read.value, read.type), extents, width);
  const buffer = `${step.name}/operand ${read.node}.${read.operand}`;
  return { read, mode: "copied", buffer, layout, boxes: clipped, origins, padded };
}
function inside(box, holder) {
  if (boxCount(box) === 0) return true;
  if (holder === null) return false;
  return box.every((range2, axis) => {
    const outer = holder[axis];
    return range2.start >= outer.start && range2.end <= outer.end;
  });
}
function tileElements(layer, step, geometry, roles, target) {
  if (roles !== null && step.tile !== null) {
    return Math.min(
      tileCapacity(geometry, target),
      Math.max(...largestTiles(geometry, roles, step, target).map(tileSize))
    );
  }
  const parallel = layer.dimensions.map((dimension, index) => dimension.kind === "parallel" ? geometry.chunks[index] : 1).reduce((left, right) => left * right, 1);
  return Math.min(parallel, vectorTileElements(target));
}
function vectorTileElements(target) {
  return Math.floor(target.core.partialBufferBytes / 4);
}
function largestTiles(geometry, roles, step, target) {
  return contractionTiles(
    largestBox(geometry),
    roles,
    step,
    tileCapacity(geometry, target),
    chunkCapacityBytes(target)
  );
}
function tileSize(tile2) {
  return boxCount(tile2.groups) * boxCount(tile2.rows) * boxCount(tile2.columns);
}
function bufferNeeds(network, plans, target) {
  const last = plans.length - 1;
  const needs = [];
  for (const plan of plans) {
    const { step, index } = plan;
    for (const write of plan.writes) {
      const readers = network.readers.get(write.write.value) ?? [];
      needs.push({
        name: write.buffer,
        role: "value",
        step: step.name,
        value: write.write.value,
        element: write.write.type.element,
        bytes: write.spread.layout.bytes,
        firstStep: index,
        lastStep: Math.max(index, ...readers)
      });
    }
    const names = /* @__PURE__ */ new Set();
    for (const read of plan.reads) {
      if (read.mode !== "copied" && read.mode !== "constant" || names.has(read.buffer)) continue;
      names.add(read.buffer);
      const copied = read.mode === "copied";
      needs.push({
        name: read.buffer,
        role: copied ? "operand" : "constant",
        step: step.name,
        value: read.read.value,
        element: read.read.type.element,
        bytes: read.layout.bytes,
        firstStep: copied ? index : 0,
        lastStep: copied ? index : last
      });
    }
    if (plan.weights !== null) {
      const chunks = stepChunks(plan, largestBox(plan.geometry), target);
      const pieces = plan.weights.group.rows * plan.weights.group.columns;
      needs.push({
        name: plan.weights.buffer,
        role: "weights",
        step: step.name,
        value: plan.weights.read.value,
        element: plan.weights.read.type.element,
        bytes: chunks.reduce((bytes, chunk) => bytes + storedBytes(chunk, pieces), 0),
        firstStep: 0,
        lastStep: last
      });
    }
    for (const table2 of plan.chain.tables) {
      needs.push({
        name: `${step.name}/${table2.name}`,
        role: "constant",
        step: step.name,
        value: null,
        element: null,
        bytes: table2.bytes,
        firstStep: 0,
        lastStep: last
      });
    }
    plan.chain.slotBytes.forEach((bytes, slot) => {
      needs.push({
        name: `${step.name}/scratch ${slot}`,
        role: "scratch",
        step: step.name,
        value: null,
        element: null,
        bytes,
        firstStep: index,
        lastStep: index
      });
    });
  }
  return needs.map((need) => ({ ...need, bytes: roundUp(need.bytes, 4) }));
}
function stepChunks(plan, box, target) {
  if (plan.roles === null) return [];
  return weightChunks(
    contractionTiles(box, plan.roles, plan.step, tileCapacity(plan.geometry, target), chunkCapacityBytes(target))
  );
}
function storedBytes(chunk, pieces) {
  return roundUp(ceilDivide(chunk.bytes, pieces), 4);
}

// compiler/mapper/steps.ts
function stepsOf(network, chosen, pins, target) {
  return network.layers.map((layer, index) => pins.get(layer.name) ?? stepOf(layer, at(chosen, index), target));
}
function stepOf(layer, candidate, target) {
  const { split, weights } = candidate;
  const geometry = layOut(layer.dimensions, split, target.grid);
  const { reduction } = geometry;
  return {
    name: layer.name,
    kind: layer.kind,
    nodes: layer.nodes.map((node) => node.name),
    value: boundaryValue(layer),
    split,
    weights,
    tile: layer.kind === "contraction" ? tilePlan(layer, geometry, target) : null,
    reduction: reduction === null ? null : { axis: reduction.axis, parts: reduction.parts }
  };
}
function stepCosts(space, chosen) {
  return space.network.layers.map((layer, index) => {
    const transfers = space.edges.filter((edge) => edge.consumer === index).map((edge) => ({
      value: at(layer.reads, edge.read).value,
      cost: space.costOf(edge, at(chosen, edge.producer), at(chosen, index))
    }));
    const work = at(chosen, index).cost;
    return {
      name: layer.name,
      cycles: transfers.reduce((total, { cost }) => total + cost.cycles, work.cycles),
      work,
      transfers
    };
  });
}

// compiler/mapper/repair.ts
var roundLimit = 14;
var refineLimit = 3;
var firstPrice = 1 / 128;
var raise = 8;
function fitMemory(space, pins, layouts) {
  const capacity = space.target.core.memoryBytes;
  const tryPrices = (prices2) => attempt(space, pins, layouts, priceOf(space, prices2));
  const fits = (one) => one.allocation.peakBytes <= capacity;
  let prices = { weights: 0, transient: /* @__PURE__ */ new Map() };
  let failed = prices;
  let current = tryPrices(prices);
  let leanest = current;
  let rounds = 1;
  const hasChoice = space.candidates.some((list) => list.length > 1);
  while (hasChoice && !fits(current) && rounds < roundLimit) {
    failed = prices;
    prices = raised(space, current, prices);
    current = tryPrices(prices);
    rounds += 1;
    if (current.allocation.peakBytes < leanest.allocation.peakBytes) leanest = current;
  }
  if (!fits(current)) return { fitting: null, leanest, rounds };
  let fitting = current;
  let [low, high] = [failed, prices];
  for (let turn = 0; turn < refineLimit && rounds > 1; turn += 1) {
    const middle = between(low, high);
    const refined = tryPrices(middle);
    rounds += 1;
    if (fits(refined)) {
      high = middle;
      if (refined.result.predictedCycles < fitting.result.predictedCycles) fitting = refined;
    } else low = middle;
  }
  return { fitting, leanest: fitting, rounds };
}
function attempt(space, pins, layouts, price) {
  const result = search(space, price);
  const steps = stepsOf(space.network, result.chosen, pins, space.target);
  const needs = planNetwork(space.network, steps, layouts, space.target).buffers;
  return { result, steps, needs, allocation: allocate(needs) };
}
function priceOf(space, prices) {
  const produced = space.network.layers.map((_, index) => prices.transient.get(index) ?? 0);
  return (layer, candidate) => prices.weights * candidate.weightBytes + at(produced, layer) * (candidate.operandBytes + candidate.valueBytes);
}
function raised(space, failedAttempt, prices) {
  const capacity = space.target.core.memoryBytes;
  const { peakStep } = failedAttempt.allocation;
  const live = failedAttempt.needs.filter((need) => need.firstStep <= peakStep && need.lastStep >= peakStep);
  const passing = live.filter((need) => need.role === "value" || need.role === "operand" || need.role === "scratch");
  const passingBytes = passing.reduce((total, need) => total + need.bytes, 0);
  const weightBytes = live.reduce((total, need) => total + (need.role === "weights" ? need.bytes : 0), 0);
  const up = (price) => price === 0 ? firstPrice : price * raise;
  const transient = new Map(prices.transient);
  if (4 * passingBytes > capacity || weightBytes === 0) {
    const steps = new Map(space.network.layers.map((layer, index) => [layer.name, index]));
    for (const layer of new Set(passing.map((need) => steps.get(need.step)))) {
      if (layer !== void 0) transient.set(layer, up(transient.get(layer) ?? 0));
    }
    const home = transient.get(peakStep);
    if (home === void 0) transient.set(peakStep, firstPrice);
  }
  return { weights: 4 * weightBytes > capacity ? up(prices.weights) : prices.weights, transient };
}
function between(low, high) {
  const middle = (a, b) => a === 0 ? b / raise : Math.sqrt(a * b);
  const transient = /* @__PURE__ */ new Map();
  for (const [layer, price] of high.transient) transient.set(layer, middle(low.transient.get(layer) ?? 0, price));
  return { weights: middle(low.weights, high.weights), transient };
}

// ir/vector-function.ts
var vectorFunctions = {
  fill: { sources: 0, cost: "copy", parameters: ["value"], summary: "Stores a number." },
  copy: { sources: 1, cost: "copy", parameters: [], summary: "Copies." },
  add: { sources: 2, cost: "add", parameters: [], summary: "a + b." },
  subtract: { sources: 2, cost: "add", parameters: [], summary: "a \u2212 b." },
  multiply: { sources: 2, cost: "multiply", parameters: [], summary: "a \xD7 b." },
  divide: { sources: 2, cost: "divide", parameters: [], summary: "a \xF7 b." },
  maximum: { sources: 2, cost: "compare", parameters: [], summary: "The greater." },
  minimum: { sources: 2, cost: "compare", parameters: [], summary: "The lesser." },
  clip: { sources: 1, cost: "compare", parameters: ["low", "high"], summary: "max(low, min(high, a)), on f16 or stored integers." },
  relu: { sources: 1, cost: "compare", parameters: [], summary: "max(a, 0)." },
  leaky_relu: { sources: 1, cost: "multiply", parameters: ["alpha"], summary: "a if a \u2265 0, else alpha\xB7a." },
  negate: { sources: 1, cost: "add", parameters: [], summary: "\u2212a." },
  absolute: { sources: 1, cost: "compare", parameters: [], summary: "|a|." },
  square_root: { sources: 1, cost: "root", parameters: [], summary: "\u221Aa." },
  reciprocal: { sources: 1, cost: "divide", parameters: [], summary: "1 \xF7 a." },
  exp: { sources: 1, cost: "table", parameters: [], summary: "e^a." },
  log: { sources: 1, cost: "table", parameters: [], summary: "ln a." },
  erf: { sources: 1, cost: "table", parameters: [], summary: "The error function." },
  sigmoid: { sources: 1, cost: "table", parameters: [], summary: "1 / (1 + e^\u2212a)." },
  tanh: { sources: 1, cost: "table", parameters: [], summary: "The hyperbolic tangent." },
  gelu: { sources: 1, cost: "table", parameters: [], summary: "a/2 \xB7 (1 + erf(a/\u221A2))." },
  gelu_tanh: { sources: 1, cost: "table", parameters: [], summary: "GELU by its tanh approximation." },
  softplus: { sources: 1, cost: "table", parameters: [], summary: "ln(1 + e^a)." },
  requantize: {
    sources: 2,
    cost: "convert",
    parameters: ["zero", "low", "high"],
    summary: "i32 to a narrow integer: clamp(rne(a\xB7M\xB72^\u2212s) + zero, low, high); operand 2 is the scale (M, s)."
  },
  dequantize: {
    sources: 2,
    cost: "convert",
    parameters: ["zero"],
    summary: "Integer to f16: (a \u2212 zero)\xB7M\xB72^\u2212s rounded once; operand 2 is the scale (M, s)."
  },
  quantize: {
    sources: 2,
    cost: "convert",
    parameters: ["zero", "low", "high"],
    summary: "f16 to a narrow integer: clamp(rne(a\xB7M\xB72^\u2212s) + zero, low, high), NaN gives zero; operand 2 is the inverse scale (M, s)."
  },
  sum: { sources: 1, cost: "add", parameters: [], summary: "Reduction: the exact sum, rounded once." },
  mean: { sources: 2, cost: "add", parameters: [], summary: "Reduction: the exact sum \xF7 an i32 count (operand 2), rounded once." },
  reduce_maximum: { sources: 1, cost: "compare", parameters: [], summary: "Reduction: the greatest." },
  reduce_minimum: { sources: 1, cost: "compare", parameters: [], summary: "Reduction: the least." }
};

// compiler/mapper/work.ts
function vectorWork(graph, layers) {
  const types = valueTypes(graph);
  return new Map(layers.map((layer) => [layer.name, layer.nodes.flatMap((node) => passesOf(layer, node, types))]));
}
function passesOf(layer, node, types) {
  const lowering = operatorOf(node.op).vector;
  if (lowering === void 0) return [];
  const operands = node.operands.map((operand) => operand === null ? null : types.get(operand) ?? null);
  const issue = lowering.issue({ operands, attributes: node.attributes, type: node.type });
  const sources2 = new Set(node.operands.filter((operand) => operand !== null));
  let sourceBytes = 0;
  for (const source of sources2) sourceBytes += operandPortBytes(layer, node, source);
  return [
    {
      cost: vectorFunctions[issue.function].cost,
      reduces: lowering.kind === "reduce",
      sourceBytes,
      resultBytes: elementBytes(node.type.element)
    }
  ];
}
function operandPortBytes(layer, node, value) {
  const anchor = at(layer.nodes, 0);
  if (value === anchor.name) return layer.kind === "contraction" ? 0 : elementBytes(anchor.type.element);
  const inner = layer.nodes.find((other) => other.name === value);
  if (inner !== void 0) return elementBytes(inner.type.element);
  const read = layer.reads.find((candidate) => candidate.value === value && candidate.node === node.name);
  if (read?.access === void 0 || read.access === null) return 0;
  const touched = new Set(read.access.flatMap((axis) => axis.terms.map((term) => term.dimension)));
  const whole = layer.dimensions.every(
    (dimension, index) => dimension.size === 1 || dimension.kind === "reduction" || touched.has(index)
  );
  return whole ? elementBytes(read.type.element) : 0;
}

// compiler/mapper/mapper.ts
function mapNetwork(network, target, options = {}) {
  const frame2 = frameMisfit(network, target);
  if (frame2 !== null) throw new MisfitError(frame2);
  const pins = pinsOf(network, target, options.mapping);
  const layouts = valueLayouts(network);
  const given = new Map(options.mapping?.layouts.map((layout) => [layout.value, layout]));
  const chosenLayouts = layouts.map((layout) => given.get(layout.value) ?? layout);
  const work = options.work ?? vectorWork(network.graph, network.layers);
  const space = searchSpace(network, work, target, pins);
  const fit = fitMemory(space, pins, chosenLayouts);
  const buffers = options.mapping?.buffers ?? [];
  if (buffers.length > 0) {
    const problems = checkBuffers(buffers, fit.leanest.needs, target.core.memoryBytes);
    if (problems.length > 0) throw new BorealError(problems);
  } else if (fit.fitting === null) throw new MisfitError(memoryMisfit(network, fit.leanest, target));
  const attempt2 = fit.fitting ?? fit.leanest;
  return {
    mapping: mappingOf(
      network,
      target,
      options,
      attempt2,
      chosenLayouts,
      buffers.length > 0 ? buffers : attempt2.allocation.buffers
    ),
    predictedCycles: attempt2.result.predictedCycles,
    layerCosts: stepCosts(space, attempt2.result.chosen),
    exact: attempt2.result.exact && fit.rounds === 1,
    peakBytes: attempt2.allocation.peakBytes,
    liveBytes: attempt2.allocation.liveBytes
  };
}
function mappingOf(network, target, options, attempt2, layouts, buffers) {
  return {
    kind: "mapping",
    graph: network.graph.name,
    target: target.name,
    batchCount: options.batchCount ?? options.mapping?.batchCount ?? 1,
    steps: attempt2.steps,
    layouts,
    buffers
  };
}
function pinsOf(network, target, mapping) {
  const pins = /* @__PURE__ */ new Map();
  if (mapping === void 0) return pins;
  const problems = [];
  const layers = new Map(network.layers.map((layer) => [layer.name, layer]));
  for (const step of mapping.steps) {
    const layer = layers.get(step.name);
    if (layer === void 0) {
      problems.push({ code: "B403", message: `There is no layer "${step.name}".`, at: { layer: step.name } });
    } else if (pins.has(step.name)) {
      problems.push({ code: "B403", message: `Step "${step.name}" stands twice.`, at: { layer: step.name } });
    } else {
      problems.push(...checkStep(layer, step, target));
      pins.set(step.name, step);
    }
  }
  problems.push(...layoutProblems(network, mapping));
  if (problems.length > 0) throw new BorealError(problems);
  return pins;
}
function layoutProblems(network, mapping) {
  const problems = [];
  for (const { value, order } of mapping.layouts) {
    const producer = network.producer.get(value);
    const layer = producer === void 0 ? void 0 : network.layers[producer];
    const rank = layer?.writes.find((write) => write.value === value)?.type.shape.length;
    if (rank === void 0) {
      problems.push({
        code: "B403",
        message: `A layout is given for "${value}", which no layer leaves.`,
        at: { tensor: value }
      });
    } else if ([...order].sort((a, b) => a - b).join() !== Array.from({ length: rank }, (_, axis) => axis).join()) {
      problems.push({
        code: "B403",
        message: `The layout [${order.join(", ")}] does not order the ${rank} axes of "${value}".`,
        at: { tensor: value }
      });
    }
  }
  return problems;
}

// test/compiler/mapper/zz-prof.ts
var chip = loadChip("northpole-style");
var net = process.argv[2] === "t" ? tsMixer(71721) : resnet50();
var now = () => process.cpuUsage().user / 1e3;
{
  let t = now();
  const work = vectorWork(net.graph, net.layers);
  const space = searchSpace(net, work, chip);
  search(space);
  console.log("search cold", now() - t);
  t = now();
  mapNetwork(net, chip);
  console.log("map warm", now() - t);
}
