import { type Constant, consumers, type Graph } from "../../ir/graph.ts";
import { operatorOf } from "../../ir/ops/index.ts";
import { isFloat } from "../../ir/type.ts";
import { narrowestElement } from "./weights.ts";

/**
 * Stores integer weights of contractions in the narrowest type that holds them, where nothing else reads them: models of
 * 4 and 2 bits then take no more on the chip.
 *
 *     const %w: i8<axis=1, scale=[...], zero=0>[8,4]   ->   const %w: i4<axis=1, scale=[...], zero=0>[8,4]
 */
export function narrowWeights(graph: Graph): Graph {
  const readers = consumers(graph);
  const isWeight = ({ name }: Constant): boolean => {
    const nodes = readers.get(name) ?? [];
    return (
      nodes.length > 0 &&
      nodes.every(
        ({ op, operands, type }) =>
          operatorOf(op).runsOn === "matrix" && !isFloat(type.element) && operands[1] === name && operands[0] !== name,
      )
    );
  };
  const constants = graph.constants.map((constant) =>
    isWeight(constant) ? { ...constant, type: { ...constant.type, element: narrowestElement(constant) } } : constant,
  );
  return { ...graph, constants };
}
