import { setFlagsFromString } from "node:v8";
import { z } from "zod";

/**
 * Bytes of bytecode that a function runs through before the engine thinks of optimizing it, instead of its 67,584. A
 * command is over in seconds: most functions that become hot at the lower limit do not live long enough to pay for it
 * (a seventh of the processor time of `npm run bench:resnet50`); those of long runs reach this one in no time.
 */
const interruptBudget = 1_000_000;

setFlagsFromString(`--interrupt-budget=${interruptBudget}`);

// Schemas check without code of their own: a command checks a few files, and to make that code takes longer (0.05 s of a run).
z.config({ jitless: true });
