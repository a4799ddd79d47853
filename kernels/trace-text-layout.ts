// Where things stand in the memory of the trace writer: read by TypeScript and by AssemblyScript. Words of 4 bytes from address 0
// on: the addresses of tables.

/** Columns of the events at hand: f64, then i32, the kind of cause u8. */
export const startTable = 0;
export const endTable = 1;
export const settledTable = 2;
export const threadTable = 3;
export const placeTable = 4;
export const batchTable = 5;
export const turnTable = 6;
export const causeTable = 7;
export const causeKindTable = 8;
/** Parts of the text: pairs of an address and a length, with `partSlack` bytes behind the last. */
export const partTable = 9;
/** Which part names the kind of a place, its step, and what released an event, i32. */
export const kindPartTable = 10;
export const stepPartTable = 11;
export const causePartTable = 12;
/** Where the text is written, with `partSlack` bytes behind it. */
export const textTable = 13;
export const headerWords = 14;

/** The parts that every event has. */
export const threadPart = 0;
export const startPart = 1;
export const durationPart = 2;
export const eventPart = 3;
export const turnPart = 4;
export const arrivalPart = 5;
export const endPart = 6;

/** Bytes behind a part that may be read, and behind the text that may be written. */
export const partSlack = 16;
/** Bytes of the longest number. */
export const numberBytes = 20;
export const numbersPerEvent = 9;
