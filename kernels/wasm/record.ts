// Records of 32 bit words that the other side writes and the kernels read.

/** A word of a list. */
@inline
export function word(base: usize, index: i32): i32 {
  return load<i32>(base + (<usize>index << 2));
}

/** A table of a record, whose place in words the record says. */
@inline
export function table(record: usize, place: i32): usize {
  return record + (<usize>word(record, place) << 2);
}
