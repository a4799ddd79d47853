import { product } from "../../base/math.ts";
import type { NodeBuilder } from "../operator.ts";
import { type ElementType, elementTypes, tensorType } from "../type.ts";
import { tensorOf } from "./values.ts";

/** The integers in which indices of that element type are compared with positions. */
function comparedAs(element: ElementType): ElementType {
  if (elementTypes[element].kind === "float") return "i64";
  return elementTypes[element].bits < 32 ? "i32" : element;
}

/**
 * The bool value that says which position of an axis each index names: indices, which have size 1 along `axis`, compared
 * with 0 … count − 1 and, where `fromEnd`, with −count … −1. An index outside names none.
 */
export function indexMask(
  builder: NodeBuilder,
  indices: string,
  axis: number,
  count: number,
  fromEnd: boolean,
): string {
  const { element, shape } = builder.type(indices);
  const compared = comparedAs(element);
  const cast = compared === element ? indices : builder.add("cast", [indices], { element: compared });
  const type = tensorType(compared, [count, ...shape.slice(axis + 1).map(() => 1)]);
  const positionsFrom = (first: number): string => {
    const positions = builder.addConstant(
      tensorOf(
        type,
        Float64Array.from({ length: count }, (_, index) => first + index),
      ),
    );
    return builder.add("equal", [cast, positions]);
  };
  const fromStart = positionsFrom(0);
  return fromEnd && elementTypes[element].signed ? builder.add("or", [fromStart, positionsFrom(-count)]) : fromStart;
}

/** Results of a comparison of every index with every position have at most this many elements. */
const comparedElements = 2 ** 22;

/**
 * What indices along an axis choose from the data, written as comparisons: both are aligned, the axis of positions
 * standing at `axis`, where indices have size 1. Exact: of all that is added up, one element is not zero. Null where that
 * makes too many elements.
 */
export function chooseByIndex(builder: NodeBuilder, data: string, indices: string, axis: number): string | null {
  const type = builder.type(data);
  const indexShape = builder.type(indices).shape;
  const sizes = type.shape.map((size, each) => Math.max(size, indexShape[each] ?? 1));
  if (product(sizes) > comparedElements || type.quantization !== null) return null;
  const isBool = type.element === "bool";
  const numbers = isBool ? builder.add("cast", [data], { element: "i32" }) : data;
  const mask = indexMask(builder, indices, axis, type.shape[axis] ?? 0, true);
  const zero = builder.addConstant(tensorOf(tensorType(isBool ? "i32" : type.element, []), [0]));
  const chosen = builder.add("where", [mask, numbers, zero]);
  const result = builder.add("reduce_sum", [chosen], { axes: [axis], keepdims: false });
  return isBool ? builder.add("cast", [result], { element: "bool" }) : result;
}
