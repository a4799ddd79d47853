// Where things stand in the record of a problem's costs: read by TypeScript and by AssemblyScript. Places are words of 4 bytes from
// the start of the record; addresses are those of lists of f64, or of tables of them, in the same memory.

export const variableCount = 0;
export const pairCount = 1;
/** Places of the tables: of variables, of pairs, and [variable] the pairs that it belongs to, one variable's after the other's. */
export const variablesPlace = 2;
export const pairsPlace = 3;
export const sidesPlace = 4;
/** Addresses: of room for as many costs as any variable has choices, twice, and of the total. */
export const roomAddress = 5;
export const totalAddress = 6;
export const recordWords = 7;

/** Of a variable: how many choices it has, addresses of what they cost and of their bounds, and the first and end of its pairs. */
export const choiceCount = 0;
export const ownAddress = 1;
export const choiceBoundsAddress = 2;
export const firstSide = 3;
export const endSide = 4;
export const variableWords = 5;

/**
 * Of a pair: its variables; addresses of its table, [left choice][right choice], of what has been moved from it to either of them, of
 * the least that is left with each of their choices, and of the bounds of its entries.
 */
export const leftVariable = 0;
export const rightVariable = 1;
export const tableAddress = 2;
export const toLeftAddress = 3;
export const toRightAddress = 4;
export const leastLeftAddress = 5;
export const leastRightAddress = 6;
export const entryBoundsAddress = 7;
export const pairWords = 8;
