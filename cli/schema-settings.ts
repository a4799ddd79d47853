import { z } from "zod";

// Schemas check without code of their own: a command checks a few files, and to make that code takes longer (0.05 s of a run).
z.config({ jitless: true });
