import { at } from "../../base/math.ts";
import type { Rectangle, SimpleInstruction } from "../../ir/instruction.ts";
import type { CoreClass, ThreadName } from "../../ir/program.ts";
import type { Overlap } from "../overlap.ts";
import { affineLists } from "./affine-classes.ts";
import type { Ports } from "./host-ports.ts";
import type { SequenceIndex } from "./sequence-index.ts";
import { type Described, described } from "./skeleton.ts";
import type { StepBody } from "./step-body.ts";
import { signal, wait } from "./token-instructions.ts";
import { type OverlapTokens, tokens } from "./tokens.ts";

/** An overlap with tokens of its own. */
export interface EmittedOverlap extends Overlap, OverlapTokens {}

/** Whether the io core of a row sends or gets packets in a step. */
function takesPart({ movement }: StepBody, row: number): boolean {
  return at(movement.frameSends, row).length + at(movement.frameArrivals, row) > 0;
}

/** The io cores that send or get packets in a step. */
export function ioCoresOf(body: StepBody): Rectangle[] {
  return body.movement.frameSends.flatMap((_, row) =>
    takesPart(body, row) ? [{ row, column: -1, rows: 1, columns: 1 }] : [],
  );
}

/**
 * By body of the steps that run at once, what the io cores do: one class list a row, gathered into rectangles of column −1.
 * Overlaps name those bodies; so does `leaving`: by output, in order, the one in which its first packets leave. `shapes` is the index that
 * packets were described with.
 */
export function frameClasses(
  bodies: readonly StepBody[],
  overlaps: readonly EmittedOverlap[],
  leaving: readonly number[],
  ports: Ports,
  rows: number,
  shapes: SequenceIndex,
): CoreClass[][] {
  return bodies.map((_, index) => stepClasses(bodies, index, overlaps, leaving, ports, rows, shapes));
}

/** Lets the cores of a row send what they hold of outputs once all of the row have sent their operands: packets run along rows first. */
function leavingSignals(body: StepBody, row: number, go: number): SimpleInstruction[] {
  const { columns } = body.plan.geometry.grid;
  const senders = at(body.rowSenders, row);
  const leavers = Array.from({ length: columns }, (_, column) => column).filter((column) =>
    at(body.leaves, row * columns + column),
  );
  return [
    ...(senders > 0 ? [wait(tokens.rowSent, senders)] : []),
    ...leavers.map((column) => signal(go, { row, column })),
  ];
}

/** The threads of io cores that work. */
type FrameThread = "control" | "send" | "gather" | "host";

function stepClasses(
  bodies: readonly StepBody[],
  index: number,
  overlaps: readonly EmittedOverlap[],
  leaving: readonly number[],
  ports: Ports,
  rows: number,
  shapes: SequenceIndex,
): CoreClass[] {
  const body = at(bodies, index);
  const { movement } = body;
  const own = overlaps.find(({ step }) => step === index);
  const ahead = own?.direction === "ahead" ? own : null;
  const behind = own?.direction === "behind" && ioCoresOf(body).length > 0 ? own : null;
  // The host takes outputs in order, so their places in the framebuffer are free in order too.
  const begun = (turn: number): number => leaving.findLastIndex((first) => first <= turn) + 1;
  const beginning = begun(index + 1) - begun(index);
  const kind = body.plan.layer.kind;
  const port = ports.portOfStep.get(body.plan.index) ?? 0;
  const operation = ports.operationOfStep.get(body.plan.index) ?? null;
  const hostOutRow = Math.min(1, rows - 1);
  const signalRow = (token: number, row: number): SimpleInstruction => signal(token, { row, column: -1 });
  const describe = (list: readonly SimpleInstruction[]): Described[] =>
    list.map((instruction) => described(instruction, shapes));
  const lists: Record<FrameThread, (readonly Described[] | null)[]> = { control: [], send: [], gather: [], host: [] };
  for (let row = 0; row < rows; row += 1) {
    const sends = at(movement.frameSends, row);
    const arrivals = at(movement.frameArrivals, row);
    const sending = sends.length > 0;
    const fenced = overlaps.filter(({ fence, step }) => fence === index && takesPart(at(bodies, step), row));
    lists.send.push(
      sending
        ? [
            ...describe([wait(ahead?.free ?? tokens.goSend), wait(tokens.frameReady)]),
            ...sends,
            ...describe([signalRow(tokens.done, row)]),
          ]
        : null,
    );
    lists.gather.push(
      behind !== null && arrivals > 0
        ? describe([wait(behind.arrived, arrivals), signalRow(behind.free, row), signalRow(behind.gone, hostOutRow)])
        : null,
    );
    const control: SimpleInstruction[] = [
      ...(sending && ahead === null ? [signalRow(tokens.goSend, row)] : []),
      ...fenced.flatMap(({ direction, free }) => (direction === "ahead" ? [signalRow(free, row)] : [])),
      ...leavingSignals(body, row, behind === null ? tokens.goShares : tokens.goHost),
      ...(arrivals > 0 && behind === null ? [wait(tokens.arrived, arrivals)] : []),
      ...(sending ? [wait(tokens.done)] : []),
      ...(row === 0 && beginning > 0 ? [wait(tokens.outputFree, beginning)] : []),
      ...fenced.flatMap(({ direction, free }) => (direction === "behind" ? [wait(free)] : [])),
      { kind: "barrier" },
      ...(row === 0 && kind === "input" ? [signalRow(tokens.frameFree, 0)] : []),
      ...(row === 0 && kind === "output" && behind === null ? [signalRow(tokens.outputReady, hostOutRow)] : []),
    ];
    lists.control.push(describe(control));
    const host: SimpleInstruction[] = [];
    if (kind === "input" && row === 0) {
      if (operation !== null) {
        const { operands } = at(ports.hostOperations, operation);
        if (operands.length > 0) host.push(wait(tokens.operandGiven, operands.length));
        host.push({ kind: "host.run", operation });
      }
      host.push(wait(tokens.frameFree), { kind: "host.in", port });
      for (let other = 0; other < rows; other += 1) {
        if (at(movement.frameSends, other).length > 0) host.push(signalRow(tokens.frameReady, other));
      }
    }
    if (kind === "output" && row === hostOutRow) {
      host.push(
        behind === null ? wait(tokens.outputReady) : wait(behind.gone, ioCoresOf(body).length),
        { kind: "host.out", port },
        signalRow(tokens.outputFree, 0),
      );
      if (operation !== null) host.push(signalRow(tokens.operandGiven, 0));
    }
    lists.host.push(host.length > 0 ? describe(host) : null);
  }
  return (Object.entries(lists) as [ThreadName, (readonly Described[] | null)[]][]).flatMap(([thread, byRow]) =>
    affineLists(byRow, 1, shapes).map(
      ({ cores, data }): CoreClass => ({ cores: { ...cores, column: -1 }, threads: { [thread]: data } }),
    ),
  );
}
