// The memory ports, units and host link: what instructions hold for a time.
import { portFreeTable } from "../../timing-layout";
import { allocateFilled, floatAt, setFloatAt, setHeader, setWordAt, wordAt } from "./memory";

/** Two directions of the host link, and the host. */
const hostServers = 3;

/** Begin of the service that `askPort` granted last. */
export let portBegin: f64 = 0;
let portFree: usize = 0;
/** When each unit (core × 2 + unit) and, behind them, each direction of the host link and the host is free, and who holds it. */
let unitFree: usize = 0;
let holders: usize = 0;
let hostBase = 0;

export function beginServers(cores: i32): void {
  hostBase = 2 * cores;
  portFree = allocateFilled(<usize>cores << 3);
  unitFree = allocateFilled(<usize>(hostBase + hostServers) << 3);
  holders = allocateFilled(<usize>(hostBase + hostServers) << 2);
  setHeader(portFreeTable, <i32>portFree);
}

/** Asks now for cycles of a core's memory port, first come, first served; returns when they are over. */
export function askPort(core: i32, cycles: f64, now: f64): f64 {
  portBegin = now;
  if (cycles == 0) return now;
  portBegin = max(now, floatAt(portFree, core));
  const end = portBegin + cycles;
  setFloatAt(portFree, core, end);
  return end;
}

/** Whether no unit of any core is held; the host and its link apart. */
export function areUnitsFree(now: f64): bool {
  for (let unit = 0; unit < hostBase; unit += 1) if (floatAt(unitFree, unit) > now) return false;
  return true;
}

/** The number of a core's unit. */
export function unitServer(core: i32, unit: i32): i32 {
  return core * 2 + unit;
}

/** The number of a direction of the host link, or of the host. */
export function hostServer(server: i32): i32 {
  return hostBase + server;
}

/** When a unit or host direction is free. */
export function serverFree(server: i32): f64 {
  return floatAt(unitFree, server);
}

/** The event that held a unit or host direction last. */
export function serverHolder(server: i32): i32 {
  return wordAt(holders, server);
}

/** An event holds a unit or host direction until `end`. */
export function holdServer(server: i32, event: i32, end: f64): void {
  setFloatAt(unitFree, server, end);
  setWordAt(holders, server, event);
}
