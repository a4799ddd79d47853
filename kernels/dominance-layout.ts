// Where things stand in the record of a variable's choices: read by TypeScript and by AssemblyScript. Words of 4 bytes; addresses are
// those of lists of words, or of tables of f64, in the same memory.

/** The cost of each choice, the choices that are looked at, how many, and the number of pair costs. */
export const costsAddress = 0;
export const choicesAddress = 1;
export const choiceCount = 2;
export const sideCount = 3;
/** Where the pair costs begin, each of so many words. */
export const firstSide = 4;
export const sideWords = 7;

/** Of a pair cost: its table, how far a choice and one of the other variable move in it, and the choices of that that are looked at. */
export const sideTable = 0;
export const ownStep = 1;
export const otherStep = 2;
export const othersAddress = 3;
export const otherCount = 4;
/** Room for [choice][other's choice], and the column that was the worst before. */
export const rowsAddress = 5;
export const worstColumn = 6;
