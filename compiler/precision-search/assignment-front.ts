/** One choice for an item: what it costs and what it adds to the error; both add up over items. */
export interface Choice {
  readonly cost: number;
  /** Not negative. */
  readonly error: number;
}

/** A choice for every item, by index, and their sums. */
export interface Assignment {
  readonly choices: readonly number[];
  readonly cost: number;
  readonly error: number;
}

/** Assignments that no other beats in both cost and error. */
export interface AssignmentFront {
  /** By ascending error, so by descending cost. */
  readonly assignments: readonly Assignment[];
  /** By how much the least error of a cost may be less than that of the front, as a factor; 1: the front is exact. */
  readonly errorFactor: number;
}

/** An assignment of the items so far: its last choice, and the assignment of the items before. */
interface Partial {
  readonly cost: number;
  readonly error: number;
  readonly choice: number;
  readonly before: Partial | null;
}

/** Assignments that are carried from item to item. */
const defaultLimit = 4096;

/**
 * The multiple-choice knapsack problem for all capacities at once: of all assignments of a choice to every item, those whose
 * Σ cost and Σ error no other has both at most as great. Items are added one by one, and what is beaten already is dropped (Nemhauser
 * and Ullmann, 1969). Where more than `limit` remain, errors that differ by less than a factor are held for equal; the product of these
 * factors is given. Equal assignments: the one with the lower choices first stays. Throws RangeError for an item without choices.
 */
export function assignmentFront(items: readonly (readonly Choice[])[], limit: number = defaultLimit): AssignmentFront {
  let front: Partial[] = [{ cost: 0, error: 0, choice: -1, before: null }];
  let errorFactor = 1;
  for (const [index, choices] of items.entries()) {
    if (choices.length === 0) throw new RangeError(`item ${index} has no choice`);
    const sums = front.flatMap((before) =>
      choices.map(
        (each, choice): Partial => ({
          cost: before.cost + each.cost,
          error: before.error + each.error,
          choice,
          before,
        }),
      ),
    );
    const whole = undominated(sums);
    const thinned = thin(whole, limit);
    front = thinned.front;
    errorFactor *= thinned.factor;
  }
  return { assignments: front.map(assignmentOf), errorFactor };
}

/** By ascending error; of equal errors the least cost. The sort is stable, so earlier ones win ties. */
function undominated(sums: Partial[]): Partial[] {
  sums.sort((a, b) => a.error - b.error || a.cost - b.cost);
  let least = Number.POSITIVE_INFINITY;
  return sums.filter(({ cost }) => {
    if (cost >= least) return false;
    least = cost;
    return true;
  });
}

/** Of those whose errors lie within a factor of one another, the cheapest; the factor is raised until few enough remain. */
function thin(front: Partial[], limit: number): { readonly front: Partial[]; readonly factor: number } {
  if (front.length <= limit) return { front, factor: 1 };
  for (let step = 2 ** -20; ; step *= 2) {
    const factor = 1 + step;
    const kept: Partial[] = [];
    let first = Number.NEGATIVE_INFINITY;
    for (const each of front) {
      if (each.error <= first * factor && kept.length > 1) kept[kept.length - 1] = each;
      else {
        kept.push(each);
        first = each.error;
      }
    }
    if (kept.length <= limit) return { front: kept, factor };
  }
}

function assignmentOf(last: Partial): Assignment {
  const choices: number[] = [];
  for (let each: Partial | null = last; each !== null && each.before !== null; each = each.before)
    choices.push(each.choice);
  return { choices: choices.reverse(), cost: last.cost, error: last.error };
}
