import type { TensorData } from "../../ir/tensor.ts";
import type { ElementType } from "../../ir/type.ts";
import type { RoundedChannel } from "./rounding.ts";

/** Weights rounded to nearest, by the numbers that were rounded: plans of one model differ in few layers. Belongs to the caller. */
export class NearestMemory {
  readonly #known = new WeakMap<TensorData, Map<string, RoundedChannel[][]>>();

  /** What `round` gives; it is asked once for the same numbers, element type, least scales and granularity. */
  remembered(
    numbers: TensorData,
    choice: { readonly element: ElementType; readonly leastScales: Float64Array; readonly perTensor: boolean },
    round: () => RoundedChannel[][],
  ): RoundedChannel[][] {
    const own = this.#known.get(numbers) ?? new Map<string, RoundedChannel[][]>();
    this.#known.set(numbers, own);
    const key = `${choice.element} ${choice.perTensor} ${choice.leastScales.join()}`;
    const rounded = own.get(key) ?? round();
    own.set(key, rounded);
    return rounded;
  }
}
