import { importSummary } from "../../api/listings.ts";
import { printGraph } from "../../ir/graph-text.ts";
import { printJson } from "../../report/json.ts";
import { printImport } from "../../report/listings.ts";
import { modelOf } from "../model-options.ts";
import type { Options } from "../options.ts";
import { writeFileWhole } from "../output.ts";
import { deliverRun } from "../results.ts";

/** `boreal import`: what is in a model, and its graph as text. */
export async function execute(path: string | undefined, options: Options): Promise<void> {
  const model = modelOf(path ?? "", options);
  if (options.out !== undefined) await writeFileWhole(options.out, [printGraph(model.graph)]);
  const result = importSummary(model);
  await deliverRun(options, { json: printJson(result), text: printImport(result) });
}
