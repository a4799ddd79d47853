/** Prints a whole number with thousands separators. */
export function formatCount(value: number): string {
  return String(Math.round(value)).replaceAll(/\B(?=(?:\d{3})+$)/g, ",");
}

const smallest = { factor: 1e-12, prefix: "p" } as const;

const prefixes = [
  { factor: 1e15, prefix: "P" },
  { factor: 1e12, prefix: "T" },
  { factor: 1e9, prefix: "G" },
  { factor: 1e6, prefix: "M" },
  { factor: 1e3, prefix: "k" },
  { factor: 1, prefix: "" },
  { factor: 1e-3, prefix: "m" },
  { factor: 1e-6, prefix: "µ" },
  { factor: 1e-9, prefix: "n" },
  smallest,
] as const;

/** Prints a number in three figures with an SI prefix: `2.62 µs`. */
export function formatQuantity(value: number, unit: string): string {
  if (value === 0) return `0 ${unit}`;
  const size = Math.abs(value);
  const { factor, prefix } = prefixes.find((each) => size >= each.factor * 0.9995) ?? smallest;
  return `${formatFigures(value / factor)} ${prefix}${unit}`;
}

/** Prints a number in three figures, without an exponent: 1.05, 23.4, 567. */
export function formatFigures(value: number): string {
  const size = Math.abs(value);
  return value.toFixed(size >= 99.95 ? 0 : size >= 9.995 ? 1 : 2);
}

/** Prints how many times one number is another: three figures, above a thousand whole with separators. */
export function formatRatio(value: number): string {
  return value >= 999.5 ? formatCount(value) : formatFigures(value);
}

/** Prints a rate: whole numbers below ten million, else with an SI prefix. */
export function formatRate(value: number): string {
  return value < 1e7 && value >= 100 ? `${formatCount(value)} /s` : `${formatQuantity(value, "")}/s`;
}

const byteUnits = [
  { factor: 1024 * 1024, unit: "MiB" },
  { factor: 1024, unit: "KiB" },
] as const;

/** Prints bytes in B, KiB or MiB. */
export function formatBytes(bytes: number): string {
  const larger = byteUnits.find((each) => bytes >= each.factor);
  return larger === undefined ? `${bytes} B` : `${(bytes / larger.factor).toFixed(1)} ${larger.unit}`;
}

/** Prints bytes of a capacity, both in the capacity's unit: `704.5 of 768.0 KiB`. */
export function formatShareOfBytes(bytes: number, capacityBytes: number): string {
  const { factor, unit } = byteUnits.find((each) => capacityBytes >= each.factor) ?? { factor: 1, unit: "B" };
  const used = bytes / factor;
  const text = used > 0 && used < 0.05 ? "<0.1" : used.toFixed(factor === 1 ? 0 : 1);
  return `${text} of ${(capacityBytes / factor).toFixed(factor === 1 ? 0 : 1)} ${unit}`;
}

/** Prints a fraction as a percentage. */
export function formatPercent(fraction: number): string {
  const percent = 100 * fraction;
  return `${percent >= 9.95 || percent === 0 ? percent.toFixed(0) : percent.toFixed(1)} %`;
}

/** Prints how a number changed, as a signed percentage: `−18.4 %`. */
export function formatChange(from: number, to: number): string {
  if (from === to) return "±0 %";
  if (from === 0) return to > 0 ? "new" : "gone";
  const percent = (100 * (to - from)) / from;
  const size = Math.abs(percent);
  return `${percent < 0 ? "−" : "+"}${size.toFixed(size >= 9.95 ? 0 : size >= 0.095 ? 1 : 2)} %`;
}

/** A name of code (`fillAndDrain`) as words. */
export function words(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

/** The last letters of a name, after an ellipsis when it is longer than `width`: names of nodes differ at their ends. */
export function shortenName(name: string, width: number): string {
  return name.length <= width ? name : `…${name.slice(name.length - width + 1)}`;
}

/** The first letters of a text, with an ellipsis when it is longer than `width`. */
export function shorten(text: string, width: number): string {
  return text.length <= width ? text : `${text.slice(0, width - 1)}…`;
}
