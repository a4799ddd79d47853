import { importCase, readCaseData } from "../api/conformance-case.ts";
import { sum } from "../base/math.ts";
import { prepareSimplified, simplify } from "../compiler/compile.ts";
import { type ContractionWork, contractionWork, macCountByPrecision } from "../compiler/quantize/mac-count.ts";
import { isFloat } from "../ir/type.ts";
import { formatShares, type QuantizerRow } from "./quantizer-rows.ts";
import { sharedModel } from "./setting.ts";

/** A layer whose multiply-accumulates are not at the precision that was asked for. */
export interface OtherPrecision {
  readonly model: string;
  readonly asked: string;
  /** ONNX nodes. */
  readonly layer: string;
  readonly precision: string;
  /** Of all multiply-accumulates of the model. */
  readonly share: number;
  readonly reason: string;
}

/**
 * The layers of measured models that are not at the precision that was asked for. They depend on types alone, so nothing is calibrated or
 * measured again. Throws when shares of precisions differ from those that were measured.
 */
export function otherPrecisions(rows: readonly QuantizerRow[]): OtherPrecision[] {
  return [...new Set(rows.map(({ model }) => model))].flatMap((model) => {
    const folder = sharedModel(model);
    const [data] = readCaseData(folder);
    if (data === undefined) throw new Error(`${model} has no data set.`);
    const simplified = simplify(importCase(folder, data).model.graph);
    return rows.flatMap((row) => {
      if (row.model !== model) return [];
      const { quantizedGraph } = prepareSimplified(simplified, { precision: row.precision, calibrationFrames: null });
      const macs = formatShares(macCountByPrecision(quantizedGraph));
      if (macs !== row.macs) throw new Error(`${model} at ${row.precision} has ${macs}, but ${row.macs} was measured.`);
      const work = contractionWork(quantizedGraph);
      const all = sum(work.map(({ macCount }) => macCount));
      return work.flatMap((each): OtherPrecision[] => {
        const { node, precision, macCount } = each;
        if (precision === row.precision) return [];
        const layer = node.origin.join(", ");
        return [{ model, asked: row.precision, layer, precision, share: macCount / all, reason: reasonOf(each) }];
      });
    });
  });
}

function reasonOf({ hasConstantWeights, node }: ContractionWork): string {
  if (isFloat(node.type.element)) return "computed in floats";
  return hasConstantWeights
    ? "the model states its weights' width"
    : "product of two activations, both as wide as activations";
}
