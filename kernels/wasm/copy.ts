// Moves and fills over the first loop nest: operand 0 is the destination, 1 the source.
import { firstLoops } from "../layout";
import { advance, count, rank, seek, step, stride } from "./loops";

function copyRow<T>(n: i32, d: usize, sd: i32, a: usize, sa: i32): void {
  for (let i = 0; i < n; i += 1) {
    store<T>(d, load<T>(a));
    d += sd;
    a += sa;
  }
}

/** Copies elements of `bytes` (1, 2, 4 or 8). */
export function copy(scratch: usize, bytes: i32, d: usize, a: usize): void {
  const loops = scratch + firstLoops;
  const outer = rank(loops) - 1;
  const n = count(loops, outer);
  const sd = stride(loops, 0, outer);
  const sa = stride(loops, 1, outer);
  const run = sd == bytes && sa == bytes && n * bytes >= 32;
  seek(loops, outer, 0);
  for (;;) {
    if (run) memory.copy(d, a, n * bytes);
    else if (bytes == 1) copyRow<u8>(n, d, sd, a, sa);
    else if (bytes == 2) copyRow<u16>(n, d, sd, a, sa);
    else if (bytes == 4) copyRow<u32>(n, d, sd, a, sa);
    else copyRow<u64>(n, d, sd, a, sa);
    const axis = advance(loops, outer);
    if (axis < 0) return;
    d += step(loops, 0, axis, outer);
    a += step(loops, 1, axis, outer);
  }
}

function fillRow<T>(n: i32, d: usize, sd: i32, bits: T): void {
  for (let i = 0; i < n; i += 1) {
    store<T>(d, bits);
    d += sd;
  }
}

/** Stores the low `bytes` (1, 2 or 4) of `bits` everywhere. */
export function fill(scratch: usize, bytes: i32, d: usize, bits: i32): void {
  const loops = scratch + firstLoops;
  const outer = rank(loops) - 1;
  const n = count(loops, outer);
  const sd = stride(loops, 0, outer);
  seek(loops, outer, 0);
  for (;;) {
    if (bytes == 1 && sd == 1) memory.fill(d, <u8>bits, n);
    else if (bytes == 1) fillRow<u8>(n, d, sd, <u8>bits);
    else if (bytes == 2) fillRow<u16>(n, d, sd, <u16>bits);
    else fillRow<u32>(n, d, sd, <u32>bits);
    const axis = advance(loops, outer);
    if (axis < 0) return;
    d += step(loops, 0, axis, outer);
  }
}
