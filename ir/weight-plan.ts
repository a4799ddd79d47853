/** Where the constant weights of a contraction stay: how often each slice stands in the memories of the cores that use it. */
export interface WeightPlan {
  /**
   * all: once on each of those cores (resident weights). A number: that often, each copy divided over the cores of one of
   * as many equal rectangles, which exchange it over the model network; 1 means streamed by all of them.
   */
  readonly copies: number | "all";
}

/** Weights that every core that uses them has. */
export const resident: WeightPlan = { copies: "all" };

/** Weights that are stored once on the cores that use them. */
export const streamed: WeightPlan = { copies: 1 };

/** What reports call weight plans: whole on every core that uses them; one copy, divided over all of these; several such copies. */
export const weightPlanWords = ["resident", "streamed", "replicated"] as const;

/** The word for a weight plan. */
export function weightPlanWord({ copies }: WeightPlan): (typeof weightPlanWords)[number] {
  return copies === "all" ? "resident" : copies === 1 ? "streamed" : "replicated";
}

/** A weight plan as mapping files have it: resident, streamed, or for instance "4 copies". */
export function weightPlanText(plan: WeightPlan): string {
  const word = weightPlanWord(plan);
  return word === "replicated" ? `${plan.copies} copies` : word;
}

const weightPlanPattern = /^(?:resident|streamed|(?:[2-9]|[1-9]\d{1,8}) copies)$/;

/** Reads what `weightPlanText` writes; null for other text. */
export function parseWeightPlan(text: string): WeightPlan | null {
  if (!weightPlanPattern.test(text)) return null;
  if (text === "resident") return resident;
  return text === "streamed" ? streamed : { copies: Number.parseInt(text, 10) };
}
