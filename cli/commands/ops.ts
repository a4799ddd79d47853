import { operatorListing } from "../../api/listings.ts";
import { printJson } from "../../report/json.ts";
import { printOperators } from "../../report/listings.ts";
import type { Options } from "../options.ts";
import { deliverRun } from "../results.ts";

/** `boreal ops`: the operators and the ONNX operators that they implement. */
export async function execute(_: string | undefined, options: Options): Promise<void> {
  const result = operatorListing();
  await deliverRun(options, { json: printJson(result), text: printOperators(result) });
}
