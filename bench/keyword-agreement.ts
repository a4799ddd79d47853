import { compareAnswers } from "./keyword-answers.ts";
import { printTable } from "./setting.ts";

/**
 * How often keyword spotters of 8 bits give the class that the float one gives: ours, quantized here, and micro-kws-qdq, which
 * another quantizer made from real speech. Inputs: `keyword-inputs.ts`.
 */
const count = 1000;
const { classCounts, agreements, drawnCount, agreementsByClass } = compareAnswers(count, 64);

const percent = (part: number, whole: number): string => `${((100 * part) / whole).toFixed(1)} %`;
printTable(
  ["class by the float model", "inputs", "share", ...agreements.map(({ name }) => `agree: ${name}`)],
  classCounts.map((inputs, index) => [
    index,
    inputs,
    percent(inputs, count),
    ...agreementsByClass.map((byClass) => `${byClass[index]} of ${inputs}`),
  ]),
);
printTable(
  ["model", `agrees with the float model on ${count} inputs`],
  agreements.map(({ name, agreed }) => [name, `${agreed} (${percent(agreed, count)})`]),
);
console.log(`${drawnCount} inputs were drawn; calibration saw 64 others of the same kind, from another seed.`);
