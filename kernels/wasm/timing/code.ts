// The code of a program for the timing engine: tables with an entry for each operation, which the other side fills in, and costs that no
// operation has.
import {
  activeTable,
  amountTable,
  arrivalPortTable,
  cyclesTable,
  fieldsTable,
  frameHoldCyclesTable,
  headerWords,
  holdCyclesTable,
  includesSenderTable,
  kindTable,
  localTable,
  portTable,
  rectangleColumnsTable,
  rectangleRowsTable,
  resourceTable,
  segmentEndTable,
  segmentFirstTable,
  segmentStartsTable,
  stepTable,
  threadsPerCore,
  tokenTable,
} from "../../timing-layout";
import { allocate, allocateFilled, heapEnd, setFloatAt, setHeader, setHeapEnd } from "./memory";

// The grid, its costs, and the code.
export let rows = 0;
export let columns = 0;
export let coreCount = 0;
export let tokenCount = 0;
export let stepCount = 0;
export let operationCount = 0;
export let issueCycles: f64 = 0;
export let barrierCycles: f64 = 0;
/** By network, then that of weights. */
export let hopCycles: usize = 0;
export let codeEnd: usize = 0;
export let kinds: usize = 0;
export let cycles: usize = 0;
export let ports: usize = 0;
export let resources: usize = 0;
export let tokens: usize = 0;
export let amounts: usize = 0;
export let arrivalPorts: usize = 0;
export let fields: usize = 0;
export let rectangleRows: usize = 0;
export let rectangleColumns: usize = 0;
export let includesSender: usize = 0;
export let local: usize = 0;
export let steps: usize = 0;
export let holdCycles: usize = 0;
export let frameHoldCycles: usize = 0;
/** By thread: whether it had events in a simulation so far. */
export let active: usize = 0;

/** Makes room for the code of a program on a grid; the other side fills in the tables that the header then names. */
export function timingCode(gridRows: i32, gridColumns: i32, operations: i32, segments: i32, allTokens: i32, allSteps: i32): void {
  setHeapEnd(<usize>headerWords << 2);
  rows = gridRows;
  columns = gridColumns;
  coreCount = rows * (columns + 1);
  tokenCount = allTokens;
  stepCount = allSteps;
  operationCount = operations;
  kinds = codeTable(kindTable, operations);
  cycles = codeTable(cyclesTable, operations << 3);
  ports = codeTable(portTable, operations << 3);
  resources = codeTable(resourceTable, operations << 2);
  tokens = codeTable(tokenTable, operations << 2);
  amounts = codeTable(amountTable, operations << 3);
  arrivalPorts = codeTable(arrivalPortTable, operations << 3);
  fields = codeTable(fieldsTable, operations << 6);
  rectangleRows = codeTable(rectangleRowsTable, operations << 2);
  rectangleColumns = codeTable(rectangleColumnsTable, operations << 2);
  includesSender = codeTable(includesSenderTable, operations);
  local = codeTable(localTable, operations);
  steps = codeTable(stepTable, operations << 2);
  holdCycles = codeTable(holdCyclesTable, operations << 3);
  frameHoldCycles = codeTable(frameHoldCyclesTable, operations << 3);
  codeTable(segmentStartsTable, (coreCount * threadsPerCore + 1) << 2);
  codeTable(segmentFirstTable, segments << 2);
  codeTable(segmentEndTable, segments << 2);
  hopCycles = allocate(4 << 3);
  active = allocateFilled(<usize>(coreCount * threadsPerCore));
  setHeader(activeTable, <i32>active);
  codeEnd = heapEnd();
}

function codeTable(place: i32, bytes: i32): usize {
  const address = allocate(<usize>bytes);
  setHeader(place, <i32>address);
  return address;
}

/** Sets the costs that no operation has: hops of the activation, partial, instruction and weight network, issue and barrier. */
export function timingCosts(activation: f64, partial: f64, instruction: f64, model: f64, issue: f64, barrier: f64): void {
  setFloatAt(hopCycles, 0, activation);
  setFloatAt(hopCycles, 1, partial);
  setFloatAt(hopCycles, 2, instruction);
  setFloatAt(hopCycles, 3, model);
  issueCycles = issue;
  barrierCycles = barrier;
}
