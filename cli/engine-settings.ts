import { setFlagsFromString } from "node:v8";

/**
 * Bytes of bytecode that a function runs through before the engine thinks of optimizing it, instead of its 67,584. A
 * command is over in seconds: most functions that become hot at the lower limit do not live long enough to pay for it
 * (a seventh of the processor time of `npm run bench:resnet50`); those of long runs reach this one in no time.
 */
const interruptBudget = 1_000_000;

/**
 * Bytes of bytecode of a function that is inlined, instead of 460, and of all that are inlined into one, instead of 920: what
 * is optimized is optimized sooner (4 % of the same benchmark), and long runs lose nothing.
 */
const [inlinedBytes, inlinedBytesInAll] = [200, 300] as const;

setFlagsFromString(`--interrupt-budget=${interruptBudget}`);
setFlagsFromString(`--max-inlined-bytecode-size=${inlinedBytes}`);
setFlagsFromString(`--max-inlined-bytecode-size-cumulative=${inlinedBytesInAll}`);
