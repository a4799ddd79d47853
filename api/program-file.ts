import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { problem } from "../base/errors.ts";
import { sum } from "../base/math.ts";
import type { Program } from "../ir/program.ts";
import { parseProgram } from "../ir/program-text.ts";
import { schemaVersion } from "../report/schema-parts.ts";
import type { SimulationResult } from "../report/schemas.ts";
import { hostOperationResults, hostWarnings } from "./host-operations.ts";
import { idealResult, idealWarnings } from "./ideal.ts";
import { provenance, targetWarnings } from "./provenance.ts";
import {
  energyResult,
  layerResults,
  type SimulateOptions,
  type Simulation,
  simulateProgram,
  timingResult,
  withHostResult,
} from "./simulation.ts";
import { type ChosenTarget, summarizeTarget } from "./target.ts";
import { warning } from "./warnings.ts";

/** A program with the bytes of its weights. */
export interface ProgramFile {
  readonly program: Program;
  /** Of the listing, hexadecimal. */
  readonly sha256: string;
  /** Null when there is no file of weights. */
  readonly sidecar: Uint8Array | null;
}

/** The path of the weights that belong to a program: the same name, ending in `.weights`. */
function sidecarPath(programPath: string): string {
  return `${programPath.replace(/\.basm$/, "")}.weights`;
}

/**
 * Reads a `.basm` listing, and its weights when they are named or lie beside it. Throws B103 for files that cannot be
 * read and B501 for what is wrong in the listing.
 */
export function readProgram(path: string, weightsPath?: string): ProgramFile {
  const bytes = readBytes(path);
  const beside = weightsPath ?? sidecarPath(path);
  const program = parseProgram(new TextDecoder().decode(bytes), path);
  const wanted = weightsPath !== undefined || (program.sidecar !== null && existsSync(beside));
  return {
    program,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    sidecar: wanted ? readBytes(beside) : null,
  };
}

function readBytes(path: string): Uint8Array {
  try {
    return readFileSync(path);
  } catch (error) {
    const reason = (error as NodeJS.ErrnoException).code ?? "unknown";
    throw problem("B103", `The file cannot be read (${reason}).`, { file: path });
  }
}

/** Simulates a program that was read from a file: neither its model nor the compiler is needed. */
export function simulateProgramFile(
  file: ProgramFile,
  target: ChosenTarget,
  options: SimulateOptions & { readonly executedSampleCount?: number } = {},
): { readonly result: SimulationResult; readonly simulation: Simulation } {
  const { program } = file;
  const simulation = simulateProgram(program, target.chip, options);
  const executedSampleCount = options.executedSampleCount ?? 0;
  const bare = file.sidecar === null && executedSampleCount === 0;
  const result: SimulationResult = {
    schemaVersion,
    kind: "simulation",
    program: {
      name: program.name,
      sha256: file.sha256,
      batchCount: program.batchCount,
      macCount: sum(program.steps.map(({ macCount }) => macCount)),
      sidecarSha256: program.sidecar?.sha256 ?? null,
    },
    target: summarizeTarget(target),
    timing: timingResult(simulation.metrics, null),
    energy: energyResult(simulation.metrics),
    energySplit: simulation.energySplit,
    withHost: withHostResult(simulation.metrics),
    hostOperations: hostOperationResults(program, simulation.chip),
    range: simulation.range,
    ideal: idealResult(simulation.idealization),
    memory: simulation.memory,
    executedSampleCount,
    layers: layerResults(simulation.metrics, () => null),
    warnings: [
      ...targetWarnings(target),
      ...idealWarnings(simulation.idealization, simulation.metrics),
      ...hostWarnings(program),
      ...(bare ? [warning("W501", "The program was simulated without its weights: time and energy alone.")] : []),
    ],
    provenance: provenance("simulation-result"),
  };
  return { result, simulation };
}
