import type { Rectangle } from "../../ir/instruction.ts";
import type { AxisPiece } from "../pieces.ts";
import { type Copy, copiesOf, type Spread } from "../transfers.ts";
import { coverRectangles } from "./rectangles.ts";

/** A copy that goes to every core of a rectangle, to the same place of each. */
export interface Bundle {
  readonly copy: Copy;
  readonly cores: Rectangle;
  /** The cores of the rectangle, less the sender when it is a core. */
  readonly receivers: readonly number[];
}

/**
 * Remembers copies and bundles: networks repeat their blocks, and the transfers between two spreads do not depend on
 * where buffers lie. Has the life of one emission.
 */
export class TransferCache {
  readonly #copies = new Map<string, readonly Copy[]>();
  readonly #bundles = {
    frame: new Map<readonly Copy[], readonly Bundle[]>(),
    core: new Map<readonly Copy[], readonly Bundle[]>(),
  };
  readonly #signatures = new Map<Spread, string>();

  /** `copiesOf`, remembered; the same spreads give the same list. */
  copies(pieces: readonly AxisPiece[], source: Spread, destination: Spread): readonly Copy[] {
    const key = `${JSON.stringify(pieces)}|${this.#signature(source)}|${this.#signature(destination)}`;
    const known = this.#copies.get(key);
    if (known !== undefined) return known;
    const made = copiesOf(pieces, source, destination);
    this.#copies.set(key, made);
    return made;
  }

  /** The copies that leave their place, those that carry the same bytes to the same place of several cores together. */
  bundles(copies: readonly Copy[], fromFrame: boolean, rows: number, columns: number): readonly Bundle[] {
    // On a chip of one core a value lies in the core as it does in the framebuffer: the copies are then the same.
    const bundles = this.#bundles[fromFrame ? "frame" : "core"];
    const known = bundles.get(copies);
    if (known !== undefined) return known;
    const made = bundlesOf(copies, fromFrame, rows, columns);
    bundles.set(copies, made);
    return made;
  }

  #signature(spread: Spread): string {
    const known = this.#signatures.get(spread);
    if (known !== undefined) return known;
    const made = JSON.stringify([spread.boxes, spread.origins, spread.layout.strideBytes]);
    this.#signatures.set(spread, made);
    return made;
  }
}

function bundlesOf(copies: readonly Copy[], fromFrame: boolean, rows: number, columns: number): Bundle[] {
  const groups = new Map<string, Copy[]>();
  const shapeOf = shapeNumbers();
  for (const copy of copies) {
    const shape = shapeOf(copy);
    const key = `${copy.source};${copy.sourceOffset};${copy.destinationOffset};${shape}`;
    const group = groups.get(key);
    if (group === undefined) groups.set(key, [copy]);
    else group.push(copy);
  }
  const bundles: Bundle[] = [];
  for (const group of groups.values()) {
    const copy = group[0] as Copy;
    for (const cores of rectanglesOf(group, rows, columns)) {
      const receivers: number[] = [];
      for (let row = cores.row; row < cores.row + cores.rows; row += 1) {
        for (let column = cores.column; column < cores.column + cores.columns; column += 1) {
          const core = row * columns + column;
          if (fromFrame || core !== copy.source) receivers.push(core);
        }
      }
      if (receivers.length > 0) bundles.push({ copy, cores, receivers });
    }
  }
  return fromFrame ? bundles : inTurns(bundles, rows, columns);
}

/**
 * The bundles in the order of the way from their sender to their first receiver, down and right around the grid: cores that all
 * send to each other then send to different ones at any time, and wait for no eject port.
 */
function inTurns(bundles: readonly Bundle[], rows: number, columns: number): Bundle[] {
  const wayOf = ({ copy, cores }: Bundle): number => {
    const down = (cores.row - Math.floor(copy.source / columns) + rows) % rows;
    const right = (cores.column - (copy.source % columns) + columns) % columns;
    return down * columns + right;
  };
  return bundles
    .map((bundle) => ({ bundle, way: wayOf(bundle) }))
    .sort((left, right) => left.way - right.way)
    .map(({ bundle }) => bundle);
}

/** Numbers copies by counts and strides; quick for those that share their arrays, as those that `copiesOf` makes do. */
function shapeNumbers(): (copy: Copy) => number {
  const byArrays = new Map<readonly number[], { readonly copy: Copy; readonly number: number }>();
  const byText = new Map<string, number>();
  return (copy) => {
    const { counts, sourceStrides, destinationStrides } = copy;
    const known = byArrays.get(counts);
    if (known?.copy.sourceStrides === sourceStrides && known.copy.destinationStrides === destinationStrides) {
      return known.number;
    }
    const text = `${counts};${sourceStrides};${destinationStrides}`;
    const number = byText.get(text) ?? byText.size;
    byText.set(text, number);
    byArrays.set(counts, { copy, number });
    return number;
  };
}

/** Rectangles that cover the destinations of a group. */
function rectanglesOf(group: readonly Copy[], rows: number, columns: number): Rectangle[] {
  let [north, south, west, east] = [rows, -1, columns, -1];
  for (const { destination } of group) {
    const row = Math.floor(destination / columns);
    const column = destination % columns;
    north = Math.min(north, row);
    south = Math.max(south, row);
    west = Math.min(west, column);
    east = Math.max(east, column);
  }
  const hull = { row: north, column: west, rows: south - north + 1, columns: east - west + 1 };
  if (hull.rows * hull.columns === group.length) return [hull];
  const keys = new Array<string | null>(hull.rows * hull.columns).fill(null);
  for (const { destination } of group) {
    keys[(Math.floor(destination / columns) - north) * hull.columns + (destination % columns) - west] = "to";
  }
  return coverRectangles(keys, hull.columns).map((cores) => ({
    ...cores,
    row: cores.row + north,
    column: cores.column + west,
  }));
}
