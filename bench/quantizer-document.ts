import { sum } from "../base/math.ts";
import { otherPrecisions } from "./other-precisions.ts";
import type { QuantizerRow } from "./quantizer-rows.ts";
import { setting } from "./setting.ts";

/** What rows were measured with. */
export interface DocumentSetting {
  readonly precisions: readonly string[];
  readonly scoringCount: number;
  readonly calibrationSeed: number;
  readonly scoringSeed: number;
  /** Our quantizer, by its words. */
  readonly quantizer: string;
}

/** The middle of the sorted numbers; of an even count the mean of both. */
function middle(numbers: readonly number[]): number {
  const sorted = numbers.toSorted((left, right) => left - right);
  const half = (sorted.length - 1) / 2;
  return ((sorted[Math.floor(half)] ?? Number.NaN) + (sorted[Math.ceil(half)] ?? Number.NaN)) / 2;
}

/** docs/quantization-results.md of the rows. Throws the errors of `otherPrecisions`. */
export function quantizerDocument(
  rows: readonly QuantizerRow[],
  { precisions, scoringCount, calibrationSeed, scoringSeed, quantizer }: DocumentSetting,
): string {
  const table = rows.map(
    ({ model, precision, frames, nearestDb, oursDb, kept, macs }) =>
      `| ${[model, precision, frames, nearestDb.toFixed(1), oursDb.toFixed(1), (oursDb - nearestDb).toFixed(1), kept, macs].join(" | ")} |`,
  );
  const summary = precisions.flatMap((precision) => {
    const own = rows.filter((row) => row.precision === precision);
    if (own.length === 0) return [];
    const gains = own.map(({ oursDb, nearestDb }) => oursDb - nearestDb);
    const figures = [
      own.length,
      middle(own.map(({ nearestDb }) => nearestDb)),
      middle(own.map(({ oursDb }) => oursDb)),
      middle(gains),
      Math.min(...gains),
    ];
    return [`| ${[precision, ...figures.map((figure, index) => figure.toFixed(index === 0 ? 0 : 1))].join(" | ")} |`];
  });
  const others = otherPrecisions(rows).map(
    ({ model, asked, layer, precision, share, reason }) =>
      `| ${[model, asked, layer, precision, `${(100 * share).toFixed(2)} %`, reason].join(" | ")} |`,
  );
  return `# Quantization results

Written by \`npm run bench:quantizers\`: ${(sum(rows.map(({ seconds }) => seconds)) / 60).toFixed(0)} minutes of processor time for all rows,
${setting()}.

Output SQNR in dB, pooled over all outputs and ${scoringCount} inputs (seed ${scoringSeed}) that are disjoint from the calibration frames (seed ${calibrationSeed}); inputs are uniform
random numbers over the range of the model's golden input. Ranges of activations are those of least squared error (\`--calibration mse\`), the same for both.

- nearest: weights to the nearest integer, one scale for each output channel, the one of least squared error; no equalization, no correction.
- ours: \`--quantizer ${quantizer}\`; what of it was kept on the frames that were held out stands in the table.

Both normalize the same activations in each inference (docs/quantization.md), so that only weights and biases differ.

| precision | models | median nearest, dB | median ours, dB | median gain, dB | least gain, dB |
|---|---|---|---|---|---|
${summary.join("\n")}

| model | precision | frames | nearest, dB | ours, dB | gain, dB | kept of it | MACs |
|---|---|---|---|---|---|---|---|
${table.join("\n")}

## Layers at another precision

All other multiply-accumulates of these models run at the precision that the row names.

| model | row | layer (ONNX) | runs at | share of MACs | why |
|---|---|---|---|---|---|
${others.join("\n")}
`;
}
