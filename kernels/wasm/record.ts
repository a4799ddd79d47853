// Records of 32 bit words, and lists of 64 bit numbers, that the other side writes and the kernels read.

/** A word of a list. */
@inline
export function word(base: usize, index: i32): i32 {
  return load<i32>(base + (<usize>index << 2));
}

/** A 64 bit number of a list. */
@inline
export function numberAt(list: usize, index: i32): f64 {
  return load<f64>(list + (<usize>index << 3));
}

/** Writes a word of a list. */
@inline
export function put(base: usize, index: i32, value: i32): void {
  store<i32>(base + (<usize>index << 2), value);
}

/** A table of a record, whose place in words the record says. */
@inline
export function table(record: usize, place: i32): usize {
  return record + (<usize>word(record, place) << 2);
}

/** The first place of ascending numbers that exceeds `limit`. */
export function firstAfter(numbers: usize, count: i32, limit: i32): i32 {
  let low = 0;
  let high = count;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (word(numbers, middle) > limit) high = middle;
    else low = middle + 1;
  }
  return low;
}
