/** Bytes of a page of WebAssembly memory. */
export const pageBytes = 65536;

/** Pages that a memory may have. */
const mostPages = 65536;

/**
 * Makes a memory so many bytes large, and at least twice as large as it was while there is room for that; says whether it grew, which
 * makes views of it stale. Throws RangeError when the memory cannot be had.
 */
export function growTo(memory: WebAssembly.Memory, bytes: number): boolean {
  const pages = memory.buffer.byteLength / pageBytes;
  const missing = Math.ceil(bytes / pageBytes) - pages;
  if (missing <= 0) return false;
  memory.grow(Math.max(missing, Math.min(pages, mostPages - pages)));
  return true;
}
