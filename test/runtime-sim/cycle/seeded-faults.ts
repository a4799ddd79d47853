import { cpSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { EventSimulator } from "./comparison.ts";

/** A small mistake in the event-driven simulator: in a file of runtime-sim/timing, one text in the place of another. */
export interface SeededFault {
  readonly name: string;
  readonly file: string;
  readonly find: string;
  readonly replace: string;
}

/** Mistakes that the comparison with the slow machine must notice. */
export const seededFaults: readonly SeededFault[] = [
  {
    name: "the greatest priority goes first",
    file: "networks.ts",
    find: "(this.#flightPriority[right] as number) < (this.#flightPriority[left] as number)",
    replace: "(this.#flightPriority[right] as number) > (this.#flightPriority[left] as number)",
  },
  {
    name: "priority forgets the step",
    file: "engine.ts",
    find: "(step * sequenceLimit + sequence) * count + thread",
    replace: "sequence * count + thread",
  },
  {
    name: "priority forgets the sequence",
    file: "engine.ts",
    find: "(step * sequenceLimit + sequence) * count + thread",
    replace: "step * count + thread",
  },
  {
    name: "the highest core goes first among equals",
    file: "engine.ts",
    find: "(step * sequenceLimit + sequence) * count + thread",
    replace: "(step * sequenceLimit + sequence) * count + (count - thread)",
  },
  {
    name: "a hop takes a cycle more",
    file: "networks.ts",
    find: "now + (this.#hopCycles[network] as number)",
    replace: "now + 1 + (this.#hopCycles[network] as number)",
  },
  {
    name: "a packet leaves its own router a cycle late",
    file: "networks.ts",
    find: "this.#fanOut(message, core, inject, now)",
    replace: "this.#fanOut(message, core, inject, now + 1)",
  },
  {
    name: "ports and links are held a cycle longer",
    file: "networks.ts",
    find: "const freeAt = now + holdCycles;",
    replace: "const freeAt = now + holdCycles + 1;",
  },
  {
    name: "a router's queue takes in one packet; others come back a cycle later",
    file: "networks.ts",
    find: "    if (resource >= 0) {\n      this.#enqueue(flight, resource);",
    replace:
      "    if (resource >= 0 && (this.#waiting[resource] as number) >= 0) {\n      this.#calendar.schedule(id, this.#calendar.now + 1);\n      return;\n    }\n    if (resource >= 0) {\n      this.#enqueue(flight, resource);",
  },
  {
    name: "links are granted before inject ports",
    file: "networks.ts",
    find: "[this.#touchedInjects, this.#touchedLinks]",
    replace: "[this.#touchedLinks, this.#touchedInjects]",
  },
  {
    name: "arrival does not wait for the destination's memory port",
    file: "networks.ts",
    find: "Math.max(freeAt, written)",
    replace: "freeAt",
  },
  {
    name: "the memory port serves all at once",
    file: "servers.ts",
    find: "this.portBegin = Math.max(now, this.#portFreeAt[core] as number);",
    replace: "this.portBegin = now;",
  },
  {
    name: "a packet is injected before its bytes are read",
    file: "engine.ts",
    find: "this.#networks.send(message, readBegin)",
    replace: "this.#networks.send(message, now)",
  },
  {
    name: "a sender goes on before its bytes are read",
    file: "engine.ts",
    find: "Math.max(readEnd, freeAt, this.#calendar.now + 1)",
    replace: "freeAt",
  },
  {
    name: "the next instruction is issued at once",
    file: "engine.ts",
    find: "const time = end + this.#issueCycles;",
    replace: "const time = end;",
  },
  {
    name: "instructions of a cycle start with the last thread",
    file: "engine.ts",
    find: "if ((bits & (1 << local)) !== 0) this.#start(core * threadsPerCore + local);",
    replace: "if ((bits & (128 >> local)) !== 0) this.#start(core * threadsPerCore + 7 - local);",
  },
  {
    name: "an exchange forgets its hops",
    file: "collectives.ts",
    find: "(begins[from] as number) + hops * hopCycles",
    replace: "(begins[from] as number)",
  },
  {
    name: "an exchange of cores that begin together takes a cycle more",
    file: "engine.ts",
    find: "(begins[0] as number) + (cycles[operation] as number)",
    replace: "(begins[0] as number) + 1 + (cycles[operation] as number)",
  },
  {
    name: "the barrier releases a cycle late",
    file: "engine.ts",
    find: "this.#calendar.now + this.#target.synchronization.barrierCycles",
    replace: "this.#calendar.now + 1 + this.#target.synchronization.barrierCycles",
  },
  {
    name: "signals fly over the activation network",
    file: "engine.ts",
    find: "hops * this.#target.networks.partial.hopCycles",
    replace: "hops * this.#target.networks.activation.hopCycles",
  },
  {
    name: "an exchange begins with the first of its cores",
    file: "engine.ts",
    find: "exchange.begins.push(this.#servers.portBegin);",
    replace: "exchange.begins.push(now);",
  },
  {
    name: "a unit takes in the next instruction while one runs",
    file: "servers.ts",
    find: "this.#freeAt[server] = end;",
    replace: "this.#freeAt[server] = 0;",
  },
  {
    name: "what a stage keeps passes no memory port",
    file: "work.ts",
    find: "if (kept !== null) write(",
    replace: "if (kept !== null && counts.length > 9) write(",
  },
  {
    name: "a stage's result takes no lanes",
    file: "work.ts",
    find: '[...operands, results[index] ?? "scale"]',
    replace: "operands",
  },
];

const project = fileURLToPath(new URL("../../../", import.meta.url));

/** Runs a body with the event-driven simulator as it would be with a fault. Throws when the fault's text is not in its file. */
export async function withFault<T>(fault: SeededFault, body: (events: EventSimulator) => T): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), "boreal-fault-"));
  try {
    cpSync(join(project, "runtime-sim/timing"), folder, { recursive: true });
    for (const name of readdirSync(folder)) {
      const path = join(folder, name);
      let text = readFileSync(path, "utf8");
      if (name === fault.file) {
        if (text.split(fault.find).length !== 2)
          throw new Error(`"${fault.name}": the text to replace does not stand once in ${name}; adapt the fault.`);
        text = text.replace(fault.find, () => fault.replace);
      }
      const outside = text
        .replaceAll('from "../../', `from "${pathToFileURL(project).href}`)
        .replaceAll('from "../', `from "${pathToFileURL(join(project, "runtime-sim")).href}/`);
      writeFileSync(path, outside);
    }
    const { simulateTiming } = (await import(pathToFileURL(join(folder, "simulate.ts")).href)) as {
      simulateTiming: EventSimulator;
    };
    return body(simulateTiming);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
