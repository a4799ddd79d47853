import { BorealError, type Problem, problem } from "../../base/errors.ts";
import type { Space } from "../../ir/instruction.ts";
import type { Program } from "../../ir/program.ts";
import { type Access, AccessHistory } from "./access-history.ts";
import { type Clock, joined, withEntry } from "./clock.ts";
import { coreCount, coreNumber, corePosition, type MachineMemories, spaceBytes } from "./memory-map.ts";
import { type Carrier, type Operation, type Operations, prepareOperations } from "./operation.ts";
import { type Region, regionAddress } from "./region.ts";
import { type Behaviour, type Observer, Scheduler } from "./scheduler.ts";
import { describeOperation, fault, makeThreads, type Thread } from "./thread.ts";
import { type RaiseBounds, TokenHistory } from "./token-history.ts";

/** The largest chip whose order is proven, in cores with io cores. */
const largestCoreCount = 80;
/** How many pairs of instructions are reported. */
const largestProblemCount = 20;

const spaces: readonly Space[] = ["memory", "weights", "partial", "frame"];
const carriers: readonly Carrier[] = ["activation", "partial", "instruction", "signal"];

interface IssuedAccess extends Access {
  readonly thread: Thread;
  readonly operation: Operation;
  readonly step: number;
  readonly turn: number;
  readonly core: number;
}

/**
 * Proves that any two accesses to the same byte of a core, at least one a write, come in the same order in every legal
 * execution of `batchCount` batches on end: by queues, tokens, collectives and barriers. Gives a B507 for each pair of
 * instructions that are not ordered (at most 20), B505 when the program waits for ever, B503 for what leaves a memory;
 * none when all is well. The proof is for this grid: programs for more than 80 cores (io cores included) are refused
 * with B507; compile for a smaller grid. Packets of one thread to one core on one network count as arriving in order.
 */
export function checkOrder(program: Program, machine: MachineMemories, batchCount = 2): Problem[] {
  const cores = coreCount(program);
  if (cores > largestCoreCount) {
    const message = `The order of accesses is proven for at most ${largestCoreCount} cores; the program has ${cores}.`;
    throw problem("B507", message, {}, "Compile the network for a smaller grid and check that.");
  }
  const operations = prepareOperations(program);
  let bounds: ReadonlyMap<number, RaiseBounds> = new Map();
  for (;;) {
    const pass = new Pass(program, machine, operations, batchCount, bounds);
    const problems = pass.run();
    if (!pass.grew()) return problems;
    bounds = pass.bounds();
  }
}

/** One pass over the program in the fixed order, with a vector clock for every thread. */
class Pass implements Behaviour, Observer {
  readonly #program: Program;
  readonly #machine: MachineMemories;
  readonly #operations: Operations;
  readonly #bounds: ReadonlyMap<number, RaiseBounds>;
  readonly #tokens = new Map<number, TokenHistory>();
  readonly #channels = new Map<number, { readonly component: number; packets: number }>();
  readonly #history: AccessHistory<IssuedAccess>;
  readonly #problems = new Map<string, Problem>();
  readonly #threads: readonly Thread[];
  readonly #batchCount: number;
  readonly #clocks: Clock[];
  readonly #times: Int32Array;
  #components: number;

  constructor(
    program: Program,
    machine: MachineMemories,
    operations: Operations,
    batchCount: number,
    bounds: ReadonlyMap<number, RaiseBounds>,
  ) {
    this.#program = program;
    this.#machine = machine;
    this.#operations = operations;
    this.#bounds = bounds;
    this.#threads = makeThreads(program, operations);
    this.#batchCount = batchCount;
    this.#clocks = this.#threads.map(() => new Int32Array(this.#threads.length));
    this.#times = new Int32Array(this.#threads.length);
    this.#components = this.#threads.length;
    const parts = operations.operations.some(reachesParts) ? 4 : 1;
    this.#history = new AccessHistory(parts, (earlier, later, address) => this.#report(earlier, later, address));
    this.#raiseInitialTokens();
  }

  run(): Problem[] {
    const scheduler = new Scheduler(this.#program, this.#operations, this.#threads, this, this, null);
    try {
      scheduler.run(this.#batchCount);
    } catch (error) {
      if (!(error instanceof BorealError)) throw error;
      return [...this.#problems.values(), ...error.problems];
    }
    return [...this.#problems.values()];
  }

  grew(): boolean {
    return [...this.#tokens.values()].some((history) => history.grew);
  }

  bounds(): Map<number, RaiseBounds> {
    return new Map([...this.#tokens].map(([slot, history]) => [slot, history.bounds()]));
  }

  execute(thread: Thread, operation: Operation): void {
    const time = this.#tick(thread);
    const clock = this.#clock(thread);
    for (const region of operation.regions) {
      this.#access(thread, operation, region, thread.core, thread.number, time, clock);
    }
  }

  transfer(thread: Thread, operation: Operation, core: number): void {
    this.execute(thread, operation);
    const { component, packets, clock } = this.#packet(thread, operation, core);
    if (operation.arrival !== null) this.#access(thread, operation, operation.arrival, core, component, packets, clock);
  }

  stream(members: readonly Thread[]): void {
    this.met(members);
    for (const member of members) {
      const operation = member.current as Operation;
      this.execute(member, operation);
      const time = this.#times[member.number] as number;
      const arrival = operation.arrival as Region;
      this.#access(member, operation, arrival, member.core, member.number, time, this.#clock(member));
    }
    this.met(members);
  }

  raised(thread: Thread, operation: Operation, core: number): void {
    const carrier = carriers.indexOf(operation.destination?.carrier ?? "signal");
    const source = thread.number * carriers.length + carrier;
    const channel = this.#channels.get(source * coreCount(this.#program) + core);
    this.#tick(thread);
    const copy = this.#clock(thread).slice();
    const clock = channel === undefined ? copy : withEntry(copy, channel.component, channel.packets);
    this.#tokenHistory(core, operation.token).raise(source, clock);
  }

  waited(thread: Thread, operation: Operation, count: number): void {
    const time = this.#tick(thread);
    const history = this.#tokenHistory(thread.core, operation.token);
    const rival = this.#threads[history.rival(this.#clock(thread))];
    if (rival !== undefined) {
      const token = this.#operations.tokens[operation.token] ?? -1;
      const message = `threads ${rival.name} and ${thread.name} both wait for token ${token}: which goes first is open.`;
      this.#note(`token ${token}`, fault(this.#program, thread, "B507", message));
    }
    this.#clocks[thread.number] = history.wait(thread.number, this.#clock(thread), time, count);
  }

  met(threads: readonly Thread[]): void {
    let common: Clock = new Int32Array(this.#components);
    for (const thread of threads) {
      this.#tick(thread);
      common = joined(common, this.#clock(thread));
    }
    for (const thread of threads) this.#clocks[thread.number] = common.slice();
  }

  #clock(thread: Thread): Clock {
    return this.#clocks[thread.number] as Clock;
  }

  #tick(thread: Thread): number {
    const time = (this.#times[thread.number] as number) + 1;
    this.#times[thread.number] = time;
    this.#clocks[thread.number] = withEntry(this.#clock(thread), thread.number, time);
    return time;
  }

  /** The next packet of a channel, and what has happened before it arrives. */
  #packet(thread: Thread, operation: Operation, core: number): { component: number; packets: number; clock: Clock } {
    const carrier = carriers.indexOf(operation.destination?.carrier ?? "signal");
    const key = (thread.number * carriers.length + carrier) * coreCount(this.#program) + core;
    let channel = this.#channels.get(key);
    if (channel === undefined) {
      channel = { component: this.#components, packets: 0 };
      this.#components += 1;
      this.#channels.set(key, channel);
    }
    channel.packets += 1;
    const { component, packets } = channel;
    return { component, packets, clock: withEntry(this.#clock(thread).slice(), component, packets) };
  }

  #tokenHistory(core: number, token: number): TokenHistory {
    const slot = core * this.#operations.tokens.length + token;
    let history = this.#tokens.get(slot);
    if (history === undefined) {
      history = new TokenHistory(this.#bounds.get(slot) ?? []);
      this.#tokens.set(slot, history);
    }
    return history;
  }

  #raiseInitialTokens(): void {
    for (const { cores, token, count } of this.#program.initialTokens) {
      const number = this.#operations.tokenNumbers.get(token) as number;
      for (let row = cores.row; row < cores.row + cores.rows; row += 1) {
        for (let column = cores.column; column < cores.column + cores.columns; column += 1) {
          const history = this.#tokenHistory(coreNumber(this.#program, row, column), number);
          history.raiseInitially(count);
        }
      }
    }
  }

  #access(
    thread: Thread,
    operation: Operation,
    region: Region,
    core: number,
    component: number,
    time: number,
    clock: Clock,
  ): void {
    const { step, turn, classRow, classColumn } = thread;
    const address = regionAddress(region, classRow, classColumn, turn);
    const limit = spaceBytes(this.#machine, region.space, corePosition(this.#program, core).column < 0);
    if (address + region.low < 0 || address + region.high > limit) {
      const message = `its ${region.name} leaves the ${limit} bytes of ${region.space}.`;
      this.#note(`${operation.index} ${region.name}`, fault(this.#program, thread, "B503", message));
      return;
    }
    const memory = (region.space === "frame" ? 0 : core) * spaces.length + spaces.indexOf(region.space);
    this.#history.add(memory, address, { component, time, region, thread, operation, step, turn, core }, clock);
  }

  #report(earlier: IssuedAccess, later: IssuedAccess, address: number): void {
    const key = `${earlier.operation.index} ${later.operation.index}`;
    if (this.#problems.size >= largestProblemCount || this.#problems.has(key)) return;
    const message =
      `${this.#describe(later)} byte ${address} of ${later.region.space}, and ${this.#describe(earlier)} it: ` +
      "nothing orders the two.";
    const at = { layer: this.#program.steps[later.step]?.name ?? "", core: corePosition(this.#program, later.core) };
    this.#note(key, problem("B507", message, at));
  }

  #describe({ thread, operation, step, turn, region }: IssuedAccess): string {
    const verb = { read: "reads", write: "writes", update: "updates" }[region.use];
    const { row, column } = thread.position;
    const layer = this.#program.steps[step]?.name ?? "";
    return `${describeOperation(operation, turn)} of core (${row},${column}) in "${layer}" ${verb}`;
  }

  #note(key: string, error: BorealError): void {
    const first = error.problems[0];
    if (first !== undefined && this.#problems.size < largestProblemCount && !this.#problems.has(key)) {
      this.#problems.set(key, first);
    }
  }
}

/** Whether an operation reaches parts of bytes: elements of 4 or 2 bits. */
function reachesParts({ regions, arrival }: Operation): boolean {
  return [...regions, ...(arrival === null ? [] : [arrival])].some(({ base, row, column, turn, strides, runBytes }) =>
    [base, row, column, turn, runBytes, ...strides].some((number) => !Number.isInteger(number)),
  );
}
