import { BorealError, internalError, problem } from "../../base/errors.ts";
import { makeRandom } from "../../base/random.ts";
import type { HostInInstruction, HostOutInstruction, Space, WeightsStreamInstruction } from "../../ir/instruction.ts";
import type { Program } from "../../ir/program.ts";
import { checkBuffers } from "./buffers.ts";
import { type Compute, type ElementCopy, prepareCompute, prepareElementCopy } from "./compute.ts";
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
}

/** Runs a program on bytes: a core's memory is bytes, a transfer copies bytes, an instruction computes on them. It knows no time. */
export interface FunctionalExecutor {
  /**
   * Runs one batch. Takes and gives the bytes of each port by name, row-major in the boundary format. Weights stay from
   * run to run, and so do tokens. Throws B502, B503 and B505 for a wrong program, B702 for missing or misshapen inputs.
   */
  run(inputs: ReadonlyMap<string, Uint8Array>): Map<string, Uint8Array>;
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
  );
}

class Executor implements FunctionalExecutor, Behaviour {
  readonly #program: Program;
  readonly #map: MemoryMap;
  readonly #bytes: Uint8Array;
  readonly #scheduler: Scheduler;
  readonly #computes: readonly (Compute | null)[];
  readonly #copies: readonly (ElementCopy | null)[];
  readonly #written: WrittenBytes | null;
  readonly #addresses = new Int32Array(8);
  #inputs: ReadonlyMap<string, Uint8Array> = new Map();
  #outputs = new Map<string, Uint8Array>();

  constructor(
    program: Program,
    sidecar: Uint8Array,
    machine: MachineMemories,
    kernelChoice: KernelChoice,
    checked: boolean,
    order: { readonly seed: number } | undefined,
  ) {
    const prepared = prepareOperations(program);
    const packetBytes = prepared.operations.reduce((most, operation) => Math.max(most, operation.packetBytes), 0);
    const { kernels, firstByte } = makeKernels(
      kernelChoice,
      (kernelBytes) => makeMemoryMap(program, machine, kernelBytes, packetBytes).pages,
    );
    this.#program = program;
    this.#map = makeMemoryMap(program, machine, firstByte, packetBytes);
    this.#bytes = new Uint8Array(kernels.memory.buffer);
    this.#written = checked ? new WrittenBytes(program, machine) : null;
    this.#computes = prepared.operations.map((operation) => prepareCompute(operation, kernels));
    this.#copies = prepared.operations.map(({ instruction }) =>
      instruction.kind === "move" || instruction.kind === "multicast" ? prepareElementCopy(instruction, kernels) : null,
    );
    this.#placeImages(sidecar, machine);
    const threads = makeThreads(program, prepared, 1);
    const randomOrder: RandomOrder | null =
      order === undefined
        ? null
        : { random: makeRandom(order.seed), send: (thread, operation) => this.#takeOff(thread, operation) };
    this.#scheduler = new Scheduler(program, prepared, threads, this, null, randomOrder);
  }

  run(inputs: ReadonlyMap<string, Uint8Array>): Map<string, Uint8Array> {
    for (const port of this.#program.inputs) {
      const given = inputs.get(port.name);
      if (given?.length !== port.bytes) {
        const found = given === undefined ? "is missing" : `has ${given.length} bytes`;
        throw problem("B702", `Input "${port.name}" ${found}; expected ${port.bytes} bytes of ${port.type.element}.`);
      }
    }
    this.#written?.restart();
    this.#inputs = inputs;
    this.#outputs = new Map();
    this.#scheduler.run();
    for (const port of this.#program.outputs) {
      if (!this.#outputs.has(port.name)) throw problem("B502", `Output "${port.name}" was never sent to the host.`);
    }
    return this.#outputs;
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
    if (instruction.kind === "host.in") this.#receive(instruction, this.#addresses[0] as number);
    else if (instruction.kind === "host.out") this.#send(instruction, this.#addresses[0] as number);
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

  #receive(instruction: HostInInstruction, address: number): void {
    const name = this.#program.inputs[instruction.port]?.name ?? "";
    const given = this.#inputs.get(name);
    if (given === undefined) throw internalError(`input "${name}" was checked and is missing`);
    this.#bytes.set(given, address);
  }

  #send(instruction: HostOutInstruction, address: number): void {
    const port = this.#program.outputs[instruction.port];
    if (port === undefined) throw internalError(`output ${instruction.port} was checked and is missing`);
    this.#outputs.set(port.name, this.#bytes.slice(address, address + port.bytes));
  }

  #placeImages(sidecar: Uint8Array, machine: MachineMemories): void {
    forEachImage(this.#program, machine, (core, address, offset, bytes) => {
      this.#bytes.set(sidecar.subarray(offset, offset + bytes), this.#map.base(core, "memory") + address);
      const wrong = this.#written?.place(this.#program, core, address, bytes) ?? null;
      if (wrong !== null) {
        const message = `An image of ${bytes} bytes at ${address} covers byte ${wrong.address}, which lies outside every buffer.`;
        throw problem("B503", message, { core: corePosition(this.#program, core) });
      }
    });
  }
}
