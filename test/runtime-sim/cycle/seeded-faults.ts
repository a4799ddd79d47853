import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import asc from "assemblyscript/asc";
import type { EventSimulator } from "./comparison.ts";

/** A small mistake in the event-driven simulator: in a file of its engine or beside it, one text in the place of another. */
export interface SeededFault {
  readonly name: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

const engine = "kernels/wasm/timing";

/** Mistakes that the comparison with the slow machine must notice. */
export const seededFaults: readonly SeededFault[] = [
  {
    name: "the greatest priority goes first",
    file: `${engine}/networks.ts`,
    find: "rightFlight.priority < leftFlight.priority",
    replace: "rightFlight.priority > leftFlight.priority",
  },
  {
    name: "priority forgets the step",
    file: `${engine}/engine.ts`,
    find: "(step * sequenceLimit + <f64>thread.sequence) * threads + <f64>number",
    replace: "<f64>thread.sequence * threads + <f64>number",
  },
  {
    name: "priority forgets the sequence",
    file: `${engine}/engine.ts`,
    find: "(step * sequenceLimit + <f64>thread.sequence) * threads + <f64>number",
    replace: "step * threads + <f64>number",
  },
  {
    name: "the highest core goes first among equals",
    file: `${engine}/engine.ts`,
    find: "(step * sequenceLimit + <f64>thread.sequence) * threads + <f64>number",
    replace: "(step * sequenceLimit + <f64>thread.sequence) * threads + (threads - <f64>number)",
  },
  {
    name: "a hop takes a cycle more",
    file: `${engine}/networks.ts`,
    find: "now + floatAt(hopCycles, network)",
    replace: "now + 1 + floatAt(hopCycles, network)",
  },
  {
    name: "a packet leaves its own router a cycle late",
    file: `${engine}/networks.ts`,
    find: "fanOut(message, core, inject, now)",
    replace: "fanOut(message, core, inject, now + 1)",
  },
  {
    name: "ports and links are held a cycle longer",
    file: `${engine}/networks.ts`,
    find: "const end = now + message.holdCycles;",
    replace: "const end = now + message.holdCycles + 1;",
  },
  {
    name: "a router's queue takes in one packet; others come back a cycle later",
    file: `${engine}/networks.ts`,
    find: "  if (resource >= 0) {\n    enqueue(flight, resource);",
    replace:
      "  if (resource >= 0 && wordAt(waitingFor, resource) >= 0) {\n    schedule(id, now + 1);\n    return;\n  }\n  if (resource >= 0) {\n    enqueue(flight, resource);",
  },
  {
    name: "links are granted before inject ports",
    file: `${engine}/networks.ts`,
    find: "export function arbitrate(): void {\n",
    replace:
      "export function arbitrate(): void {\n  for (let index = 0; index < linkCount; index += 1) grant(wordAt(links, index));\n  linkCount = 0;\n",
  },
  {
    name: "arrival does not wait for the destination's memory port",
    file: `${engine}/networks.ts`,
    find: "max(now + message.holdCycles, written)",
    replace: "now + message.holdCycles",
  },
  {
    name: "the memory port serves all at once",
    file: `${engine}/servers.ts`,
    find: "portBegin = max(now, floatAt(portFree, core));",
    replace: "portBegin = now;",
  },
  {
    name: "a packet is injected before its bytes are read",
    file: `${engine}/engine.ts`,
    find: "sendMessage(message, readBegin)",
    replace: "sendMessage(message, now)",
  },
  {
    name: "a sender goes on before its bytes are read",
    file: `${engine}/engine.ts`,
    find: "max(max(readEnd, freeAt), now + 1)",
    replace: "freeAt",
  },
  {
    name: "the next instruction is issued at once",
    file: `${engine}/engine.ts`,
    find: "const time = end + issueCycles;",
    replace: "const time = end;",
  },
  {
    name: "instructions of a cycle start with the last thread",
    file: `${engine}/engine.ts`,
    find: "if ((bits & (1 << place)) != 0) start(core * threadsPerCore + place);",
    replace: "if ((bits & (128 >> place)) != 0) start(core * threadsPerCore + 7 - place);",
  },
  {
    name: "an exchange forgets its hops",
    file: `${engine}/collectives.ts`,
    find: "floatAt(exchange.begins, from) + <f64>hops * hopCycles",
    replace: "floatAt(exchange.begins, from)",
  },
  {
    name: "an exchange of cores that begin together takes a cycle more",
    file: `${engine}/engine.ts`,
    find: "floatAt(exchange.begins, 0) + floatAt(cycles, operation)",
    replace: "floatAt(exchange.begins, 0) + 1 + floatAt(cycles, operation)",
  },
  {
    name: "the barrier releases a cycle late",
    file: `${engine}/engine.ts`,
    find: "now + barrierCycles",
    replace: "now + 1 + barrierCycles",
  },
  {
    name: "signals fly over the activation network",
    file: `${engine}/engine.ts`,
    find: "<f64>hops * floatAt(hopCycles, 1)",
    replace: "<f64>hops * floatAt(hopCycles, 0)",
  },
  {
    name: "an exchange begins with the first of its cores",
    file: `${engine}/engine.ts`,
    find: "startExchange(exchange, core / width, core % width, portBegin)",
    replace: "startExchange(exchange, core / width, core % width, now)",
  },
  {
    name: "a unit takes in the next instruction while one runs",
    file: `${engine}/servers.ts`,
    find: "setFloatAt(unitFree, server, end);",
    replace: "setFloatAt(unitFree, server, 0);",
  },
  {
    name: "what a stage keeps passes no memory port",
    file: "runtime-sim/timing/work.ts",
    find: "if (kept !== null) write(",
    replace: "if (kept !== null && counts.length > 9) write(",
  },
  {
    name: "a stage's result takes no lanes",
    file: "runtime-sim/timing/work.ts",
    find: '[...operands, results[index] ?? "scale"]',
    replace: "operands",
  },
];

const project = fileURLToPath(new URL("../../../", import.meta.url));

/** A file of the project as it would be with a fault. Throws when the fault's text does not stand in its file once. */
function faulty(path: string, fault: SeededFault): string {
  const text = readFileSync(join(project, path), "utf8");
  if (path !== fault.file) return text;
  if (text.split(fault.find).length !== 2)
    throw new Error(`"${fault.name}": the text to replace does not stand once in ${path}; adapt the fault.`);
  return text.replace(fault.find, () => fault.replace);
}

/** The engine, compiled with a fault. */
async function faultyEngine(fault: SeededFault): Promise<Uint8Array> {
  const binaries: Uint8Array[] = [];
  const { error, stderr } = await asc.main(
    [
      `${engine}/index.ts`,
      "-O0",
      "--runtime",
      "stub",
      "--importMemory",
      "--noAssert",
      "--enable",
      "bulk-memory",
      "-o",
      "engine.wasm",
    ],
    {
      readFile: (path) => (path.startsWith("kernels/") && existsSync(join(project, path)) ? faulty(path, fault) : null),
      writeFile: (_, contents) => {
        binaries.push(contents as Uint8Array);
      },
      listFiles: () => [],
    },
  );
  if (error !== null || binaries[0] === undefined) throw new Error(`"${fault.name}": ${stderr.toString()}`);
  return binaries[0];
}

/** Runs a body with the event-driven simulator as it would be with a fault. Throws when the fault's text is not in its file. */
export async function withFault<T>(fault: SeededFault, body: (events: EventSimulator) => T): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "boreal-fault-"));
  try {
    writeFileSync(join(folder, "engine.wasm"), await faultyEngine(fault));
    for (const name of readdirSync(join(project, "runtime-sim/timing"))) {
      const outside = faulty(`runtime-sim/timing/${name}`, fault)
        .replaceAll("compileKernels()", `new WebAssembly.Module(readFileSync("${join(folder, "engine.wasm")}"))`)
        .replaceAll('from "../../', `from "${pathToFileURL(project).href}`)
        .replaceAll('from "../', `from "${pathToFileURL(join(project, "runtime-sim")).href}/`);
      writeFileSync(join(folder, name), `import { readFileSync } from "node:fs";\n${outside}`);
    }
    const { simulateTiming } = (await import(pathToFileURL(join(folder, "simulate.ts")).href)) as {
      simulateTiming: EventSimulator;
    };
    return body(simulateTiming);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
