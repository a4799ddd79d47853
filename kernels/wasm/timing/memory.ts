// The memory of a simulation: tables one after the other; what grows moves to its end.

let end: usize = 0;

/** Where the next table will stand. */
export function heapEnd(): usize {
  return end;
}

/** Gives up all tables from an address on. */
export function setHeapEnd(address: usize): void {
  end = address;
}

/** Doubles the memory at least, where that can be had: each time it grows the engine counts all of it as new, and collects garbage. */
function grow(missing: i32): void {
  if (missing < memory.size() && memory.grow(memory.size()) >= 0) return;
  if (memory.grow(missing) < 0) unreachable();
}

/** Room for so many bytes, 8-byte aligned, of any content. */
export function allocate(bytes: usize): usize {
  const address = end;
  end = (end + bytes + 7) & ~7;
  const missing = <i32>((end + 0xffff) >> 16) - memory.size();
  if (missing > 0) grow(missing);
  return address;
}

/** Room for so many bytes of the same value. */
export function allocateFilled(bytes: usize, value: u8 = 0): usize {
  const address = allocate(bytes);
  memory.fill(address, value, bytes);
  return address;
}

/** Room for so many bytes that begins with what stood in a table. */
export function grown(old: usize, oldBytes: usize, bytes: usize): usize {
  const address = allocate(bytes);
  memory.copy(address, old, oldBytes);
  return address;
}

/** A number of the header. */
@inline
export function header(place: i32): i32 {
  return load<i32>(<usize>place << 2);
}

@inline
export function setHeader(place: i32, value: i32): void {
  store<i32>(<usize>place << 2, value);
}

@inline
export function byteAt(table: usize, index: i32): i32 {
  return <i32>load<u8>(table + <usize>index);
}

@inline
export function wordAt(table: usize, index: i32): i32 {
  return load<i32>(table + (<usize>index << 2));
}

@inline
export function setWordAt(table: usize, index: i32, value: i32): void {
  store<i32>(table + (<usize>index << 2), value);
}

@inline
export function floatAt(table: usize, index: i32): f64 {
  return load<f64>(table + (<usize>index << 3));
}

@inline
export function setFloatAt(table: usize, index: i32, value: f64): void {
  store<f64>(table + (<usize>index << 3), value);
}
