import { problem } from "../base/errors.ts";
import { ceilDivide, product } from "../base/math.ts";
import type { SplitPart } from "../ir/mapping.ts";
import type { WeightPlan } from "../ir/weight-plan.ts";
import type { Geometry } from "./geometry.ts";
import type { ContractionRoles } from "./tiling.ts";

/** Rows and columns of a rectangle of cores. */
export interface CoreGroup {
  readonly rows: number;
  readonly columns: number;
}

const oneCore: CoreGroup = { rows: 1, columns: 1 };

/** The cores that use the same slice of a contraction's weights: those that differ only in their parts of row dimensions. */
export function sharingCores(geometry: Geometry, roles: ContractionRoles): CoreGroup {
  const size = (parts: readonly SplitPart[]): number => {
    let cores = 1;
    for (let index = 0; index < parts.length; index += 1) {
      const part = parts[index] as SplitPart;
      if (roles.row.some((row) => geometry.dimensions[row]?.name === part.dimension)) cores *= part.parts;
    }
    return cores;
  };
  return { rows: size(geometry.split.rows), columns: size(geometry.split.columns) };
}

/**
 * The rectangle of cores that has one of `copies` copies when a rectangle is divided into as many equal ones: that whose
 * corners are the fewest hops apart, the flatter of two; null when it cannot be divided so.
 */
export function copyCores(sharing: CoreGroup, copies: number): CoreGroup | null {
  const cores = (sharing.rows * sharing.columns) / copies;
  let best: CoreGroup | null = null;
  for (let rows = 1; rows <= Math.min(cores, sharing.rows); rows += 1) {
    const columns = cores / rows;
    if (sharing.rows % rows !== 0 || !Number.isInteger(columns) || sharing.columns % columns !== 0) continue;
    if (best === null || rows + columns < best.rows + best.columns) best = { rows, columns };
  }
  return best;
}

/** The numbers of copies, ascending from 1, of which each is divided over at least two of the cores that share a slice. */
export function copyCounts(sharing: CoreGroup): number[] {
  const cores = sharing.rows * sharing.columns;
  const counts: number[] = [];
  for (let copies = 1; 2 * copies <= cores; copies += 1) if (copyCores(sharing, copies) !== null) counts.push(copies);
  return counts;
}

/**
 * The rectangle of cores that store a copy of a slice of weights between them and exchange its pieces; one core when each
 * has its own or weights are computed. Throws B403 when the cores that share a slice cannot be divided so.
 */
export function storageGroup(geometry: Geometry, roles: ContractionRoles, weights: WeightPlan | null): CoreGroup {
  if (weights === null || weights.copies === "all") return oneCore;
  const sharing = sharingCores(geometry, roles);
  if (weights.copies === 1) return sharing;
  const group = copyCores(sharing, weights.copies);
  if (group === null) {
    throw problem(
      "B403",
      `${sharing.rows} × ${sharing.columns} cores share a slice of the weights; they cannot be divided into ${weights.copies} equal rectangles.`,
    );
  }
  return group;
}

/** How often each slice of a contraction's constant weights stands on the chip: resident ones on every core that has work. */
export function copyCount({ dimensions, chunks }: Geometry, roles: ContractionRoles, { copies }: WeightPlan): number {
  if (copies !== "all") return copies;
  return product(roles.row.map((index) => ceilDivide(dimensions[index]?.size ?? 1, chunks[index] ?? 1)));
}

/** Cores of a rectangle. */
export function coreCount({ rows, columns }: CoreGroup): number {
  return rows * columns;
}
