import type { Location, Problem } from "../base/errors.ts";
import type { NumberEntry } from "./number-schema.ts";

/** What a chip file says of its supply: the voltage in use, the limits, and how energy and delay depend on voltage. */
interface Supply {
  readonly voltage: Pick<NumberEntry, "value">;
  readonly reference: Pick<NumberEntry, "value">;
  readonly least: Pick<NumberEntry, "value">;
  readonly greatest: Pick<NumberEntry, "value">;
  readonly leastClock: Pick<NumberEntry, "value">;
  readonly greatestClock: Pick<NumberEntry, "value">;
  readonly leakageExponent: Pick<NumberEntry, "value">;
  readonly energyCurve: Readonly<Record<"square" | "linear" | "constant", Pick<NumberEntry, "value">>>;
  readonly delayCurve: Readonly<Record<"cube" | "square" | "linear" | "constant", Pick<NumberEntry, "value">>>;
}

/** What a voltage does to a chip, relative to its reference voltage. */
interface VoltageFactors {
  /** Of all dynamic energy on the core supply, the clock tree's too. */
  readonly energy: number;
  /** Of the leakage power. */
  readonly leakage: number;
  /** Of the delay of a gate. */
  readonly delay: number;
}

/**
 * Factors of a supply voltage against the reference voltage, by the polynomials of Stillmaker and Baas (Integration 58,
 * 2017): energy b2·V² + b1·V + b0, delay a3·V³ + a2·V² + a1·V + a0; leakage power goes with a power of the voltage.
 */
export function voltageFactors(supply: Supply): VoltageFactors {
  const { voltage, reference, energyCurve, delayCurve } = supply;
  const energyAt = (volts: number): number =>
    (energyCurve.square.value * volts + energyCurve.linear.value) * volts + energyCurve.constant.value;
  const delayAt = (volts: number): number =>
    ((delayCurve.cube.value * volts + delayCurve.square.value) * volts + delayCurve.linear.value) * volts +
    delayCurve.constant.value;
  return {
    energy: energyAt(voltage.value) / energyAt(reference.value),
    leakage: (voltage.value / reference.value) ** supply.leakageExponent.value,
    delay: delayAt(voltage.value) / delayAt(reference.value),
  };
}

/** The greatest clock at a voltage, in Hz: that of the chip, less as gates are slower than at the reference voltage. */
function greatestClockHz(supply: Supply): number {
  return supply.greatestClock.value / Math.max(1, voltageFactors(supply).delay);
}

/** What is wrong with the clock and the voltage of a chip: B305 for each that is out of range. */
export function operatingProblems(
  { clock, supply }: { readonly clock: Pick<NumberEntry, "value">; readonly supply: Supply },
  locate: (path: readonly PropertyKey[]) => Location,
): Problem[] {
  const problems: Problem[] = [];
  const { voltage, least, greatest, leastClock } = supply;
  const megahertz = (hertz: number): string => `${Number((hertz / 1e6).toPrecision(5))} MHz`;
  if (voltage.value < least.value || voltage.value > greatest.value) {
    const message = `supply.voltage: ${voltage.value} V is not within ${least.value} to ${greatest.value} V.`;
    return [{ code: "B305", message, at: locate(["supply", "voltage", "value"]) }];
  }
  const { energy, delay } = voltageFactors(supply);
  if (!(energy > 0 && delay > 0)) {
    const message = `supply: the curves give an energy of ${energy} and a delay of ${delay} at ${voltage.value} V, relative to ${supply.reference.value} V; both must be positive.`;
    return [{ code: "B305", message, at: locate(["supply"]) }];
  }
  const limit = greatestClockHz(supply);
  if (clock.value < leastClock.value || clock.value > limit) {
    const range = `${megahertz(leastClock.value)} to ${megahertz(limit)}`;
    const message = `clock: ${megahertz(clock.value)} is not within ${range}, what the chip reaches at ${voltage.value} V.`;
    problems.push({ code: "B305", message, at: locate(["clock", "value"]) });
  }
  return problems;
}
