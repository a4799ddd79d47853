import { at } from "../../base/math.ts";
import type { Rectangle, SimpleInstruction } from "../../ir/instruction.ts";
import type { CoreClass, ThreadName } from "../../ir/program.ts";
import type { ReadAhead } from "../read-ahead.ts";
import { affineLists } from "./affine-classes.ts";
import type { Ports } from "./host-ports.ts";
import type { StepBody } from "./step-body.ts";
import { signal, wait } from "./token-instructions.ts";
import { tokens } from "./tokens.ts";

/** An input that is read ahead, with tokens of its own: its buffer is free for the next batch; a packet of it has arrived. */
export interface AheadInput extends ReadAhead {
  readonly free: number;
  readonly arrived: number;
}

function sendsFrom(body: StepBody, row: number): boolean {
  return at(body.movement.frameSends, row).length > 0;
}

/** The io cores that send in a step. */
export function sendingCores(body: StepBody): Rectangle[] {
  return body.movement.frameSends.flatMap((_, row) =>
    sendsFrom(body, row) ? [{ row, column: -1, rows: 1, columns: 1 }] : [],
  );
}

/**
 * By body of the steps that run at once, what the io cores do: one class list a row, gathered into rectangles of column −1. Inputs
 * that are read ahead name those bodies.
 */
export function frameClasses(
  bodies: readonly StepBody[],
  ahead: readonly AheadInput[],
  ports: Ports,
  rows: number,
): CoreClass[][] {
  return bodies.map((_, index) => stepClasses(bodies, index, ahead, ports, rows));
}

function stepClasses(
  bodies: readonly StepBody[],
  index: number,
  ahead: readonly AheadInput[],
  ports: Ports,
  rows: number,
): CoreClass[] {
  const [body, next] = [at(bodies, index), bodies[index + 1] ?? null];
  const { movement } = body;
  const goSend = ahead.find(({ step }) => step === index)?.free ?? null;
  const freed = ahead.filter(({ fromStep }) => fromStep === index);
  const kind = body.plan.layer.kind;
  const port = ports.portOfStep.get(body.plan.index) ?? 0;
  const operation = ports.operationOfStep.get(body.plan.index) ?? null;
  const hostOutRow = Math.min(1, rows - 1);
  const signalRow = (token: number, row: number): SimpleInstruction => signal(token, { row, column: -1 });
  const lists: Record<"control" | "send" | "host", (SimpleInstruction[] | null)[]> = {
    control: [],
    send: [],
    host: [],
  };
  for (let row = 0; row < rows; row += 1) {
    const sends = at(movement.frameSends, row);
    const arrivals = at(movement.frameArrivals, row);
    const sending = sends.length > 0;
    lists.send.push(
      sending ? [wait(goSend ?? tokens.goSend), wait(tokens.frameReady), ...sends, signalRow(tokens.done, row)] : null,
    );
    lists.control.push([
      ...(sending && goSend === null ? [signalRow(tokens.goSend, row)] : []),
      ...freed.flatMap(({ step, free }) => (sendsFrom(at(bodies, step), row) ? [signalRow(free, row)] : [])),
      ...(arrivals > 0 ? [wait(tokens.arrived, arrivals)] : []),
      ...(sending ? [wait(tokens.done)] : []),
      ...(row === 0 && next?.plan.layer.kind === "output" ? [wait(tokens.outputFree)] : []),
      { kind: "barrier" },
      ...(row === 0 && kind === "input" ? [signalRow(tokens.frameFree, 0)] : []),
      ...(row === 0 && kind === "output" ? [signalRow(tokens.outputReady, hostOutRow)] : []),
    ]);
    const host: SimpleInstruction[] = [];
    if (kind === "input" && row === 0) {
      if (operation !== null) {
        const { operands } = at(ports.hostOperations, operation);
        if (operands.length > 0) host.push(wait(tokens.operandGiven, operands.length));
        host.push({ kind: "host.run", operation });
      }
      host.push(wait(tokens.frameFree), { kind: "host.in", port });
      for (let other = 0; other < rows; other += 1) {
        if (sendsFrom(body, other)) host.push(signalRow(tokens.frameReady, other));
      }
    }
    if (kind === "output" && row === hostOutRow) {
      host.push(wait(tokens.outputReady), { kind: "host.out", port }, signalRow(tokens.outputFree, 0));
      if (operation !== null) host.push(signalRow(tokens.operandGiven, 0));
    }
    lists.host.push(host.length > 0 ? host : null);
  }
  return (Object.entries(lists) as [ThreadName, (SimpleInstruction[] | null)[]][]).flatMap(([thread, byRow]) =>
    affineLists(byRow, 1).map(
      ({ cores, data }): CoreClass => ({ cores: { ...cores, column: -1 }, threads: { [thread]: data } }),
    ),
  );
}
