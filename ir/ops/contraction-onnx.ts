import { at, product } from "../../base/math.ts";
import type { GraphBuilder, OnnxForm, OnnxNode } from "../operator.ts";
import { elementTypes, isFloat, sameNumbers } from "../type.ts";
import { broadcastShapes } from "./broadcast.ts";
import { indexList } from "./movement-declaration.ts";
import { compositeForm, onnxInput, onnxInteger, onnxNumber, onnxOptional, scalarLike } from "./onnx-node.ts";
import { onnxGroup, onnxWindow } from "./window.ts";

/** MatMul: an operand of one axis gets a second one of size 1, which is taken out of the result again. */
export const matMulForm: OnnxForm = compositeForm("MatMul", 1, (node, builder, name) => {
  const [x, w] = [onnxInput(node, builder, 0), onnxInput(node, builder, 1)];
  const [xShape, wShape] = [builder.type(x).shape, builder.type(w).shape];
  if (xShape.length === 0 || wShape.length === 0)
    return builder.refuse("B110", "MatMul needs operands of at least one axis.");
  const left = xShape.length === 1 ? builder.add("reshape", [x], { shape: [1, at(xShape, 0)] }) : x;
  const right = wShape.length === 1 ? builder.add("reshape", [w], { shape: [at(wShape, 0), 1] }) : w;
  if (left === x && right === w) return writeProduct(x, w, builder, name);
  const result = writeProduct(left, right, builder);
  const { shape } = builder.type(result);
  const kept = shape.filter(
    (_, axis) => !(axis === shape.length - 2 && left !== x) && !(axis === shape.length - 1 && right !== w),
  );
  return builder.add("reshape", [result], { shape: kept }, name);
});

/** Products of wide integers that are added up one by one are at most this many. */
const wideProducts = 2 ** 22;

/**
 * The matrix product. The matrix unit takes floats, which are quantized, and integers of at most 8 bits; wider ones are
 * multiplied and added up exactly, unless they are too many.
 */
function writeProduct(x: string, w: string, builder: GraphBuilder, name?: string): string {
  const [{ element, shape }, { shape: wShape }] = [builder.type(x), builder.type(w)];
  const [columns, rank] = [at(wShape, wShape.length - 1), wShape.length];
  const isWide = elementTypes[element].kind === "integer" && elementTypes[element].bits > 8;
  const products =
    product(broadcastShapes([shape.slice(0, -2), wShape.slice(0, -2)])) * columns * product(shape.slice(-2));
  if (!isWide || products > wideProducts || shape.at(-1) !== wShape.at(-2))
    return builder.add("matmul", [x, w, null], {}, name);
  const rows = builder.add("reshape", [x], { shape: [...shape.slice(0, -1), 1, at(shape, shape.length - 1)] });
  const permutation = [...indexList(rank - 2), rank - 1, rank - 2];
  const turned = builder.add("transpose", [w], { permutation });
  const lines = builder.add("reshape", [turned], {
    shape: [...wShape.slice(0, -2), 1, columns, at(wShape, rank - 2)],
  });
  const terms = builder.add("mul", [rows, lines]);
  return builder.add("reduce_sum", [terms], { axes: [builder.type(terms).shape.length - 1], keepdims: false }, name);
}

function scaled(value: string, factor: number, builder: GraphBuilder): string {
  return factor === 1 ? value : builder.add("mul", [value, scalarLike(builder, value, factor)]);
}

/** The operands and factors of a Gemm node, alpha · A' · B' + beta · C. */
interface GemmTerms {
  readonly a: string;
  readonly b: string;
  readonly c: string | null;
  readonly alpha: number;
  readonly beta: number;
}

/** Gemm: in f32 where a half type would be rounded more than once. */
export const gemmForm: OnnxForm = compositeForm("Gemm", 1, (node, builder, name) => {
  const terms: GemmTerms = {
    a: onnxInput(node, builder, 0),
    b: onnxInput(node, builder, 1),
    c: onnxOptional(node, 2),
    alpha: onnxNumber(node, builder, "alpha", 1),
    beta: onnxNumber(node, builder, "beta", 1),
  };
  const { element } = builder.type(terms.a);
  const isHalf = element === "f16" || element === "bf16";
  const roundsOnce =
    terms.alpha === 1 && (terms.c === null || (terms.beta === 1 && builder.constantInfo(terms.c) !== null));
  if (!isHalf || roundsOnce) return writeGemm(node, terms, builder, name);
  const wide = (value: string): string => builder.add("cast", [value], { element: "f32" });
  const widened = { ...terms, a: wide(terms.a), b: wide(terms.b), c: terms.c === null ? null : wide(terms.c) };
  return builder.add("cast", [writeGemm(node, widened, builder)], { element }, name);
});

/** alpha goes to a constant B; a constant C of one number a column becomes the bias. */
function writeGemm(node: OnnxNode, { a, b, c, alpha, beta }: GemmTerms, builder: GraphBuilder, name?: string): string {
  const transposed = (value: string, attribute: string): string =>
    onnxInteger(node, builder, attribute, 0) === 0 ? value : builder.add("transpose", [value], { permutation: [1, 0] });
  const constantWeights = builder.constantInfo(b) !== null;
  const x = transposed(a, "transA");
  const w = transposed(constantWeights ? scaled(b, alpha, builder) : b, "transB");
  const columns = builder.type(w).shape[1];
  const after = constantWeights ? 1 : alpha;
  if (c === null) {
    if (after === 1) return writeProduct(x, w, builder, name);
    const sums = writeProduct(x, w, builder);
    return builder.add("mul", [sums, scalarLike(builder, sums, after)], {}, name);
  }
  const addend = scaled(c, beta, builder);
  const { shape } = builder.type(addend);
  const isBias =
    after === 1 && builder.constantInfo(c) !== null && columns !== undefined && isFloat(builder.type(c).element);
  if (isBias && sameNumbers(shape, [columns])) return builder.add("matmul", [x, w, addend], {}, name);
  if (isBias && sameNumbers(shape, [1, columns])) {
    const bias = builder.add("reshape", [addend], { shape: [columns] });
    return builder.add("matmul", [x, w, bias], {}, name);
  }
  const scaledProduct = scaled(writeProduct(x, w, builder), after, builder);
  return builder.add("add", [scaledProduct, addend], {}, name);
}

/** Conv with one, two or three spatial axes. */
export const convForm: OnnxForm = compositeForm("Conv", 1, (node, builder, name) => {
  const [x, w] = [onnxInput(node, builder, 0), onnxInput(node, builder, 1)];
  const window = onnxWindow(node, builder, builder.type(x).shape.slice(2), builder.type(w).shape.slice(2));
  return builder.add("conv", [x, w, onnxOptional(node, 2)], { ...window, group: onnxGroup(node, builder) }, name);
});
