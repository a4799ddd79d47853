import type { Random } from "../base/random.ts";
import { tensorNumbers, tensorOf } from "../ir/ops/values.ts";
import type { Tensor } from "../ir/tensor.ts";

/** Numbers spread evenly over the range of each of a model's golden inputs. */
export function frameLike(golden: ReadonlyMap<string, Tensor>, random: Random): Map<string, Tensor> {
  return new Map(
    [...golden].map(([name, tensor]) => {
      const numbers = Array.from(tensorNumbers(tensor));
      const low = numbers.reduce((least, each) => Math.min(least, each));
      const high = numbers.reduce((greatest, each) => Math.max(greatest, each));
      const drawn = Float64Array.from(numbers, () => low + (high - low) * random.uniform());
      return [name, tensorOf(tensor.type, drawn)];
    }),
  );
}
