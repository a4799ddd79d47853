/** One case of a golden file: a graph, what is done with it, and what must come of it. */
export interface GoldenCase {
  readonly title: string;
  /** The names after RUN: passes, or `verify`, `parse`, `quantize`. */
  readonly run: readonly string[];
  readonly why: string;
  readonly input: string;
  /** 1-based line of the file at which the input begins. */
  readonly inputLine: number;
  /** The text after OUT; null when the case expects errors; "unchanged" when the graph must come back as it is. */
  readonly out: string | null;
  /** What `// error: CODE words` says, by 1-based line of the input. */
  readonly errors: readonly { readonly line: number; readonly text: string }[];
}

/**
 * Splits a golden file into its cases:
 *
 *     // CASE: title
 *     // RUN: pass, pass
 *     // WHY: one sentence
 *     graph ...                    // error: B202 words that the message must hold
 *     // OUT:                      (or "// OUT: unchanged", or nothing when errors are expected)
 *     graph ...
 */
export function parseGoldenFile(text: string): GoldenCase[] {
  const lines = text.split("\n");
  const starts = lines.flatMap((line, index) => (line.startsWith("// CASE: ") ? [index] : []));
  return starts.map((start, index) => parseCase(lines.slice(start, starts[index + 1] ?? lines.length), start));
}

function parseCase(lines: readonly string[], start: number): GoldenCase {
  const field = (name: string, line: number): string => {
    const prefix = `// ${name}: `;
    const content = lines[line] ?? "";
    if (!content.startsWith(prefix)) throw new Error(`line ${start + line + 1}: found ${content}, expected ${prefix}`);
    return content.slice(prefix.length).trim();
  };
  const outLine = lines.findIndex((line) => line.startsWith("// OUT:"));
  const body = lines.slice(3, outLine < 0 ? lines.length : outLine);
  const same = outLine >= 0 && lines[outLine] === "// OUT: unchanged";
  const errors = body.flatMap((line, index) => {
    const match = /\/\/ error: (.*)$/.exec(line);
    return match === null ? [] : [{ line: index + 1, text: (match[1] as string).trim() }];
  });
  return {
    title: field("CASE", 0),
    run: field("RUN", 1)
      .split(",")
      .map((name) => name.trim()),
    why: field("WHY", 2),
    input: `${body.join("\n").trimEnd()}\n`,
    inputLine: start + 4,
    out:
      outLine < 0
        ? null
        : same
          ? "unchanged"
          : `${lines
              .slice(outLine + 1)
              .join("\n")
              .trim()}\n`,
    errors,
  };
}

/** Prints cases as a golden file. */
export function formatGoldenFile(cases: readonly GoldenCase[]): string {
  return cases
    .map(({ title, run, why, input, out }) => {
      const head = `// CASE: ${title}\n// RUN: ${run.join(", ")}\n// WHY: ${why}\n${input}`;
      if (out === null) return head;
      return out === "unchanged" ? `${head}// OUT: unchanged\n` : `${head}// OUT:\n${out}`;
    })
    .join("\n");
}
