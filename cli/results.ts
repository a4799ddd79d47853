import { problem } from "../base/errors.ts";
import type { Program } from "../ir/program.ts";
import { printCsv } from "../report/csv.ts";
import { printEnergyCsv, printEnergySplit } from "../report/energy.ts";
import type { EnergyResult, EnergySplitResult, LayerResult } from "../report/figures-schema.ts";
import type { Trace } from "../runtime-sim/trace.ts";
import { chromeTraceBytes } from "../runtime-sim/trace-chrome.ts";
import type { Options } from "./options.ts";
import { deliver, hasColour, writeFileWhole, writeOut } from "./output.ts";

/** A result in every form that was asked for, or can be. */
export interface Deliverable {
  readonly json: string;
  readonly text: string;
  readonly figures?: {
    readonly layers: readonly LayerResult[];
    readonly energy: EnergyResult;
    readonly energySplit: EnergySplitResult | null;
  };
  readonly trace?: { readonly trace: Trace; readonly program: Program };
}

/** Throws B601 when JSON and CSV are both to go to standard output. */
export function refuseTwoStreams({ json, csv }: Options): void {
  if (json === true && csv === true) {
    throw problem("B601", "--json and --csv cannot both go to standard output; give one of them a file.");
  }
}

/** Throws B601 when a range is asked for that holds no real machine. */
export function refuseIdealRange({ ideal, range }: Options): void {
  if (ideal !== undefined && range === true) {
    throw problem("B601", "--range moves the estimates of a real machine, so it excludes --ideal.");
  }
}

/** Writes files, then data to standard output: JSON or CSV when one of them goes there, the text otherwise. */
export async function deliverRun(options: Options, result: Deliverable): Promise<void> {
  if (options.trace !== undefined && result.trace !== undefined) {
    await writeFileWhole(options.trace, chromeTraceBytes(result.trace.trace, result.trace.program, 1));
  }
  if (options.json !== undefined) await deliver(options.json, result.json);
  const { figures } = result;
  const split = figures?.energySplit ?? null;
  if (options.csv !== undefined && figures !== undefined) {
    await deliver(options.csv, split === null ? printCsv(figures) : printEnergyCsv(figures.energy, split));
  }
  if (options.json === true || options.csv === true) return;
  writeOut(result.text);
  if (figures !== undefined && split !== null) {
    writeOut(`\n${printEnergySplit(figures.energy, split, { colour: hasColour() })}`);
  }
}
