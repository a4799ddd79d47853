import { at } from "../../base/math.ts";
import { assignmentFront, type Choice } from "./assignment-front.ts";

/** Says what an assignment of choices really gives; asked at most once for each. */
export interface AssignmentJudge {
  /** The error that the budget limits. */
  readonly errorOf: (choices: readonly number[]) => number;
  readonly costOf: (choices: readonly number[]) => number;
}

/** An assignment that was judged. */
export interface Judged {
  readonly choices: readonly number[];
  readonly predicted: { readonly cost: number; readonly error: number };
  readonly error: number;
  /** Null where the cost did not matter. */
  readonly cost: number | null;
}

/** How far a search goes. */
export interface BudgetLimits {
  /** The greatest error. */
  readonly error: number;
  /** Assignments whose error is judged before the search takes the best that it knows. */
  readonly judgementCount: number;
  /** The share of the greatest error from which on an assignment within it is near enough for halving to end; 1: never before the last. */
  readonly nearEnough: number;
  /** Assignments of the front that are judged with their cost beside those of the search. */
  readonly pointCount: number;
  /** Predicted errors from which on assignments are not worth a look. */
  readonly uselessError: number;
}

/** What was found. */
export interface BudgetSearch {
  /** The cheapest assignment that was judged to be within the budget; null for none. */
  readonly best: (Judged & { readonly cost: number }) | null;
  /** Everything that was judged, by predicted error. */
  readonly judged: readonly Judged[];
  /** See `AssignmentFront`. */
  readonly errorFactor: number;
  /** Assignments on the predicted front. */
  readonly frontCount: number;
}

/**
 * Finds the cheapest assignment of choices to items whose judged error is within a limit. Costs and errors of single choices add up to
 * predictions; the front of these is searched by halving for the last assignment that is judged good, which is then bettered by
 * changing one item at a time, and points of the front are judged too. What is given was judged, never only predicted. `first` are
 * assignments that are judged too, the first of them in any case.
 */
export function searchUnderBudget(
  items: readonly (readonly Choice[])[],
  judge: AssignmentJudge,
  limits: BudgetLimits,
  first: readonly (readonly number[])[] = [],
): BudgetSearch {
  const front = assignmentFront(items);
  const useful = front.assignments.filter(({ error }, index) => index === 0 || error < limits.uselessError);
  const records = new Map<string, Judged>();
  const predicted = (choices: readonly number[]): Judged["predicted"] => {
    let [cost, error] = [0, 0];
    for (const [item, choice] of choices.entries()) {
      const own = at(at(items, item), choice);
      cost += own.cost;
      error += own.error;
    }
    return { cost, error };
  };
  const judged = (choices: readonly number[]): Judged => {
    const key = choices.join();
    const known = records.get(key);
    if (known !== undefined) return known;
    const record: Judged = { choices, predicted: predicted(choices), error: judge.errorOf(choices), cost: null };
    records.set(key, record);
    return record;
  };
  const priced = (choices: readonly number[]): Judged & { readonly cost: number } => {
    const record = judged(choices);
    if (record.cost !== null) return { ...record, cost: record.cost };
    const whole = { ...record, cost: judge.costOf(choices) };
    records.set(choices.join(), whole);
    return whole;
  };
  const isGood = ({ error }: Judged): boolean => error <= limits.error;
  const best = (): (Judged & { readonly cost: number }) | null => {
    let found: (Judged & { readonly cost: number }) | null = null;
    for (const record of records.values()) {
      if (record.cost === null || !isGood(record)) continue;
      if (found === null || record.cost < found.cost) found = { ...record, cost: record.cost };
    }
    return found;
  };

  for (const [place, choices] of first.entries())
    if (place === 0 || predicted(choices).error < limits.uselessError) priced(choices);
  halve();
  for (const index of spread(useful.length, limits.pointCount)) priced(at(useful, index).choices);
  improve();
  return {
    best: best(),
    judged: [...records.values()].sort(
      (a, b) => a.predicted.error - b.predicted.error || a.predicted.cost - b.predicted.cost,
    ),
    errorFactor: front.errorFactor,
    frontCount: front.assignments.length,
  };

  /** Of what was judged, the one by whose prediction others are told best. */
  function nearestToLimit(): Judged | null {
    let nearest: { readonly record: Judged; readonly distance: number } | null = null;
    for (const record of records.values()) {
      if (record.error <= 0 || record.predicted.error <= 0) continue;
      const distance = Math.abs(Math.log(record.error / limits.error));
      if (nearest === null || distance < nearest.distance) nearest = { record, distance };
    }
    return nearest?.record ?? null;
  }

  /** The errors along the front rise, nearly: between the last good and the first bad one, the middle is judged. */
  function halve(): void {
    let [good, bad] = [-1, useful.length];
    let last = nearestToLimit();
    for (let count = 0; bad - good > 1 && count < Math.ceil(limits.judgementCount / 2); count += 1) {
      const wanted: number =
        last === null || last.error <= 0 ? limits.error : (limits.error * last.predicted.error) / last.error;
      const guess = useful.findLastIndex(({ error }) => error <= wanted);
      const inside = guess > good && guess < bad ? guess : good + Math.ceil((bad - good) / 2);
      last = judged(at(useful, Math.min(inside, bad - 1)).choices);
      if (isGood(last)) good = inside;
      else bad = inside;
      if (isGood(last) && last.error > limits.nearEnough * limits.error) break;
    }
    if (good >= 0) priced(at(useful, good).choices);
  }

  /** Judges assignments that differ from the best in one item or two and are predicted to be cheaper, until none is better. */
  function improve(): void {
    let current = best();
    let left = Math.floor(limits.judgementCount / 2);
    while (current !== null && left > 0) {
      const base: Judged & { readonly cost: number } = current;
      // Where predictions were off for the best, they are taken to be off by the same factor near it.
      const scale = base.predicted.error > 0 ? base.error / base.predicted.error : 1;
      const isHopeful = ({ error }: Change): boolean => base.error + scale * error <= limits.error;
      const changes = changesOf(items, base.choices).filter(
        ({ error }) => base.error + scale * error <= hopelessFactor * limits.error,
      );
      const ordered = [
        ...changes.filter(isHopeful).sort((a, b) => a.cost - b.cost),
        ...changes.filter((change) => !isHopeful(change)).sort((a, b) => a.error - b.error),
      ];
      let better = false;
      for (const { choices } of ordered) {
        if (better || left === 0) break;
        const changed = choices();
        if (records.has(changed.join())) continue;
        left -= 1;
        better = isGood(judged(changed)) && priced(changed).cost < base.cost;
      }
      current = better ? best() : null;
    }
  }
}

/** Changes that are predicted to go beyond the budget by more than this are not judged: on a few samples predictions are off by two or three. */
const hopelessFactor = 4;

/** Pairs of changes are looked at as long as there are not more. */
const mostPairs = 200_000;

/** Other choices for one item or two, and what they add to the predictions. */
interface Change extends Choice {
  readonly choices: () => number[];
}

/** All changes of one item or two that are predicted to cost less. */
function changesOf(items: readonly (readonly Choice[])[], choices: readonly number[]): Change[] {
  const singles = items.flatMap((own, item) => {
    const now = at(own, at(choices, item));
    return own.flatMap((other, choice) =>
      other === now ? [] : [{ item, choice, cost: other.cost - now.cost, error: other.error - now.error }],
    );
  });
  const changes = singles.map(
    ({ item, choice, cost, error }): Change => ({ cost, error, choices: () => choices.with(item, choice) }),
  );
  if (singles.length ** 2 / 2 <= mostPairs) {
    for (const [place, one] of singles.entries()) {
      for (const two of singles.slice(place + 1)) {
        if (one.item === two.item || one.cost + two.cost >= 0) continue;
        changes.push({
          cost: one.cost + two.cost,
          error: one.error + two.error,
          choices: () => choices.with(one.item, one.choice).with(two.item, two.choice),
        });
      }
    }
  }
  return changes.filter(({ cost }) => cost < 0);
}

/** Up to `count` of the first `length` whole numbers, both ends among them, evenly spread. */
function spread(length: number, count: number): number[] {
  if (length <= count) return Array.from({ length }, (_, index) => index);
  return Array.from({ length: count }, (_, index) => Math.round((index * (length - 1)) / Math.max(1, count - 1)));
}
