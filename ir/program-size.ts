import type { Instruction } from "./instruction.ts";

/** Bytes of an operation code with its flags, and of each operand field. */
const wordBytes = 4;

/**
 * Bytes that an instruction takes in a program: a word for the operation, a word for each number, and one more for each
 * step of an affine field that is not zero. Texts (element types, spaces, functions) are part of the operation word. A loop
 * takes a word for the operation, one for the count, and the bytes of its body.
 */
export function encodedBytes(instruction: Instruction): number {
  if (instruction.kind === "loop") return 2 * wordBytes + programBytes(instruction.body);
  return wordBytes * (1 + words(instruction));
}

/** Bytes of a list of instructions. */
export function programBytes(instructions: readonly Instruction[]): number {
  return instructions.reduce((bytes, instruction) => bytes + encodedBytes(instruction), 0);
}

function words(value: unknown): number {
  if (typeof value === "number") return 1;
  if (typeof value !== "object" || value === null) return 0;
  let count = 0;
  if (Array.isArray(value)) {
    for (let index = 0; index < value.length; index += 1) count += words(value[index]);
    return count;
  }
  const record = value as { readonly [key: string]: unknown };
  const isAffine = "base" in record && "turn" in record;
  for (const key in record) count += isAffine ? Number(key === "base" || record[key] !== 0) : words(record[key]);
  return count;
}
