// The timing engine: runs the queues of a program in time. Each cycle that has events passes through phases: tokens arrive and
// threads run to their next instruction that takes time; those instructions start, in order of thread within a core; networks
// grant their links. The phases make the outcome independent of the order in which events are stored. docs/timing.md.
import {
  allDone,
  arrivalCause,
  barrierKind,
  barrierPassed,
  barrierThread,
  collective,
  collectiveCause,
  counterStampTable,
  counterTable,
  dueTable,
  hostKind,
  loopEndKind,
  loopKind,
  messageStrayed,
  portKind,
  previousCause,
  scheduled,
  segmentEndTable,
  segmentFirstTable,
  segmentStartsTable,
  sendKind,
  signalCause,
  signalKind,
  stamp,
  strayThread,
  streamKind,
  takesHostTime,
  threadsPerCore,
  threadStampTable,
  unitCause,
  unitKind,
  usesHost,
  waiting,
  waitKind,
} from "../../timing-layout";
import { advance, beginCalendar, nextDue, now, schedule } from "./calendar";
import {
  amounts,
  arrivalPorts,
  barrierCycles,
  codeEnd,
  columns,
  coreCount,
  cycles,
  fields,
  frameHoldCycles,
  holdCycles,
  hopCycles,
  includesSender,
  issueCycles,
  kinds,
  local,
  ports,
  rectangleColumns,
  rectangleRows,
  resources,
  rows,
  stepCount,
  steps,
  tokenCount,
  tokens,
} from "./code";
import {
  beginCollectives,
  beginTogether,
  endBarrier,
  exchangeEnd,
  finishExchange,
  nextAtBarrier,
  reachBarrier,
  reachExchange,
  startExchange,
} from "./collectives";
import { beginEvent, beginEvents, completeEvent, releaseEvent, settleEvent } from "./events";
import { allocate, allocateFilled, byteAt, floatAt, header, setHeader, setHeapEnd, setWordAt, wordAt } from "./memory";
import {
  arbitrate,
  areNetworksIdle,
  beginNetworks,
  deliverMessage,
  freeMessage,
  Message,
  networksDue,
  newMessage,
  sendMessage,
} from "./networks";
import {
  areUnitsFree,
  askPort,
  beginServers,
  holdServer,
  hostServer,
  portBegin,
  serverFree,
  serverHolder,
  unitServer,
} from "./servers";
import { beginStates } from "./states";
import { beginThreads, nextTurn, releaseThread, settleThread, Thread, threadAt } from "./threads";

/** Sends of one thread in one step are told apart below this number in a packet's priority. */
const sequenceLimit: f64 = 16777216;

// The simulation.
let host = false;
let isPaused = false;
let counters: usize = 0;
let threadStamps: usize = 0;
let counterStamps: usize = 0;
/** Threads that run on in this cycle. */
let runnable: usize = 0;
let runnableCount = 0;
/** Cores on which an instruction starts in this cycle, and the threads of each as bits. */
let startingCores: usize = 0;
let startingCoreCount = 0;
let startingThreads: usize = 0;
let startingHosts: usize = 0;
let startingHostCount = 0;

/** Begins a simulation; the other side fills in the counters. */
export function timingBegin(batches: i32, withHost: i32): void {
  setHeapEnd(codeEnd);
  host = withHost != 0;
  isPaused = false;
  const threads = coreCount * threadsPerCore;
  const counterCount = <usize>(coreCount * tokenCount);
  counters = allocateFilled(counterCount << 2);
  threadStamps = allocateFilled(<usize>threads << 2);
  counterStamps = allocateFilled(counterCount << 2);
  setHeader(counterTable, <i32>counters);
  setHeader(threadStampTable, <i32>threadStamps);
  setHeader(counterStampTable, <i32>counterStamps);
  setHeader(dueTable, <i32>allocate(<usize>threads << 4));
  setHeader(stamp, 1);
  setHeader(usesHost, 0);
  setHeader(takesHostTime, 0);
  setHeader(barrierThread, -1);
  setHeader(strayThread, -1);
  runnable = allocate(<usize>threads << 2);
  startingCores = allocate(<usize>coreCount << 2);
  startingThreads = allocateFilled(<usize>coreCount << 2);
  startingHosts = allocate(<usize>threads << 2);
  runnableCount = 0;
  startingCoreCount = 0;
  startingHostCount = 0;
  beginStates();
  beginServers(coreCount);
  const participants = beginThreads(
    coreCount,
    batches,
    <usize>header(segmentStartsTable),
    <usize>header(segmentFirstTable),
    <usize>header(segmentEndTable),
  );
  beginCollectives(threads, participants);
  const networkIds = beginNetworks(columns, coreCount, threads, hopCycles);
  beginCalendar(threads + networkIds);
  beginEvents(batches);
  for (let thread = 0; thread < threads; thread += 1) {
    if (threadAt(thread).standing == scheduled) runOn(thread);
  }
}

/** Goes on until nothing is left to happen, a barrier has been passed, or a message leaves the grid. */
export function timingRun(): i32 {
  while (true) {
    if (isPaused) isPaused = false;
    else {
      while (runnableCount > 0) {
        runnableCount -= 1;
        runThread(wordAt(runnable, runnableCount));
      }
      startInstructions();
      arbitrate();
      if (header(strayThread) >= 0) return messageStrayed;
      if (header(barrierThread) >= 0) {
        isPaused = true;
        return barrierPassed;
      }
    }
    setHeader(barrierThread, -1);
    let id = advance();
    if (id < 0) return allDone;
    const threads = coreCount * threadsPerCore;
    while (id >= 0) {
      const next = nextDue(id);
      if (id < threads) runOn(id);
      else networksDue(id);
      id = next;
    }
  }
}

/** Whether nothing is on its way and no unit held. */
export function timingIsIdle(): bool {
  return areNetworksIdle() && areUnitsFree(now);
}

/** The current cycle. */
export function timingNow(): f64 {
  return now;
}

export function packetInjected(event: i32, thread: i32, readEnd: f64, freeAt: f64): void {
  complete(threadAt(thread), thread, event, max(max(readEnd, freeAt), now + 1));
}

/** A packet begins to arrive at a core now; returns when its memory port will have written it. */
export function packetEjects(core: i32, portCycles: f64): f64 {
  return askPort(core, portCycles, now);
}

/** A message has arrived at a core now. */
export function packetArrived(core: i32, token: i32, event: i32): void {
  settleEvent(event, now);
  raise(core, token, event, arrivalCause);
}

function runOn(thread: i32): void {
  setWordAt(runnable, runnableCount, thread);
  runnableCount += 1;
}

/** Runs a thread through instructions that take no time up to one that does, or to a wait. */
function runThread(number: i32): void {
  const thread = threadAt(number);
  const core = number >> 3;
  setWordAt(threadStamps, number, header(stamp));
  for (;;) {
    if (!settleThread(thread, number)) return;
    const operation = thread.operation;
    switch (byteAt(kinds, operation)) {
      case waitKind:
        if (!takeToken(core, operation)) {
          thread.standing = waiting;
          return;
        }
        break;
      case signalKind: {
        if (byteAt(local, operation) == 0) {
          const destination = destinationOf(number, operation, thread.turn);
          if (destination != core) {
            if (destination >= 0) markStart(number);
            return;
          }
        }
        const kind = thread.causeKind;
        raise(core, wordAt(tokens, operation), thread.cause, kind == previousCause ? signalCause : kind);
        break;
      }
      case loopKind:
        thread.turn = 0;
        thread.turnsLeft = <i32>floatAt(cycles, operation);
        break;
      case loopEndKind:
        if (nextTurn(thread)) {
          thread.operation = wordAt(resources, operation);
          continue;
        }
        break;
      case barrierKind:
        meetAtBarrier(thread, number);
        return;
      case streamKind:
        meetInExchange(thread, number, operation);
        return;
      case hostKind:
        setHeader(usesHost, 1);
        if (host || floatAt(amounts, operation) == 1) {
          setHeader(takesHostTime, 1);
          setWordAt(startingHosts, startingHostCount, number);
          startingHostCount += 1;
          return;
        }
        passHost(thread, number);
        break;
      default:
        markStart(number);
        return;
    }
    thread.operation += 1;
  }
}

/** Lowers the counter that a wait waits for; false when it is too low. */
function takeToken(core: i32, operation: i32): bool {
  const counter = core * tokenCount + wordAt(tokens, operation);
  setWordAt(counterStamps, counter, header(stamp));
  const left = wordAt(counters, counter) - <i32>floatAt(amounts, operation);
  if (left < 0) return false;
  setWordAt(counters, counter, left);
  return true;
}

/** Raises a token now and lets threads that wait for it run on, the one that stands first first. */
function raise(core: i32, token: i32, event: i32, kind: i32): void {
  const counter = core * tokenCount + token;
  setWordAt(counters, counter, wordAt(counters, counter) + 1);
  setWordAt(counterStamps, counter, header(stamp));
  const first = core * threadsPerCore;
  for (let number = first; number < first + threadsPerCore; number += 1) {
    const thread = threadAt(number);
    if (thread.standing != waiting) continue;
    const operation = thread.operation;
    if (wordAt(tokens, operation) != token || !takeToken(core, operation)) continue;
    thread.operation += 1;
    thread.standing = scheduled;
    releaseThread(thread, event, kind);
    runOn(number);
  }
}

function markStart(thread: i32): void {
  const core = thread >> 3;
  const bits = wordAt(startingThreads, core);
  if (bits == 0) {
    setWordAt(startingCores, startingCoreCount, core);
    startingCoreCount += 1;
  }
  setWordAt(startingThreads, core, bits | (1 << (thread & 7)));
}

/** Makes the event of the instruction that a thread has come to. */
function enterEvent(thread: Thread, number: i32): i32 {
  const event = beginEvent(now, number, thread.operation, thread.batch, thread.turn, thread.cause, thread.causeKind);
  thread.event = event;
  return event;
}

/** Lets a thread go on after its instruction has completed at `end`. */
function complete(thread: Thread, number: i32, event: i32, end: f64): void {
  completeEvent(event, end);
  releaseThread(thread, event, previousCause);
  thread.operation += 1;
  thread.standing = scheduled;
  const time = end + issueCycles;
  if (time == now) runOn(number);
  else schedule(number, time);
}

function meetAtBarrier(thread: Thread, number: i32): void {
  const last = enterEvent(thread, number);
  thread.standing = collective;
  if (!reachBarrier(number)) return;
  endBarrier();
  const end = now + barrierCycles;
  // Where a barrier takes no time, threads have gone on by the end of the cycle.
  if (end + issueCycles > now) setHeader(barrierThread, number);
  for (let other = nextAtBarrier(0); other >= 0; other = nextAtBarrier(other + 1)) {
    const each = threadAt(other);
    if (each.event != last) releaseEvent(each.event, last, collectiveCause);
    complete(each, other, each.event, end);
  }
}

function meetInExchange(thread: Thread, number: i32, operation: i32): void {
  const named = destinationOf(number, operation, thread.turn);
  if (named < 0) return;
  const width = columns + 1;
  const core = number >> 3;
  const groupRows = wordAt(rectangleRows, operation);
  const groupColumns = wordAt(rectangleColumns, operation);
  // The rectangle that holds the core, of all that lie beside the one that is named.
  const row = corner(named / width, core / width, groupRows);
  const column = corner((named % width) - 1, (core % width) - 1, groupColumns);
  const exchange = reachExchange(number, row * width + column + 1, groupRows, groupColumns);
  thread.exchange = exchange;
  const last = enterEvent(thread, number);
  thread.standing = collective;
  if (exchange.threadCount < exchange.size) return;
  for (let index = 0; index < exchange.threadCount; index += 1) {
    const other = wordAt(exchange.threads, index);
    const event = threadAt(other).event;
    if (event != last) releaseEvent(event, last, collectiveCause);
    markStart(other);
  }
}

/** Where a stretch of `length` begins that holds `place`, of all that lie beside the one from `first` on. */
function corner(first: i32, place: i32, length: i32): i32 {
  const distance = place - first;
  const stretches = distance >= 0 ? distance / length : -((length - 1 - distance) / length);
  return first + stretches * length;
}

/** The core, or the corner of the rectangle, that an operation names in a turn of its loop; −1 when there is none. */
function destinationOf(thread: i32, operation: i32, turn: i32): i32 {
  const width = columns + 1;
  const core = thread >> 3;
  const row = <f64>(core / width);
  const column = <f64>((core % width) - 1);
  const terms = fields + (<usize>operation << 6);
  const toRow =
    load<f64>(terms) + load<f64>(terms, 8) * row + load<f64>(terms, 16) * column + load<f64>(terms, 24) * <f64>turn;
  const toColumn =
    load<f64>(terms, 32) + load<f64>(terms, 40) * row + load<f64>(terms, 48) * column + load<f64>(terms, 56) * <f64>turn;
  if (toRow < 0 || toRow >= <f64>rows || toColumn < -1 || toColumn >= <f64>columns) return stray(thread);
  return <i32>toRow * width + <i32>toColumn + 1;
}

/** A message of a thread leaves the grid. */
function stray(thread: i32): i32 {
  if (header(strayThread) < 0) setHeader(strayThread, thread);
  return -1;
}

/** On device: the data stand in the framebuffer already. */
function passHost(thread: Thread, number: i32): void {
  const event = enterEvent(thread, number);
  completeEvent(event, now);
  releaseThread(thread, event, previousCause);
}

function startInstructions(): void {
  for (let index = 0; index < startingCoreCount; index += 1) {
    const core = wordAt(startingCores, index);
    const bits = wordAt(startingThreads, core);
    setWordAt(startingThreads, core, 0);
    for (let place = 0; place < threadsPerCore; place += 1) {
      if ((bits & (1 << place)) != 0) start(core * threadsPerCore + place);
    }
  }
  startingCoreCount = 0;
  const count = startingHostCount;
  startingHostCount = 0;
  // In order of thread: the lowest that is left, one after the other.
  let least = -1;
  for (let done = 0; done < count; done += 1) {
    let number = i32.MAX_VALUE;
    for (let index = 0; index < count; index += 1) {
      const other = wordAt(startingHosts, index);
      if (other > least && other < number) number = other;
    }
    const operation = threadAt(number).operation;
    startOn(hostServer(wordAt(resources, operation)), number, operation);
    least = number;
  }
}

function start(number: i32): void {
  const thread = threadAt(number);
  const operation = thread.operation;
  switch (byteAt(kinds, operation)) {
    case unitKind:
      startOn(unitServer(number >> 3, wordAt(resources, operation)), number, operation);
      return;
    case portKind: {
      const event = enterEvent(thread, number);
      complete(thread, number, event, max(askPort(number >> 3, floatAt(ports, operation), now), now + 1));
      return;
    }
    case streamKind:
      startStream(thread, number, operation);
      return;
    case sendKind:
      startSend(thread, number, operation);
      return;
    default:
      startRemoteSignal(thread, number, operation);
  }
}

/** Starts an instruction that holds a unit or a direction of the host link, or has it come back when that is free. */
function startOn(server: i32, number: i32, operation: i32): void {
  const thread = threadAt(number);
  const free = serverFree(server);
  if (free > now) {
    releaseThread(thread, serverHolder(server), unitCause);
    schedule(number, free);
    return;
  }
  const event = enterEvent(thread, number);
  const portEnd = askPort(number >> 3, floatAt(ports, operation), now);
  const end = max(max(now + floatAt(cycles, operation), portEnd), now + 1);
  holdServer(server, event, end);
  complete(thread, number, event, end);
}

function startStream(thread: Thread, number: i32, operation: i32): void {
  const exchange = thread.exchange!;
  const core = number >> 3;
  exchange.end = max(max(exchange.end, askPort(core, floatAt(ports, operation), now)), now + 1);
  const width = columns + 1;
  if (!startExchange(exchange, core / width, core % width, portBegin)) return;
  const arrived = beginTogether(exchange)
    ? floatAt(exchange.begins, 0) + floatAt(cycles, operation)
    : exchangeEnd(exchange, floatAt(hopCycles, 3), floatAt(holdCycles, operation));
  const end = max(exchange.end, arrived);
  const count = exchange.threadCount;
  finishExchange(exchange);
  for (let index = 0; index < count; index += 1) {
    const other = wordAt(exchange.threads, index);
    const each = threadAt(other);
    complete(each, other, each.event, end);
  }
}

function startSend(thread: Thread, number: i32, operation: i32): void {
  const width = columns + 1;
  const core = number >> 3;
  const event = enterEvent(thread, number);
  const message = messageOf(thread, number, operation, event);
  if (message === null) return;
  const row = core / width;
  const column = (core % width) - 1;
  const isInside =
    row >= message.firstRow && row < message.endRow && column >= message.firstColumn && column < message.endColumn;
  const reachesSelf = isInside && byteAt(includesSender, operation) == 1;
  const receivers = (message.endRow - message.firstRow) * (message.endColumn - message.firstColumn);
  const selfPort = reachesSelf ? message.arrivalPort : 0;
  message.readEnd = askPort(core, floatAt(ports, operation) + selfPort, now);
  const readBegin = portBegin;
  const step = <f64>thread.batch * <f64>stepCount + <f64>wordAt(steps, operation);
  const threads = <f64>(coreCount * threadsPerCore);
  message.priority = (step * sequenceLimit + <f64>thread.sequence) * threads + <f64>number;
  thread.sequence += 1;
  const alone = max(message.readEnd, now + 1);
  const reachesOthers = receivers > <i32>isInside;
  // Both may hold the message: it is in use until the last has arrived.
  if (reachesSelf) deliverMessage(message, core, alone);
  if (reachesOthers) sendMessage(message, readBegin);
  else complete(thread, number, event, alone);
  if (message.flights == 0) freeMessage(message);
}

function startRemoteSignal(thread: Thread, number: i32, operation: i32): void {
  const event = enterEvent(thread, number);
  const message = messageOf(thread, number, operation, event);
  if (message === null) return;
  const width = columns + 1;
  const core = number >> 3;
  const row = core / width;
  const column = (core % width) - 1;
  // Between two io cores a signal goes through column 0.
  const detour = column < 0 && message.firstColumn < 0 ? 2 : 0;
  const hops = abs(row - message.firstRow) + abs(column - message.firstColumn) + detour;
  const destination = message.firstRow * width + message.firstColumn + 1;
  deliverMessage(message, destination, now + max(1, <f64>hops * floatAt(hopCycles, 1)));
  complete(thread, number, event, now + 1);
}

/** The message that an operation sends, less its times; null when it leaves the grid. */
function messageOf(thread: Thread, number: i32, operation: i32, event: i32): Message | null {
  const width = columns + 1;
  const named = destinationOf(number, operation, thread.turn);
  if (named < 0) return null;
  const firstRow = named / width;
  const firstColumn = (named % width) - 1;
  const endRow = firstRow + wordAt(rectangleRows, operation);
  const endColumn = firstColumn + wordAt(rectangleColumns, operation);
  if (endRow > rows || endColumn > columns) {
    stray(number);
    return null;
  }
  const core = number >> 3;
  const message = newMessage();
  const throughFrame = firstColumn < 0 || core % width == 0;
  message.priority = 0;
  message.bytes = floatAt(amounts, operation);
  message.holdCycles = floatAt(throughFrame ? frameHoldCycles : holdCycles, operation);
  message.arrivalPort = floatAt(arrivalPorts, operation);
  message.readEnd = 0;
  message.network = wordAt(resources, operation);
  message.core = core;
  message.thread = number;
  message.event = event;
  message.token = wordAt(tokens, operation);
  message.firstRow = firstRow;
  message.endRow = endRow;
  message.firstColumn = firstColumn;
  message.endColumn = endColumn;
  return message;
}
