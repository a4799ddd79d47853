import { toModelTypes } from "../../api/answers.ts";
import { executeFunctional, programInputs } from "../../api/execution.ts";
import { readInputs } from "../../api/inputs.ts";
import { readProgram, simulateProgramFile } from "../../api/program-file.ts";
import { chooseTarget } from "../../api/target.ts";
import { problem } from "../../base/errors.ts";
import { printJson } from "../../report/json.ts";
import { printSimulation } from "../../report/text.ts";
import type { Options } from "../options.ts";
import { hasColour } from "../output.ts";
import { OutputCollector } from "../output-tensors.ts";
import { makeProgress } from "../progress.ts";
import { deliverRun, refuseIdealRange, refuseTwoStreams } from "../results.ts";

/** `boreal simulate`: a program file is judged without the compiler. */
export async function execute(path: string | undefined, options: Options): Promise<void> {
  refuseTwoStreams(options);
  refuseIdealRange(options);
  if (options.outputs !== undefined && options.input === undefined) {
    throw problem("B601", "Option --outputs needs --input: a program alone has no samples to answer.");
  }
  const progress = await makeProgress();
  const { onProgress } = progress;
  try {
    onProgress({ phase: "read the program", fraction: null });
    const target = chooseTarget(options.target, options.set);
    const file = readProgram(path ?? "", options.weights);
    const { program } = file;
    const frames = options.input === undefined ? [] : await readInputs(programInputs(program), options.input);
    const collector = new OutputCollector(program.outputs.map(({ name }) => name));
    if (frames.length > 0) {
      const chip = executeFunctional(program, file.sidecar, target.chip, { checked: true });
      const elements = program.outputs.map(({ modelElement }) => modelElement);
      frames.forEach((frame, sample) => {
        onProgress({ phase: "execute", fraction: sample / frames.length });
        collector.add(toModelTypes(chip.run(frame), elements));
      });
    }
    const { result, simulation } = simulateProgramFile(file, target, {
      ...(options.range === undefined ? {} : { range: options.range }),
      energySplit: options.energy === true,
      ...(options.ideal === undefined ? {} : { ideal: options.ideal }),
      executedSampleCount: frames.length,
      onProgress,
    });
    progress.stop();
    if (options.outputs !== undefined) await collector.write(options.outputs);
    await deliverRun(options, {
      json: printJson(result),
      text: printSimulation(result, { colour: hasColour(), layers: options.layers === true }),
      figures: result,
      trace: { trace: simulation.onDevice, program },
    });
  } finally {
    progress.stop();
  }
}
