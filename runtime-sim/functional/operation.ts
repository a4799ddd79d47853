import { problem } from "../../base/errors.ts";
import { product } from "../../base/math.ts";
import type { Field, Instruction, LoopInstruction, SimpleInstruction, View } from "../../ir/instruction.ts";
import { enteringPorts, leavingPorts, type Port, type Program } from "../../ir/program.ts";
import { type ElementType, elementBytes, packedBytes } from "../../ir/type.ts";
import { makeRegion, type Region } from "./region.ts";

/** Which network carries an instruction's packets; packets of one thread to one core on one network arrive in order. */
export type Carrier = "activation" | "partial" | "instruction" | "signal";

/** Where packets go: a rectangle whose corner is affine; `sender` says whether the sending core is one of the receivers. */
export interface Destination {
  readonly carrier: Carrier;
  readonly row: Field;
  readonly column: Field;
  readonly rows: number;
  readonly columns: number;
  readonly sender: boolean;
}

/** An instruction of a program with everything worked out that is the same on all cores and turns. */
export interface Operation {
  /** Dense number within the program. */
  readonly index: number;
  readonly instruction: SimpleInstruction;
  /** `matrix[3]`, or `matrix[3.1]` in the body of a loop. */
  readonly place: string;
  /** What the issuing core's memories see, in the order of the instruction's operands. */
  readonly regions: readonly Region[];
  /** What each receiving core's memory sees when the packet arrives, or the members' weight buffers for weights.stream. */
  readonly arrival: Region | null;
  readonly destination: Destination | null;
  /** Dense token number of wait, and of instructions that raise a token; −1 for others. */
  readonly token: number;
  /** The bytes of a packet. */
  readonly packetBytes: number;
}

/** A loop and the operations that it repeats. */
export interface Loop {
  readonly count: number;
  readonly body: readonly Operation[];
}

/** One entry of a queue. */
export type Entry = Operation | Loop;

/** The prepared operations of a program. */
export interface Operations {
  readonly operations: readonly Operation[];
  /** The entries of every instruction list of the program, by the list itself. */
  readonly entries: ReadonlyMap<readonly Instruction[], readonly Entry[]>;
  /** The program's token numbers, by dense number. */
  readonly tokens: readonly number[];
  readonly tokenNumbers: ReadonlyMap<number, number>;
}

/** Whether an entry of a queue is a loop. */
export function isLoop(entry: Entry): entry is Loop {
  return "body" in entry;
}

/** Prepares all instructions of a program, each once however many cores share it. Throws B503 for a port that does not exist. */
export function prepareOperations(program: Program): Operations {
  const operations: Operation[] = [];
  const tokenNumbers = new Map<number, number>();
  const tokenNumber = (token: number): number => {
    const known = tokenNumbers.get(token);
    if (known !== undefined) return known;
    tokenNumbers.set(token, tokenNumbers.size);
    return tokenNumbers.size - 1;
  };
  const prepare = (instruction: SimpleInstruction, place: string, layer: string): Operation => {
    const operation: Operation = {
      index: operations.length,
      instruction,
      place,
      regions: localRegions(instruction, program, layer),
      arrival: arrivalRegion(instruction),
      destination: destinationOf(instruction),
      token: "token" in instruction ? tokenNumber(instruction.token) : -1,
      packetBytes: packetBytesOf(instruction),
    };
    operations.push(operation);
    return operation;
  };
  const entries = new Map<readonly Instruction[], readonly Entry[]>();
  for (const step of program.steps) {
    for (const { threads } of step.classes) {
      for (const [name, list] of Object.entries(threads)) {
        if (entries.has(list)) continue;
        entries.set(
          list,
          list.map((instruction, index) =>
            instruction.kind === "loop"
              ? prepareLoop(instruction, (body, turn) => prepare(body, `${name}[${index}.${turn}]`, step.name))
              : prepare(instruction, `${name}[${index}]`, step.name),
          ),
        );
      }
    }
  }
  for (const initial of program.initialTokens) tokenNumber(initial.token);
  return { operations, entries, tokens: [...tokenNumbers.keys()], tokenNumbers };
}

function prepareLoop(loop: LoopInstruction, prepare: (body: SimpleInstruction, index: number) => Operation): Loop {
  return { count: loop.count, body: loop.body.map(prepare) };
}

function operandBytes(element: ElementType | "scale"): number {
  return element === "scale" ? 8 : elementBytes(element);
}

function portOf(ports: readonly Port[], index: number, kind: string, layer: string): Port {
  const port = ports[index];
  if (port === undefined)
    throw problem("B503", `${kind} names port ${index}, but there are ${ports.length}.`, { layer });
  return port;
}

/** The regions of the issuing core; the order is what the compute functions of the executor rely on. */
function localRegions(instruction: SimpleInstruction, program: Program, layer: string): Region[] {
  switch (instruction.kind) {
    case "matmul": {
      const { groups, rows, inner, columns, activations, weights, partial, bias } = instruction;
      const pairs = Math.ceil(product(inner) / 2);
      const weightBytes = elementBytes(weights.element);
      const sums = groups * product(rows) * columns * 4;
      const regions = [
        makeRegion(
          "activations",
          "read",
          activations.space,
          activations.address,
          [groups, ...rows, ...inner],
          [activations.groupStride, ...activations.rowStrides, ...activations.innerStrides],
          elementBytes(activations.element),
        ),
        weights.layout === "paired"
          ? makeRegion(
              "weights",
              "read",
              weights.space,
              weights.address,
              [groups],
              [weights.groupStride],
              packedBytes(weights.element, pairs * columns * 2),
            )
          : makeRegion(
              "weights",
              "read",
              weights.space,
              weights.address,
              [groups, ...inner, columns],
              [weights.groupStride, ...weights.innerStrides, weights.columnStride],
              weightBytes,
            ),
        makeRegion(
          "partial sums",
          instruction.start === "accumulate" ? "update" : "write",
          "partial",
          partial,
          [],
          [],
          sums,
        ),
      ];
      if (instruction.start === "bias") {
        regions.push(makeRegion("bias", "read", "memory", bias, [], [], groups * columns * 4));
      }
      return regions;
    }
    case "vector": {
      const { counts, sources, destination, activation } = instruction;
      const view = (name: string, use: "read" | "write", { space, address, strides }: View, bytes: number): Region =>
        makeRegion(name, use, space, address, counts, strides, bytes);
      return [
        ...sources.map((source, index) => view(`source ${index}`, "read", source, operandBytes(source.element))),
        ...activation.flatMap(({ scale }, index) =>
          scale === null ? [] : [view(`scale of stage ${index}`, "read", scale, operandBytes(scale.element))],
        ),
        view("destination", "write", destination, operandBytes(destination.element)),
        ...activation.flatMap(({ element, kept }, index) =>
          kept === null ? [] : [view(`operand of stage ${index}`, "write", kept, operandBytes(element))],
        ),
      ];
    }
    case "reduce": {
      const { counts, inner, source, divisor, destination } = instruction;
      const view = (name: string, use: "read" | "write", operand: typeof source, loops: readonly number[]): Region =>
        makeRegion(name, use, operand.space, operand.address, loops, operand.strides, operandBytes(operand.element));
      return [
        view("source", "read", source, [...counts, ...inner]),
        view("destination", "write", destination, counts),
        ...(divisor === null ? [] : [view("divisor", "read", divisor, counts)]),
      ];
    }
    case "gather": {
      const { counts, elementBytes: bytes, source, destination } = instruction;
      return [
        makeRegion("source", "read", source.space, source.address, counts, source.strides, bytes),
        makeRegion("destination", "write", destination.space, destination.address, counts, destination.strides, bytes),
      ];
    }
    case "move":
    case "multicast": {
      const { counts, elementBytes: bytes, source } = instruction;
      return [makeRegion("source", "read", source.space, source.address, counts, source.strides, bytes)];
    }
    case "psum.send":
      return [makeRegion("partial sums", "read", "partial", instruction.address, [], [], instruction.count * 4)];
    case "psum.recv":
      return [
        makeRegion("source", "read", "partial", instruction.source, [], [], instruction.count * 4),
        makeRegion("destination", "update", "partial", instruction.destination, [], [], instruction.count * 4),
      ];
    case "weights.load":
      return [
        makeRegion("source", "read", "memory", instruction.source, [], [], instruction.bytes),
        makeRegion("destination", "write", "weights", instruction.destination, [], [], instruction.bytes),
      ];
    case "weights.stream":
    case "program.load":
      return [makeRegion("source", "read", "memory", instruction.source, [], [], instruction.bytes)];
    case "host.in": {
      const port = portOf(enteringPorts(program), instruction.port, "host.in", layer);
      return [makeRegion(`input "${port.name}"`, "write", "frame", port.frameAddress, [], [], port.bytes)];
    }
    case "host.out": {
      const port = portOf(leavingPorts(program), instruction.port, "host.out", layer);
      return [makeRegion(`output "${port.name}"`, "read", "frame", port.frameAddress, [], [], port.bytes)];
    }
    case "host.run": {
      const count = program.hostOperations.length;
      if (instruction.operation < count) return [];
      throw problem("B503", `host.run names operation ${instruction.operation}, but there are ${count}.`, { layer });
    }
    case "signal":
    case "wait":
    case "barrier":
      return [];
  }
}

function arrivalRegion(instruction: SimpleInstruction): Region | null {
  switch (instruction.kind) {
    case "move":
    case "multicast": {
      const { counts, elementBytes: bytes, destination } = instruction;
      return makeRegion(
        "destination",
        "write",
        destination.space,
        destination.address,
        counts,
        destination.strides,
        bytes,
      );
    }
    case "psum.send":
      return makeRegion("destination", "write", "partial", instruction.destination, [], [], instruction.count * 4);
    case "weights.stream": {
      const members = instruction.group.rows * instruction.group.columns;
      return makeRegion(
        "destination",
        "write",
        "weights",
        instruction.destination,
        [],
        [],
        instruction.bytes * members,
      );
    }
    default:
      return null;
  }
}

function destinationOf(instruction: SimpleInstruction): Destination | null {
  switch (instruction.kind) {
    case "move":
      return { carrier: "activation", ...instruction.core, rows: 1, columns: 1, sender: true };
    case "multicast":
      return { carrier: "activation", ...instruction.cores, sender: false };
    case "psum.send":
      return { carrier: "partial", ...instruction.core, rows: 1, columns: 1, sender: true };
    case "program.load":
      return { carrier: "instruction", ...instruction.cores, sender: true };
    case "signal":
      return { carrier: "signal", ...instruction.core, rows: 1, columns: 1, sender: true };
    case "weights.stream":
      return { carrier: "activation", ...instruction.group, sender: true };
    default:
      return null;
  }
}

function packetBytesOf(instruction: SimpleInstruction): number {
  if (instruction.kind === "psum.send") return instruction.count * 4;
  if (instruction.kind === "move" || instruction.kind === "multicast") {
    return Math.ceil(product(instruction.counts) * instruction.elementBytes);
  }
  return 0;
}
