import { z } from "zod";

/** The version of every machine-readable output; a field that changes its meaning raises it. */
export const schemaVersion = 2;

/** A whole number of things. */
export const countSchema = z.number().int().nonnegative();

/** A quantity, in the unit that its field's name ends in. */
export const amountSchema = z.number().nonnegative();

/** A SHA-256 in hexadecimal. */
export const sha256Schema = z.string().regex(/^[0-9a-f]{64}$/);
