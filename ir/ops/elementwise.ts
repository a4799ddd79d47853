import type { Operator } from "../operator.ts";
import { binaryOperators } from "./elementwise-binary.ts";
import { unaryOperators } from "./elementwise-unary.ts";

/** Operators that compute each result element from the operands' elements at the same place. */
export const elementwiseOperators: readonly Operator[] = [...unaryOperators, ...binaryOperators];
