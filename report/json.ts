/** A result as JSON text, indented, ending in a line break; the same result gives the same bytes. */
export function printJson(result: object): string {
  return `${JSON.stringify(result, null, 2)}\n`;
}
