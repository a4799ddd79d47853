import { compileModel } from "../../api/compile.ts";
import { hostWarnings } from "../../api/host-operations.ts";
import { provenance, targetWarnings } from "../../api/provenance.ts";
import { choicesOf, modelWarnings, summarizeModel } from "../../api/run.ts";
import { chooseSamples, macCountOf } from "../../api/samples.ts";
import { memoryOf } from "../../api/simulation.ts";
import { chooseStates } from "../../api/states.ts";
import { chooseTarget, summarizeTarget } from "../../api/target.ts";
import { printMapping } from "../../compiler/mapper/mapping-file.ts";
import { printGraph } from "../../ir/graph-text.ts";
import { printProgram } from "../../ir/program-text.ts";
import { printJson } from "../../report/json.ts";
import type { CompileResult } from "../../report/listing-schemas.ts";
import { printCompilation } from "../../report/listings.ts";
import { schemaVersion } from "../../report/schema-parts.ts";
import { compileOptionsOf, modelOf, settleBatch } from "../model-options.ts";
import type { Options } from "../options.ts";
import { hasColour, writeError, writeFileWhole } from "../output.ts";
import { formatPassRecords } from "../pass-records.ts";
import { makeProgress } from "../progress.ts";
import { deliverRun } from "../results.ts";

/** `boreal compile`: the program, its weights, the mapping and the chip's graph as files. */
export async function execute(path: string | undefined, options: Options): Promise<void> {
  const progress = await makeProgress();
  const { onProgress } = progress;
  try {
    onProgress({ phase: "import", fraction: null });
    const target = chooseTarget(options.target, options.set);
    const { model, settled, batches } = settleBatch(modelOf(path, options), target, options, onProgress);
    const given = { ...(await compileOptionsOf(model, settled)), ...batches };
    const { timingOnly, seed = 0, calibration, states: choice, ...compiling } = given;
    const chosen = chooseStates(model, choice);
    const { states } = chosen;
    const samples =
      timingOnly === true
        ? null
        : chooseSamples(model.graph, { seed, states, ...(calibration === undefined ? {} : { calibration }) });
    const compiled = compileModel(model, target.chip, {
      ...compiling,
      states,
      ...(samples === null ? {} : { calibration: samples.calibration }),
      onProgress,
    });
    progress.stop();
    if (options.timePasses === true) writeError(formatPassRecords(compiled.records));
    const files: string[] = [];
    const write = async (suffix: string, content: string | Uint8Array | null): Promise<void> => {
      if (options.out === undefined || content === null) return;
      const file = `${options.out.replace(/\.basm$/, "")}${suffix}`;
      await writeFileWhole(file, [content]);
      files.push(file);
    };
    await write(".weights", compiled.sidecar);
    await write(".mapping.yaml", printMapping(compiled.mapping));
    await write(".bir", printGraph(compiled.chipGraph));
    await write(".basm", printProgram(compiled.program));
    const result: CompileResult = {
      schemaVersion,
      kind: "compilation",
      model: summarizeModel(model, compiling.streamCount),
      target: summarizeTarget(target),
      choices: choicesOf({ ...compiling, seed }, chosen.pairs),
      layerCount: compiled.network.layers.length,
      macCount: (compiling.streamCount ?? 1) * macCountOf(model.graph),
      predictedCycles: compiled.map.predictedCycles,
      predictionIsExact: compiled.map.exact,
      memory: memoryOf(compiled.program, target.chip),
      sidecarBytes: compiled.sidecar?.length ?? null,
      files,
      warnings: [
        ...modelWarnings(model),
        ...chosen.warnings,
        ...targetWarnings(target),
        ...hostWarnings(compiled.program),
        ...(samples?.warnings.filter(({ code }) => code !== "W201") ?? []),
      ],
      provenance: provenance("compile-result"),
    };
    await deliverRun(options, {
      json: printJson(result),
      text: printCompilation(result, { colour: hasColour() }),
    });
  } finally {
    progress.stop();
  }
}
