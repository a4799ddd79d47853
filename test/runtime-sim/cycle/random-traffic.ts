import type { Random } from "../../../base/random.ts";
import type { ActivationStage, Instruction, Rectangle } from "../../../ir/instruction.ts";
import type { Program, ThreadName } from "../../../ir/program.ts";
import type { ElementType } from "../../../ir/type.ts";
import type { VectorFunction } from "../../../ir/vector-function.ts";
import {
  affine,
  cores,
  gather,
  matmul,
  move,
  multicast,
  onCores,
  port,
  program,
  programLoad,
  psumReceive,
  psumSend,
  signal,
  step,
  stream,
  vector,
  wait,
} from "../timing/machine.ts";

interface Place {
  readonly row: number;
  readonly column: number;
}

type Queues = Map<ThreadName, Instruction[]>;

/**
 * Tokens of step s: `arrived` + s counts packets and signals from afar, `served` + s says that they have been waited for,
 * `weights` + s that an exchange is over, `sent` + s that a core has sent what it sends,
 * `released` + s, and 10 and 20 more, that the barrier is over.
 */
const token = { arrived: 0, served: 10, weights: 20, sent: 30, released: 40 };

/** Threads that wait for the barrier of the step before, each with a token of its own. */
const gatedThreads = ["send", "matrix", "psum"] as const;

/** What a step is made of: most of its cores send where they like; groups of cores exchange weights. */
class RandomStep {
  readonly queues = new Map<string, Queues>();
  readonly arrivals = new Map<string, number>();
  readonly barrier: boolean;
  readonly #random: Random;
  readonly #grid: Rectangle;
  readonly #index: number;

  constructor(random: Random, rows: number, columns: number, index: number) {
    this.#random = random;
    this.#grid = cores(0, 0, rows, columns);
    this.#index = index;
    this.barrier = random.uniform() < 0.5;
  }

  /** Adds instructions to a thread of a core. */
  add({ row, column }: Place, thread: ThreadName, ...instructions: readonly Instruction[]): void {
    const key = `${row},${column}`;
    const queues = this.queues.get(key) ?? new Map<ThreadName, Instruction[]>();
    this.queues.set(key, queues);
    queues.set(thread, [...(queues.get(thread) ?? []), ...instructions]);
  }

  /** Fills the queues of a core; `waited` are the arrivals of the step before, `released` whether it ended with a barrier. */
  fill(core: Place, waited: number, released: boolean): void {
    const before = this.#index - 1;
    if (released) {
      for (const [index, thread] of gatedThreads.entries())
        this.add(core, thread, wait(token.released + 10 * index + before));
    }
    const ordered = waited > 0 && this.#chance(0.7);
    if (ordered) this.add(core, "gather", wait(token.arrived + before, waited), gather(this.#bytes(300)));
    if (ordered && this.#chance(0.6)) {
      this.add(core, "gather", signal(token.served + before, core.row, core.column));
      this.add(core, "send", wait(token.served + before));
    }
    const io = core.column < 0;
    for (let count = this.#random.integer(0, 4); count > 0; count -= 1) this.#sendData(core);
    if (this.#chance(0.2)) {
      const to = this.#core();
      this.add(core, "control", signal(token.arrived + this.#index, to.row, to.column));
      this.#arrive(cores(to.row, to.column));
    }
    if (io) return;
    if (this.#chance(0.2)) {
      const to = this.#rectangle();
      this.add(core, "control", programLoad(this.#bytes(120), to, token.arrived + this.#index));
      this.#arrive(to);
    }
    for (let count = this.#random.integer(0, 2); count > 0; count -= 1) {
      const to = this.#core();
      this.add(core, "psum", psumSend(this.#random.integer(1, 60), to.row, to.column, token.arrived + this.#index));
      this.#arrive(cores(to.row, to.column));
    }
    if (this.#chance(0.5)) {
      const { integer } = this.#random;
      const size = (): number => integer.call(this.#random, 1, 20);
      const element = this.#chance(0.5) ? "i4" : "i8";
      const matrix = matmul(size(), size(), size(), { elements: [element, element] });
      this.add(core, "matrix", { kind: "loop", count: this.#random.integer(1, 3), body: [matrix] });
    }
    if (this.#chance(0.5)) this.add(core, "vector", vector("exp", this.#random.integer(1, 100)), psumReceive(20));
    if (this.#chance(0.4)) this.add(core, "vector", this.#pipelined());
    // Two threads that want one unit, and one port.
    if (this.#chance(0.3)) this.add(core, "gather", vector("relu", this.#random.integer(1, 100)), gather(64));
    if (this.#chance(0.3)) {
      const bytes = this.#bytes(400);
      this.add(core, "weights", { kind: "weights.load", bytes, source: 0, destination: 0 });
    }
  }

  /** A pass through the vector and the activation unit. */
  #pipelined(): Instruction {
    const stage = (name: VectorFunction, element: ElementType): ActivationStage => ({
      function: name,
      element,
      kept: this.#chance(0.5) ? { space: this.#chance(0.8) ? "memory" : "partial", address: 0, strides: [8] } : null,
      scale: name === "quantize" ? { space: "memory", address: 0, element: "scale", strides: [0] } : null,
      parameters: {},
    });
    const activation = [
      ...(this.#chance(0.6) ? [stage(this.#chance(0.5) ? "tanh" : "relu", "f16")] : []),
      ...(this.#chance(0.6)
        ? [stage(this.#chance(0.5) ? "quantize" : "convert", this.#chance(0.5) ? "f16" : "i32")]
        : []),
    ];
    const destination = {
      space: "memory",
      address: 0,
      element: this.#chance(0.5) ? "i8" : "i64",
      strides: [8],
    } as const;
    return { ...vector("add", this.#random.integer(1, 100), 2), destination, activation };
  }

  /** Has a core that has sent what it sends come to a barrier, and then let three threads go on. */
  meet(core: Place): void {
    const { row, column } = core;
    this.add(core, "send", signal(token.sent + this.#index, row, column));
    this.add(core, "control", wait(token.sent + this.#index), { kind: "barrier" });
    for (const index of gatedThreads.keys())
      this.add(core, "control", signal(token.released + 10 * index + this.#index, row, column));
  }

  /** Has the cores of rows, of columns, or of the grid exchange weights. */
  exchange(): void {
    const { rows, columns } = this.#grid;
    const piece = this.#bytes(200);
    const shape = this.#random.integer(0, 2);
    for (let row = 0; row < rows; row += 1) {
      for (let column = 0; column < columns; column += 1) {
        const group =
          shape === 0
            ? cores(row, 0, 1, columns)
            : shape === 1
              ? cores(0, column, rows, 1)
              : cores(0, 0, rows, columns);
        const core = { row, column };
        this.add(core, "weights", stream(piece, group), signal(token.weights + this.#index, row, column));
        this.add(core, "matrix", wait(token.weights + this.#index), matmul(4, 16, 16));
      }
    }
  }

  #chance(probability: number): boolean {
    return this.#random.uniform() < probability;
  }

  #bytes(most: number): number {
    return this.#random.integer(0, this.#chance(0.5) ? most : 16);
  }

  #core(): Place {
    const { rows, columns } = this.#grid;
    return { row: this.#random.integer(0, rows - 1), column: this.#random.integer(0, columns - 1) };
  }

  #rectangle(): Rectangle {
    const { row, column } = this.#core();
    const { rows, columns } = this.#grid;
    return cores(row, column, this.#random.integer(1, rows - row), this.#random.integer(1, columns - column));
  }

  #arrive(to: Rectangle, except: Place | null = null): void {
    for (let row = to.row; row < to.row + to.rows; row += 1) {
      for (let column = to.column; column < to.column + to.columns; column += 1) {
        if (row === except?.row && column === except.column) continue;
        this.arrivals.set(`${row},${column}`, (this.arrivals.get(`${row},${column}`) ?? 0) + 1);
      }
    }
  }

  #sendData(core: Place): void {
    const bytes = this.#bytes(200);
    const number = token.arrived + this.#index;
    const io = core.column < 0;
    if (!io && this.#chance(0.4)) {
      const to = this.#rectangle();
      this.add(core, "send", multicast(bytes, to, number));
      this.#arrive(to, core);
      return;
    }
    const to = this.#core();
    if (!io && this.#chance(0.15)) {
      this.add(core, "send", move(bytes, to.row, -1, number, "to"));
      this.#arrive(cores(to.row, -1));
      return;
    }
    // In a loop, each turn to the next core of the row.
    const turns = this.#random.integer(1, this.#grid.columns - to.column);
    const body = [move(bytes, to.row, affine(to.column, 0, 0, 1), number, ...(io ? (["from"] as const) : []))];
    this.add(core, "send", { kind: "loop", count: turns, body });
    this.#arrive(cores(to.row, to.column, 1, turns));
  }
}

/**
 * A program of up to three steps on a grid in which everything happens at once: packets of all networks to anywhere,
 * exchanges, loops, threads that share units, io cores and the host; what has arrived in one step is waited for in the
 * next.
 */
export function randomTraffic(random: Random, rows: number, columns: number): Program {
  const steps: RandomStep[] = [];
  for (let index = 0; index < random.integer(1, 3); index += 1) {
    const made = new RandomStep(random, rows, columns, index);
    if (random.uniform() < 0.5) made.exchange();
    for (let row = 0; row < rows; row += 1) {
      for (let column = -1; column < columns; column += 1) {
        const core = { row, column };
        const before = steps.at(-1);
        if (random.uniform() < (column < 0 ? 0.4 : 0.8))
          made.fill(core, before?.arrivals.get(`${row},${column}`) ?? 0, before?.barrier ?? false);
        if (column < 0 && random.uniform() < 0.3) made.add(core, "host", { kind: "host.in", port: 0 });
        if (column < 0 && random.uniform() < 0.3) made.add(core, "host", { kind: "host.out", port: 0 });
        if (made.barrier) made.meet(core);
      }
    }
    steps.push(made);
  }
  return program(
    steps.map(({ queues }, index) =>
      step(
        `s${index}`,
        [...queues].map(([key, threads]) => {
          const [row, column] = key.split(",").map(Number) as [number, number];
          return onCores(cores(row, column), Object.fromEntries(threads));
        }),
      ),
    ),
    { target: { name: "mini", rows, columns }, inputs: [port("x", 300)], outputs: [port("y", 100)] },
  );
}
