import { refusedImport, reportImport } from "../../api/import-report.ts";
import { importSummary } from "../../api/listings.ts";
import { chooseTarget } from "../../api/target.ts";
import { BorealError } from "../../base/errors.ts";
import type { ImportedModel } from "../../compiler/onnx/importer.ts";
import { printGraph } from "../../ir/graph-text.ts";
import { printJson } from "../../report/json.ts";
import type { ImportReport } from "../../report/listing-schemas.ts";
import { printImport, printImportReport } from "../../report/listings.ts";
import { modelOf, readPrecision } from "../model-options.ts";
import type { Options } from "../options.ts";
import { writeFileWhole } from "../output.ts";
import { deliverRun } from "../results.ts";

/** `boreal import`: what is in a model, and its graph as text; with --report, what became of its nodes. */
export async function execute(path: string | undefined, options: Options): Promise<void> {
  const model = await modelOrReport(path ?? "", options);
  if (options.out !== undefined) await writeFileWhole(options.out, [printGraph(model.graph)]);
  if (options.report === true) {
    await deliverReport(reportImport(model, reportOptions(options)), options);
    return;
  }
  const result = importSummary(model);
  await deliverRun(options, { json: printJson(result), text: printImport(result) });
}

/** The model; where it cannot be imported and a report is asked for, delivers what is wrong before it throws. */
async function modelOrReport(path: string, options: Options): Promise<ImportedModel> {
  try {
    return modelOf(path, options);
  } catch (error) {
    if (options.report === true && error instanceof BorealError && error.exitCode === 1)
      await deliverReport(refusedImport(path, error, reportOptions(options)), options);
    throw error;
  }
}

function reportOptions({ target, set, precision, hostOps }: Options): Parameters<typeof reportImport>[1] {
  const { chip } = chooseTarget(target, set);
  return {
    chip,
    ...(precision === undefined ? {} : { precision: readPrecision(precision) }),
    ...(hostOps === undefined ? {} : { hostOps }),
  };
}

async function deliverReport(report: ImportReport, options: Options): Promise<void> {
  await deliverRun(options, { json: printJson(report), text: printImportReport(report) });
}
