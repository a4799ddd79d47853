import { chooseTarget } from "../../api/target.ts";
import { problem } from "../../base/errors.ts";
import { examples } from "../../examples/index.ts";
import { printJson } from "../../report/json.ts";
import type { ExampleListing } from "../../report/listing-schemas.ts";
import { printExamples } from "../../report/listings.ts";
import { schemaVersion } from "../../report/schema-parts.ts";
import { printRun } from "../../report/text.ts";
import { didYouMean } from "../../targets/nearest-name.ts";
import type { Options } from "../options.ts";
import { hasColour } from "../output.ts";
import { makeProgress } from "../progress.ts";
import { type Deliverable, deliverRun, refuseTwoStreams } from "../results.ts";

/** `boreal examples`: the examples that come with Boreal, or a run of one. */
export async function execute(name: string | undefined, options: Options): Promise<void> {
  refuseTwoStreams(options);
  if (name === undefined) {
    const result: ExampleListing = {
      schemaVersion,
      kind: "examples",
      examples: examples.map((example) => ({ name: example.name, summary: example.summary })),
    };
    await deliverRun(options, { json: printJson(result), text: printExamples(result) });
    return;
  }
  const example = examples.find((each) => each.name === name);
  if (example === undefined) {
    const names = examples.map((each) => each.name);
    throw problem("B601", `There is no example "${name}"${didYouMean(name, names)}`);
  }
  const progress = await makeProgress();
  const results: Deliverable[] = [];
  try {
    await example.run(
      {
        target: chooseTarget(options.target, options.set),
        seed: options.seed ?? 0,
        timingOnly: options.timingOnly === true,
        outputFolder: options.out ?? null,
        ...(options.baseline === undefined ? {} : { baselines: options.baseline }),
        ...(options.range === undefined ? {} : { range: options.range }),
        onProgress: progress.onProgress,
      },
      (result, remarks) => {
        const text = [...remarks, ...(remarks.length > 0 ? [""] : []), printRun(result, { colour: hasColour() })];
        results.push({ json: printJson(result), text: text.join("\n"), figures: result });
      },
    );
  } finally {
    progress.stop();
  }
  for (const result of results) await deliverRun(options, result);
}
