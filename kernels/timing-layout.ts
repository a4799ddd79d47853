// Where things stand in the memory of the timing engine, and what its numbers mean: read by TypeScript and by AssemblyScript.

/** Words of 4 bytes from address 0 on: addresses of tables, and numbers that both sides read. Code, by operation. */
export const kindTable = 0;
export const cyclesTable = 1;
export const portTable = 2;
export const resourceTable = 3;
export const tokenTable = 4;
export const amountTable = 5;
export const arrivalPortTable = 6;
/** [operations × 8]: base, row, column and turn terms of a row, then of a column. */
export const fieldsTable = 7;
export const rectangleRowsTable = 8;
export const rectangleColumnsTable = 9;
export const includesSenderTable = 10;
export const localTable = 11;
export const stepTable = 12;
/** Cycles that a packet holds links between cores of the grid, and from or to io cores. */
export const holdCyclesTable = 13;
export const frameHoldCyclesTable = 14;
/** [threads + 1], [segments], [segments]. */
export const segmentStartsTable = 15;
export const segmentFirstTable = 16;
export const segmentEndTable = 17;
/** Of a simulation: [threads][fields]. */
export const threadTable = 18;
/** [cores × tokens]. */
export const counterTable = 19;
/** By core, f64: when its memory port is free. */
export const portFreeTable = 20;
/** By network and core, f64: cycles for which its six resources were held. */
export const busyTable = 21;
/** By network, f64. */
export const byteHopsTable = 22;
/** By thread and by counter: the number of the stretch that touched it last. */
export const threadStampTable = 23;
export const counterStampTable = 24;
/** [threads][thread, delay] f64: who stands in the calendar. */
export const dueTable = 25;
/** Columns of the events that stand in the memory. */
export const eventStartTable = 26;
export const eventEndTable = 27;
export const eventSettledTable = 28;
export const eventThreadTable = 29;
export const eventPlaceTable = 30;
export const eventBatchTable = 31;
export const eventTurnTable = 32;
export const eventCauseTable = 33;
export const eventCauseKindTable = 34;
/** The event that stands first in them, and how many there are so far, those before it included. */
export const firstEvent = 35;
export const eventCount = 36;
/** The number of the stretch that is observed; whether it has come to a host instruction, and to one that takes time. */
export const stamp = 37;
export const usesHost = 38;
export const takesHostTime = 39;
/** The thread that completed a barrier in this cycle, and the one whose message leaves the grid; −1 for none. */
export const barrierThread = 40;
export const strayThread = 41;
/** How many of those in the calendar come out in the next cycles, in order, and how many later, behind them. */
export const nearDue = 42;
export const farDue = 43;
/** The state that was saved last, those at the start and at the end of a stretch, and how many bytes each has. */
export const stateTable = 44;
export const startStateTable = 45;
export const endStateTable = 46;
export const stateBytes = 47;
/** By thread, then by counter, a byte: whether a stretch touched it; and how many bytes that are, a multiple of 8. */
export const touchedTable = 48;
export const markBytes = 49;
/** The last batch of which a thread that was touched has done something, and whether one finished. */
export const lastBatch = 50;
export const finishes = 51;
/** [batches × steps] i32: of the events that stand in the memory, the one of each that settled last, by its place; −1 for none. */
export const lastEventTable = 52;
/** Pairs of batch × operations + operation and of how many of these events are its, and how many pairs there are. */
export const executionTable = 53;
export const executionCount = 54;
/** By thread, a byte: whether it had events in a simulation so far. */
export const activeTable = 55;
export const headerWords = 56;

/** Fields of a thread, words; the first ones are its state. */
export const standingField = 0;
export const operationField = 1;
export const segmentField = 2;
export const batchField = 3;
export const turnField = 4;
export const turnsLeftField = 5;
export const sequenceField = 6;
export const causeField = 7;
export const causeKindField = 8;
export const stateFields = 9;
export const threadWords = 12;

/** How a thread stands: it has an entry in the calendar, or waits for a token, or for other cores, or is done. */
export const scheduled = 0;
export const waiting = 1;
export const collective = 2;
export const finished = 3;

/** How the engine treats an operation. */
export const waitKind = 0;
export const signalKind = 1;
export const loopKind = 2;
export const loopEndKind = 3;
export const barrierKind = 4;
export const streamKind = 5;
export const unitKind = 6;
export const portKind = 7;
export const sendKind = 8;
export const hostKind = 9;

/** What released an event. */
export const startCause = 0;
export const previousCause = 1;
export const signalCause = 2;
export const arrivalCause = 3;
export const collectiveCause = 4;
export const unitCause = 5;

/** Why a simulation pauses. */
export const allDone = 0;
export const barrierPassed = 1;
export const messageStrayed = 2;

/** Threads of a core, resources of a core in each network, and networks that carry packets. */
export const threadsPerCore = 8;
export const resourcesPerCore = 6;
export const networkCount = 3;
