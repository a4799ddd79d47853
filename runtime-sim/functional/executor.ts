import { BorealError, internalError, problem } from "../../base/errors.ts";
import { at } from "../../base/math.ts";
import { makeRandom } from "../../base/random.ts";
import type {
  HostInInstruction,
  HostOutInstruction,
  HostRunInstruction,
  Space,
  WeightsStreamInstruction,
} from "../../ir/instruction.ts";
import { enteringPorts, type HostOperation, leavingPorts, type Port, type Program } from "../../ir/program.ts";
import { checkBuffers } from "./buffers.ts";
import { type Compute, type ElementCopy, prepareCompute, prepareElementCopy, stagingBytes } from "./compute.ts";
import { checkSidecar, forEachImage } from "./images.ts";
import { type KernelChoice, makeKernels } from "./kernel-choice.ts";
import {
  coreNumber,
  corePosition,
  type MachineMemories,
  type MemoryMap,
  makeMemoryMap,
  spaceBytes,
} from "./memory-map.ts";
import { type Operation, prepareOperations } from "./operation.ts";
import { forEachRun, type Region, regionAddress } from "./region.ts";
import { type Behaviour, type RandomOrder, Scheduler } from "./scheduler.ts";
import { fault, type Issue, makeThreads, type Thread } from "./thread.ts";
import { WrittenBytes } from "./written.ts";

/** How a program is executed. */
export interface ExecutorOptions {
  /** The numeric kernels: WebAssembly (the default) or their plain twins. */
  readonly kernels?: KernelChoice;
  /** Whether each byte that is read must have been written in this run, under the buffer that holds it now; costs time and memory. */
  readonly checked?: boolean;
  /** Runs a random legal order, with packets that arrive late, instead of the fixed one; each run draws another. */
  readonly order?: { readonly seed: number };
  /** Computes an operation of the host: the bytes of its result from those of its operands. Needed by programs that have any. */
  readonly host?: (operation: HostOperation, operands: readonly Uint8Array[]) => Uint8Array;
}

/** Runs a program on bytes: a core's memory is bytes, a transfer copies bytes, an instruction computes on them. It knows no time. */
export interface FunctionalExecutor {
  /**
   * Runs one batch. Takes and gives the bytes of each port by name, row-major in the boundary format. Weights and states
   * stay from run to run, and so do tokens. Throws B502, B503 and B505 for a wrong program, B702 for missing or misshapen inputs.
   */
  run(inputs: ReadonlyMap<string, Uint8Array>): Map<string, Uint8Array>;
  /** Runs batches on end, as `run` does one: what the program's tokens allow of a batch is done while the one before is computed. */
  runBatches(batches: readonly ReadonlyMap<string, Uint8Array>[]): Map<string, Uint8Array>[];
  /** Partial sums that have left i32, and wrapped around, in all runs so far. */
  overflowCount(): number;
  /** Gives states their initial values again. */
  reset(): void;
  /** A copy of bytes of a core's memory as they are now; the framebuffer belongs to the io cores in column −1. */
  readCore(row: number, column: number, space: Space, address: number, bytes: number): Uint8Array;
}

/**
 * Prepares the execution of a program: lays all memories out, places the images and builds the queues. `sidecar` is
 * the bytes that images refer to. Throws B506 or B508 for missing or wrong weights, B503 for what leaves the chip, and
 * in checked mode B504 for live buffers that overlap.
 */
export function createExecutor(
  program: Program,
  sidecar: Uint8Array | null,
  machine: MachineMemories,
  options: ExecutorOptions = {},
): FunctionalExecutor {
  checkSidecar(program, sidecar);
  const checked = options.checked ?? false;
  if (checked) {
    const problems = checkBuffers(program, machine);
    if (problems.length > 0) throw new BorealError(problems);
  }
  return new Executor(
    program,
    sidecar ?? new Uint8Array(0),
    machine,
    options.kernels ?? "wasm",
    checked,
    options.order,
    options.host,
  );
}

class Executor implements FunctionalExecutor, Behaviour {
  readonly #program: Program;
  readonly #sidecar: Uint8Array;
  readonly #machine: MachineMemories;
  readonly #map: MemoryMap;
  readonly #bytes: Uint8Array;
  readonly #scheduler: Scheduler;
  readonly #computes: readonly (Compute | null)[];
  readonly #copies: readonly (ElementCopy | null)[];
  readonly #written: WrittenBytes | null;
  readonly #addresses = new Float64Array(8);
  #overflowCount = 0;
  readonly #host: ExecutorOptions["host"];
  readonly #entering: readonly Port[];
  readonly #leaving: readonly Port[];
  /** What is at the host, by batch and port: inputs and results that enter, outputs and operands that have left. */
  #given: (Uint8Array | undefined)[][] = [];
  #taken: (Uint8Array | undefined)[][] = [];

  constructor(
    program: Program,
    sidecar: Uint8Array,
    machine: MachineMemories,
    kernelChoice: KernelChoice,
    checked: boolean,
    order: { readonly seed: number } | undefined,
    host: ExecutorOptions["host"],
  ) {
    const prepared = prepareOperations(program);
    const most = (bytesOf: (operation: Operation) => number): number =>
      prepared.operations.reduce((bytes, operation) => Math.max(bytes, bytesOf(operation)), 0);
    const rooms = { packetBytes: most(({ packetBytes }) => packetBytes), stagingBytes: most(stagingBytes) };
    const { kernels, firstByte } = makeKernels(
      kernelChoice,
      (kernelBytes) => makeMemoryMap(program, machine, kernelBytes, rooms).pages,
    );
    this.#program = program;
    this.#host = host;
    this.#entering = enteringPorts(program);
    this.#leaving = leavingPorts(program);
    this.#map = makeMemoryMap(program, machine, firstByte, rooms);
    this.#bytes = new Uint8Array(kernels.memory.buffer);
    this.#written = checked ? new WrittenBytes(program, machine) : null;
    const overflowed = (count: number): void => {
      this.#overflowCount += count;
    };
    this.#computes = prepared.operations.map((operation) =>
      prepareCompute(operation, kernels, this.#map.stagingBase, overflowed),
    );
    this.#copies = prepared.operations.map(({ instruction }) =>
      instruction.kind === "move" || instruction.kind === "multicast" ? prepareElementCopy(instruction, kernels) : null,
    );
    this.#sidecar = sidecar;
    this.#machine = machine;
    this.reset();
    const threads = makeThreads(program, prepared);
    const randomOrder: RandomOrder | null =
      order === undefined
        ? null
        : { random: makeRandom(order.seed), send: (thread, operation) => this.#takeOff(thread, operation) };
    this.#scheduler = new Scheduler(program, prepared, threads, this, null, randomOrder);
  }

  overflowCount(): number {
    return this.#overflowCount;
  }

  reset(): void {
    forEachImage(this.#program, this.#machine, (core, address, offset, bytes) => {
      this.#bytes.set(this.#sidecar.subarray(offset, offset + bytes), this.#map.base(core, "memory") + address);
      const wrong = this.#written?.place(this.#program, core, address, bytes) ?? null;
      if (wrong !== null) {
        const message = `An image of ${bytes} bytes at ${address} covers byte ${wrong.address}, which lies outside every buffer.`;
        throw problem("B503", message, { core: corePosition(this.#program, core) });
      }
    });
  }

  run(inputs: ReadonlyMap<string, Uint8Array>): Map<string, Uint8Array> {
    return at(this.runBatches([inputs]), 0);
  }

  runBatches(batches: readonly ReadonlyMap<string, Uint8Array>[]): Map<string, Uint8Array>[] {
    const { inputs, outputs } = this.#program;
    for (const port of inputs) {
      for (const batch of batches) {
        const given = batch.get(port.name);
        if (given?.length === port.bytes) continue;
        const found = given === undefined ? "is missing" : `has ${given.length} bytes`;
        throw problem("B702", `Input "${port.name}" ${found}; expected ${port.bytes} bytes of ${port.type.element}.`);
      }
    }
    this.#written?.restart();
    this.#given = batches.map((batch) => inputs.map(({ name }) => batch.get(name)));
    this.#taken = batches.map(() => []);
    this.#scheduler.run(batches.length);
    return this.#taken.map(
      (taken) =>
        new Map(
          outputs.map(({ name }, port) => {
            const bytes = taken[port];
            if (bytes === undefined) throw problem("B502", `Output "${name}" was never sent to the host.`);
            return [name, bytes];
          }),
        ),
    );
  }

  readCore(row: number, column: number, space: Space, address: number, bytes: number): Uint8Array {
    const core = coreNumber(this.#program, row, column);
    const limit = core < 0 ? 0 : spaceBytes(this.#map.machine, space, column < 0);
    if (address < 0 || address + bytes > limit) {
      throw problem("B503", `Bytes ${address}..${address + bytes - 1} of ${space} leave its ${limit} bytes.`, {
        core: { row, column },
      });
    }
    const start = this.#map.base(core, space) + address;
    return this.#bytes.slice(start, start + bytes);
  }

  execute(thread: Thread, operation: Operation): void {
    const { regions, instruction } = operation;
    const { core, classRow, classColumn, turn } = thread;
    for (let index = 0; index < regions.length; index += 1) {
      const region = regions[index] as Region;
      this.#addresses[index] = this.#reach(thread, region, core, regionAddress(region, classRow, classColumn, turn));
    }
    if (instruction.kind === "host.in") this.#receive(thread, instruction, this.#addresses[0] as number);
    else if (instruction.kind === "host.out") this.#send(thread, instruction, this.#addresses[0] as number);
    else if (instruction.kind === "host.run") this.#runOnHost(thread, instruction);
    else {
      const compute = this.#computes[operation.index] as Compute;
      try {
        compute(this.#addresses);
      } catch (cause) {
        if (cause instanceof RangeError) throw fault(this.#program, thread, "B901", cause.message);
        throw cause;
      }
    }
  }

  transfer(thread: Thread, operation: Operation, core: number): void {
    const { classRow, classColumn, turn } = thread;
    const region = operation.regions[0] as Region;
    const source = this.#reach(thread, region, thread.core, regionAddress(region, classRow, classColumn, turn));
    const arrival = operation.arrival;
    if (arrival === null) return;
    const destination = this.#reach(thread, arrival, core, regionAddress(arrival, classRow, classColumn, turn));
    const copy = this.#copies[operation.index] as ElementCopy | null;
    if (copy !== null) copy.through(source, destination);
    else this.#bytes.copyWithin(destination, source, source + operation.packetBytes);
  }

  stream(members: readonly Thread[]): void {
    const first = members[0]?.current as Operation;
    const { bytes } = first.instruction as WeightsStreamInstruction;
    const pieces: number[] = [];
    for (const member of members) {
      const operation = member.current as Operation;
      const own = (operation.instruction as WeightsStreamInstruction).bytes;
      if (own !== bytes) {
        throw fault(this.#program, member, "B503", `streams ${own} bytes; core (0,0) of the group streams ${bytes}.`);
      }
      const region = operation.regions[0] as Region;
      const address = regionAddress(region, member.classRow, member.classColumn, member.turn);
      pieces.push(this.#reach(member, region, member.core, address));
    }
    let assembled = -1;
    for (const member of members) {
      const arrival = (member.current as Operation).arrival as Region;
      const address = regionAddress(arrival, member.classRow, member.classColumn, member.turn);
      const destination = this.#reach(member, arrival, member.core, address);
      if (assembled >= 0) {
        this.#bytes.copyWithin(destination, assembled, assembled + bytes * members.length);
        continue;
      }
      pieces.forEach((piece, index) => {
        this.#bytes.copyWithin(destination + index * bytes, piece, piece + bytes);
      });
      assembled = destination;
    }
  }

  /** Takes a packet's bytes at its departure; the result writes them on a core, later. */
  #takeOff(thread: Thread, operation: Operation): (core: number) => void {
    const { classRow, classColumn, turn, step, name, position } = thread;
    const region = operation.regions[0] as Region;
    const source = this.#reach(thread, region, thread.core, regionAddress(region, classRow, classColumn, turn));
    const arrival = operation.arrival;
    if (arrival === null) return () => undefined;
    const issue: Issue = { core: thread.core, position, name, step, turn, current: operation };
    const address = regionAddress(arrival, classRow, classColumn, turn);
    const copy = this.#copies[operation.index] as ElementCopy | null;
    const room = this.#map.packetBase;
    if (copy === null) this.#bytes.copyWithin(room, source, source + operation.packetBytes);
    else copy.pack(source, room);
    const packet = this.#bytes.slice(room, room + operation.packetBytes);
    return (core) => {
      const destination = this.#reach(issue, arrival, core, address);
      if (copy === null) this.#bytes.set(packet, destination);
      else {
        this.#bytes.set(packet, room);
        copy.unpack(room, destination);
      }
    };
  }

  /** Where a region of a core stands in the kernels' memory. Throws B503 when it leaves its space, and B502 and B503 in checked mode. */
  #reach(issue: Issue, region: Region, core: number, address: number): number {
    const io = core >= this.#map.coreCount - this.#program.target.rows;
    const limit = spaceBytes(this.#map.machine, region.space, io);
    if (address + region.low < 0 || address + region.high > limit) {
      const reach = `bytes ${address + region.low}..${address + region.high - 1} of ${region.space}`;
      throw fault(
        this.#program,
        issue,
        "B503",
        `its ${region.name} reaches ${reach}${this.#on(issue, core)}, which has ${limit}.`,
      );
    }
    if (this.#written !== null) this.#check(this.#written, issue, region, core, address);
    return this.#map.base(core, region.space) + address;
  }

  #check(written: WrittenBytes, issue: Issue, region: Region, core: number, address: number): void {
    const { use, space, name } = region;
    const program = issue.current?.instruction.kind === "program.load";
    forEachRun(region, address, (start, bytes) => {
      if (use !== "write" && !program) {
        const wrong = written.read(space, core, issue.step, start, bytes);
        if (wrong !== null) {
          const message = `its ${name} reads byte ${wrong.address} of ${space}${this.#on(issue, core)}, which was ${wrong.reason === "never written" ? wrong.reason : `never written: it lies ${wrong.reason}`}.`;
          throw fault(this.#program, issue, "B502", message);
        }
      }
      if (use !== "read") {
        const wrong = written.write(space, core, issue.step, start, bytes);
        if (wrong !== null) {
          const message = `its ${name} writes byte ${wrong.address} of ${space}${this.#on(issue, core)}, which lies ${wrong.reason} of the step.`;
          throw fault(this.#program, issue, "B503", message);
        }
      }
    });
  }

  #on(issue: Issue, core: number): string {
    if (core === issue.core) return "";
    const { row, column } = corePosition(this.#program, core);
    return ` on core (${row},${column})`;
  }

  #receive(thread: Thread, { port }: HostInInstruction, address: number): void {
    const given = at(this.#given, thread.batch)[port];
    if (given === undefined) {
      const message = `its result "${this.#entering[port]?.name}" was never computed by the host.`;
      throw fault(this.#program, thread, "B502", message);
    }
    this.#bytes.set(given, address);
  }

  #send({ batch }: Thread, { port }: HostOutInstruction, address: number): void {
    const { bytes } = this.#leaving[port] as Port;
    at(this.#taken, batch)[port] = this.#bytes.slice(address, address + bytes);
  }

  #runOnHost(thread: Thread, { operation: index }: HostRunInstruction): void {
    const { inputs, outputs, hostOperations } = this.#program;
    const operation = hostOperations[index] as HostOperation;
    const before = hostOperations.slice(0, index).reduce((count, { operands }) => count + operands.length, 0);
    const operands = operation.operands.map(({ name }, position) => {
      const bytes = at(this.#taken, thread.batch)[outputs.length + before + position];
      if (bytes === undefined) {
        throw fault(this.#program, thread, "B502", `its operand "${name}" was never sent to the host.`);
      }
      return bytes;
    });
    if (this.#host === undefined) throw internalError(`nobody computes "${operation.name}" for the program`);
    at(this.#given, thread.batch)[inputs.length + index] = this.#host(operation, operands);
  }
}
