import { describeTarget, targetListing } from "../../api/listings.ts";
import { problem } from "../../base/errors.ts";
import { printJson } from "../../report/json.ts";
import { printTargetListing, printTargetNumbers } from "../../report/listings.ts";
import type { Options } from "../options.ts";
import { deliverRun } from "../results.ts";

/** `boreal targets`: the targets that come with Boreal, or the numbers of one. */
export async function execute(name: string | undefined, options: Options): Promise<void> {
  if (name === undefined) {
    if (options.set !== undefined) throw problem("B601", "Option --set needs the name of a target.");
    const result = targetListing();
    await deliverRun(options, { json: printJson(result), text: printTargetListing(result) });
    return;
  }
  const result = describeTarget(name, options.set ?? []);
  await deliverRun(options, { json: printJson(result), text: printTargetNumbers(result) });
}
