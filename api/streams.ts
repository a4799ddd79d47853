import type { Compiled } from "../compiler/compile.ts";
import type { Tensor } from "../ir/tensor.ts";
import type { LoadedChip } from "./execution.ts";
import type { Frame } from "./inputs.ts";

/** A sample with what the chip stores as its answer, output by output. */
export interface StoredAnswer {
  readonly frame: Frame;
  readonly stored: readonly Tensor[];
}

/**
 * Runs a program on samples, as many at a time as it has streams; where the last run has fewer, the last sample fills its other
 * streams. Gives every answer once, in order; `onRun` is told before each run how many samples are answered.
 */
export function* answersInStreams(
  chip: LoadedChip,
  { program, chipGraph, streamSuffixes: suffixes }: Pick<Compiled, "program" | "chipGraph" | "streamSuffixes">,
  frames: Iterable<Frame>,
  onRun: (answeredCount: number) => void = () => undefined,
): Generator<StoredAnswer> {
  let answeredCount = 0;
  const answersTo = function* (group: readonly Frame[]): Generator<StoredAnswer> {
    onRun(answeredCount);
    const run = chip.run(inStreams(group, suffixes));
    for (const [stream, frame] of group.entries()) {
      const names = new Set(chipGraph.outputs.map((output) => `${output}${suffixes[stream] ?? ""}`));
      yield { frame, stored: run.filter((_, index) => names.has(program.outputs[index]?.name ?? "")) };
    }
    answeredCount += group.length;
  };
  let group: Frame[] = [];
  for (const frame of frames) {
    group.push(frame);
    if (group.length < suffixes.length) continue;
    yield* answersTo(group);
    group = [];
  }
  if (group.length > 0) yield* answersTo(group);
}

/** The inputs of one run of a program, of whose streams those without a sample have the last one. */
function inStreams(group: readonly Frame[], suffixes: readonly string[]): Frame {
  return new Map(
    suffixes.flatMap((suffix, stream) => {
      const frame = group[Math.min(stream, group.length - 1)] ?? new Map<string, Tensor>();
      return [...frame].map(([name, value]): [string, Tensor] => [`${name}${suffix}`, value]);
    }),
  );
}
