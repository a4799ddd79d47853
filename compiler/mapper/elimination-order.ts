/** A variable to be eliminated with the variables that share a factor with it by then, ascending. */
export interface Bucket {
  readonly variable: number;
  readonly neighbours: readonly number[];
}

/** Variables with more neighbours get an estimate of their fill: their tables are too large in any case. */
const countedDegree = 24;

/** What decides who is eliminated next: the fewest new pairs of neighbours, the smallest table, the lowest number. */
interface Score {
  readonly variable: number;
  readonly fill: number;
  readonly entries: number;
}

function isBefore(a: Score, b: Score): boolean {
  if (a.fill !== b.fill) return a.fill < b.fill;
  return a.entries !== b.entries ? a.entries < b.entries : a.variable < b.variable;
}

/** A binary heap of scores, the first of all on top. */
class ScoreHeap {
  readonly #scores: Score[] = [];

  push(score: Score): void {
    const scores = this.#scores;
    let position = scores.length;
    scores.push(score);
    while (position > 0) {
      const parent = (position - 1) >> 1;
      if (!isBefore(score, scores[parent] as Score)) break;
      scores[position] = scores[parent] as Score;
      position = parent;
    }
    scores[position] = score;
  }

  pop(): Score | undefined {
    const scores = this.#scores;
    const top = scores[0];
    const last = scores.pop();
    if (last === undefined || scores.length === 0) return top;
    let position = 0;
    for (;;) {
      let child = 2 * position + 1;
      if (child >= scores.length) break;
      if (child + 1 < scores.length && isBefore(scores[child + 1] as Score, scores[child] as Score)) child += 1;
      if (!isBefore(scores[child] as Score, last)) break;
      scores[position] = scores[child] as Score;
      position = child;
    }
    scores[position] = last;
    return top;
  }
}

/**
 * A min-fill order over the graph of variables [0, sizes.length) with the given edges: eliminates the variable that adds
 * the fewest new pairs of neighbours first, of equals the one with the smallest table, then the lowest. The time is about
 * linear in the variables when few of them have many neighbours.
 */
export function eliminationOrder(
  sizes: readonly number[],
  edges: Iterable<{ readonly left: number; readonly right: number }>,
): Bucket[] {
  const neighbours = sizes.map(() => new Set<number>());
  const around = (variable: number): Set<number> => neighbours[variable] as Set<number>;
  for (const { left, right } of edges) {
    if (left === right) continue;
    around(left).add(right);
    around(right).add(left);
  }
  const scoreOf = (variable: number): Score => {
    const list = [...around(variable)];
    let entries = sizes[variable] as number;
    for (const one of list) entries *= sizes[one] as number;
    if (list.length > countedDegree) return { variable, fill: list.length ** 2, entries };
    let fill = 0;
    list.forEach((one, index) => {
      const ofOne = around(one);
      for (let other = index + 1; other < list.length; other += 1) if (!ofOne.has(list[other] as number)) fill += 1;
    });
    return { variable, fill, entries };
  };
  const heap = new ScoreHeap();
  const scores: (Score | null)[] = [];
  const rescore = (variable: number): void => {
    const score = scoreOf(variable);
    scores[variable] = score;
    heap.push(score);
  };
  sizes.forEach((_, variable) => {
    rescore(variable);
  });
  const order: Bucket[] = [];
  for (let score = heap.pop(); score !== undefined; score = heap.pop()) {
    const { variable } = score;
    if (scores[variable] !== score) continue;
    scores[variable] = null;
    const list = [...around(variable)].sort((a, b) => a - b);
    order.push({ variable, neighbours: list });
    for (const one of list) around(one).delete(variable);
    for (const changed of connect(list, neighbours)) rescore(changed);
  }
  return order;
}

/** Connects all pairs of `list`; gives the variables of which the fill or the table has changed. */
function connect(list: readonly number[], neighbours: readonly Set<number>[]): Set<number> {
  const changed = new Set(list);
  list.forEach((one, index) => {
    const ofOne = neighbours[one] as Set<number>;
    for (let position = index + 1; position < list.length; position += 1) {
      const other = list[position] as number;
      if (ofOne.has(other)) continue;
      const ofOther = neighbours[other] as Set<number>;
      const [few, many] = ofOne.size < ofOther.size ? [ofOne, ofOther] : [ofOther, ofOne];
      for (const common of few) if (many.has(common)) changed.add(common);
      ofOne.add(other);
      ofOther.add(one);
    }
  });
  return changed;
}
