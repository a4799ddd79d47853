import { z } from "zod";
import { BorealError, type Problem } from "../base/errors.ts";
import type { Instruction, SimpleInstruction } from "./instruction.ts";
import { formatRecord, ListingError, type ListingValue, parseRecord } from "./listing.ts";
import type {
  CoreClass,
  HostOperation,
  InitialToken,
  MemoryImage,
  Port,
  Program,
  ProgramBuffer,
  ProgramState,
  ProgramStep,
  ThreadName,
} from "./program.ts";
import { threadNames } from "./program.ts";
import { instructionSchemas, lineSchemas } from "./program-schema.ts";

type PlainRecord = { readonly [key: string]: ListingValue };

/** Prints a program as a `.basm` listing; `parseProgram` reads the same value back. */
export function printProgram(program: Program): string {
  const lines: string[] = [];
  const line = (indent: number, word: string, record: object): void => {
    lines.push(`${"  ".repeat(indent)}${word} ${formatRecord(record as PlainRecord)}`.trimEnd());
  };
  line(0, "program", { name: program.name, batchCount: program.batchCount });
  line(0, "target", program.target);
  if (program.sidecar !== null) line(0, "sidecar", program.sidecar);
  for (const port of program.inputs) line(0, "input", port);
  for (const port of program.outputs) line(0, "output", port);
  for (const operation of program.hostOperations) line(0, "hostOperation", operation);
  for (const state of program.states) line(0, "state", state);
  for (const token of program.initialTokens) line(0, "token", token);
  for (const image of program.images) line(0, "image", image);
  for (const buffer of program.buffers) line(0, "buffer", buffer);
  const instruction = (indent: number, item: Instruction): void => {
    if (item.kind === "loop") {
      line(indent, "loop", { count: item.count });
      for (const inner of item.body) instruction(indent + 1, inner);
      return;
    }
    const { kind, ...fields } = item;
    line(indent, kind, fields);
  };
  for (const step of program.steps) {
    const { classes, ...head } = step;
    line(0, "step", head);
    for (const entry of classes) {
      line(1, "class", entry.cores);
      for (const [thread, list] of Object.entries(entry.threads)) {
        lines.push(`    thread ${thread}`);
        for (const item of list) instruction(3, item);
      }
    }
  }
  return `${lines.join("\n")}\n`;
}

/** Reads a `.basm` listing. Throws B501 with line and column for everything that is wrong, all at once. */
export function parseProgram(text: string, file?: string): Program {
  return new ProgramParser(text, file).parse();
}

interface Line {
  readonly number: number;
  readonly indent: number;
  readonly word: string;
  readonly rest: string;
  readonly raw: string;
}

interface OpenStep {
  readonly head: Omit<ProgramStep, "classes">;
  readonly classes: { cores: CoreClass["cores"]; threads: Partial<Record<ThreadName, Instruction[]>> }[];
}

/** Reads line by line; problems are collected and the line that has one is left out. */
class ProgramParser {
  readonly #lines: readonly Line[];
  readonly #file: string | undefined;
  readonly #problems: Problem[] = [];

  constructor(text: string, file: string | undefined) {
    this.#file = file;
    this.#lines = text
      .split("\n")
      .map((raw, index) => {
        const trimmed = raw.trim();
        const [word = ""] = trimmed.split(" ", 1);
        return {
          number: index + 1,
          indent: raw.length - raw.trimStart().length,
          word,
          rest: trimmed.slice(word.length),
          raw,
        };
      })
      .filter(({ word }) => word !== "" && !word.startsWith("//"));
  }

  parse(): Program {
    let head: { name: string; batchCount: number } | null = null;
    let target: Program["target"] | null = null;
    let sidecar: Program["sidecar"] = null;
    const lists = {
      input: [] as Port[],
      output: [] as Port[],
      hostOperation: [] as HostOperation[],
      state: [] as ProgramState[],
      token: [] as InitialToken[],
      image: [] as MemoryImage[],
      buffer: [] as ProgramBuffer[],
    };
    const steps: OpenStep[] = [];
    let thread: Instruction[] | null = null;
    let loop: { indent: number; body: SimpleInstruction[] } | null = null;
    for (const line of this.#lines) {
      if (loop !== null && line.indent <= loop.indent) loop = null;
      const openClass = steps.at(-1)?.classes.at(-1);
      switch (line.word) {
        case "program":
          head = this.#read(line, lineSchemas.program);
          break;
        case "target":
          target = this.#read(line, lineSchemas.target);
          break;
        case "sidecar":
          sidecar = this.#read(line, lineSchemas.sidecar);
          break;
        case "input":
        case "output":
          push(lists[line.word], this.#read(line, lineSchemas.port));
          break;
        case "hostOperation":
          push(lists.hostOperation, this.#read(line, lineSchemas.hostOperation));
          break;
        case "state":
          push(lists.state, this.#read(line, lineSchemas.state));
          break;
        case "token":
          push(lists.token, this.#read(line, lineSchemas.token));
          break;
        case "image":
          push(lists.image, this.#read(line, lineSchemas.image));
          break;
        case "buffer":
          push(lists.buffer, this.#read(line, lineSchemas.buffer));
          break;
        case "step": {
          const step = this.#read(line, lineSchemas.step);
          // A step that is wrong still holds the lines after it, so that they are not complained of as well.
          steps.push({ head: step ?? unreadStep, classes: [] });
          thread = null;
          break;
        }
        case "class": {
          const cores = this.#read(line, lineSchemas.class);
          const step = steps.at(-1);
          if (step === undefined) this.#complain(line, 'Found "class" before any "step".');
          else step.classes.push({ cores: cores ?? noCores, threads: {} });
          thread = null;
          break;
        }
        case "thread": {
          const name = threadNames.find((candidate) => candidate === line.rest.trim());
          thread = [];
          if (openClass === undefined) this.#complain(line, 'Found "thread" before any "class".');
          else if (name === undefined) {
            this.#complain(line, `Found thread "${line.rest.trim()}", expected one of ${threadNames.join(", ")}.`);
          } else openClass.threads[name] = thread;
          break;
        }
        case "loop": {
          const counted = this.#read(line, lineSchemas.loop);
          if (loop !== null) this.#complain(line, "Loops do not nest.");
          else if (counted !== null && thread !== null) {
            loop = { indent: line.indent, body: [] };
            thread.push({ kind: "loop", count: counted.count, body: loop.body });
          }
          break;
        }
        default: {
          const instruction = this.#instruction(line);
          if (instruction === null) break;
          if (thread === null) this.#complain(line, `Found "${line.word}" outside a thread.`);
          else (loop?.body ?? thread).push(instruction);
        }
      }
    }
    if (head === null || target === null) {
      this.#problems.push({
        code: "B501",
        message: `Found no "${head === null ? "program" : "target"}" line, expected a .basm listing.`,
        at: this.#file === undefined ? {} : { file: this.#file },
      });
    }
    if (this.#problems.length > 0 || head === null || target === null) throw new BorealError(this.#problems);
    return {
      kind: "program",
      name: head.name,
      target,
      batchCount: head.batchCount,
      inputs: lists.input,
      outputs: lists.output,
      hostOperations: lists.hostOperation,
      states: lists.state,
      initialTokens: lists.token,
      images: lists.image,
      buffers: lists.buffer,
      sidecar,
      steps: steps.map((step) => ({ ...step.head, classes: step.classes })),
    };
  }

  #instruction(line: Line): SimpleInstruction | null {
    if (!(line.word in instructionSchemas)) {
      this.#complain(line, `Found "${line.word}", expected an instruction or a line of a listing.`);
      return null;
    }
    const schema: z.ZodType = instructionSchemas[line.word as keyof typeof instructionSchemas];
    return this.#read(line, schema, { kind: line.word }) as SimpleInstruction | null;
  }

  #read<T>(line: Line, schema: z.ZodType<T>, extra: PlainRecord = {}): T | null {
    try {
      const record = parseRecord(line.raw.trimEnd(), line.raw.indexOf(line.word) + line.word.length);
      const result = schema.safeParse({ ...extra, ...record });
      if (result.success) return result.data;
      this.#complain(
        line,
        `${line.word}: ${z.prettifyError(result.error).replaceAll(/\s+/g, " ").replaceAll("✖ ", "")}.`,
        columnOfField(line, result.error.issues[0]?.path[0]),
      );
    } catch (error) {
      if (!(error instanceof ListingError)) throw error;
      this.#complain(line, `${error.message}.`, error.column);
    }
    return null;
  }

  #complain(line: Line, message: string, column = line.indent + 1): void {
    const file = this.#file === undefined ? {} : { file: this.#file };
    this.#problems.push({ code: "B501", message, at: { ...file, line: line.number, column } });
  }
}

/** The column of a field of a line, or of the line's first word when it is not there. */
function columnOfField(line: Line, field: PropertyKey | undefined): number {
  const found = line.raw.indexOf(` ${String(field)}=`);
  return found < 0 ? line.indent + 1 : found + 2;
}

/** What stands in the place of a step or class that could not be read. */
const noCores: CoreClass["cores"] = { row: 0, column: 0, rows: 0, columns: 0 };
const unreadStep: OpenStep["head"] = { name: "", kind: "vector", origin: [], macCount: 0, macElement: null };

function push<T>(list: T[], item: T | null): void {
  if (item !== null) list.push(item);
}
