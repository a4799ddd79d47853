import { existsSync, readFileSync, writeFileSync } from "node:fs";

/** What was measured of a model at a precision. */
export interface QuantizerRow {
  readonly model: string;
  readonly precision: string;
  /** Calibration frames. */
  readonly frames: number;
  readonly nearestDb: number;
  readonly oursDb: number;
  /** What of our quantizer was kept on the frames that were held out. */
  readonly kept: string;
  /** Shares of multiply-accumulates by precision. */
  readonly macs: string;
  /** Processor time. */
  readonly seconds: number;
}

const columns = ["model", "precision", "frames", "nearestDb", "oursDb", "kept", "macs", "seconds"] as const;

/** The rows of a file; none where there is no file. */
export function readRows(file: string): QuantizerRow[] {
  if (!existsSync(file)) return [];
  const [, ...lines] = readFileSync(file, "utf8").trim().split("\n");
  return lines.map((line) => {
    const [model = "", precision = "", frames, nearestDb, oursDb, kept = "", macs = "", seconds] = line.split(";");
    const numbers = {
      frames: Number(frames),
      nearestDb: Number(nearestDb),
      oursDb: Number(oursDb),
      seconds: Number(seconds),
    };
    return { model, precision, kept, macs, ...numbers };
  });
}

/** Writes rows as CSV. */
export function writeRows(file: string, rows: readonly QuantizerRow[]): void {
  const lines = rows.map((row) =>
    [
      row.model,
      row.precision,
      row.frames,
      row.nearestDb.toFixed(2),
      row.oursDb.toFixed(2),
      row.kept,
      row.macs,
      row.seconds.toFixed(0),
    ].join(";"),
  );
  writeFileSync(file, `${[columns.join(";"), ...lines].join("\n")}\n`);
}

/** Shares of a whole by name, in percent. */
export function formatShares(counts: Readonly<Record<string, number>>): string {
  const all = Object.values(counts).reduce((sum, count) => sum + count, 0);
  return Object.entries(counts)
    .map(([name, count]) => `${name} ${((100 * count) / all).toFixed(1)} %`)
    .join(" + ");
}
