/** Arithmetic over the numbers of a target: + − × ÷, brackets, paths, and `powerOfTwo(x)`, the power of two nearest to x. */
export type Formula =
  | { readonly kind: "number"; readonly value: number }
  | { readonly kind: "path"; readonly path: string }
  | { readonly kind: "negate"; readonly operand: Formula }
  | { readonly kind: "powerOfTwo"; readonly operand: Formula }
  | {
      readonly kind: "binary";
      readonly operator: "+" | "-" | "*" | "/";
      readonly left: Formula;
      readonly right: Formula;
    };

/** A formula, or what is wrong with its text. */
export type ParsedFormula = { readonly formula: Formula } | { readonly mistake: string };

/** Splits a formula into tokens; the offset of the first character that starts none. */
function tokens(text: string): { readonly list: string[]; readonly end: number } {
  const token = /\s*(?:(\d+(?:\.\d+)?(?:[eE][+-]?\d+)?)|([A-Za-z][A-Za-z0-9]*(?:\.[A-Za-z0-9]+)*)|([-+*/()]))/y;
  const list: string[] = [];
  let end = 0;
  const trimmed = text.trimEnd();
  while (end < trimmed.length) {
    token.lastIndex = end;
    const match = token.exec(trimmed);
    if (match === null) break;
    list.push(match[0].trim());
    end = token.lastIndex;
  }
  return { list, end: end === trimmed.length ? text.length : end };
}

class Mistake extends Error {}

/** Reads tokens from left to right, one function a level of precedence. */
class FormulaParser {
  private readonly list: readonly string[];
  private position = 0;

  constructor(list: readonly string[]) {
    this.list = list;
  }

  whole(): Formula {
    const formula = this.sum();
    if (this.position < this.list.length) throw new Mistake(`unexpected "${this.list[this.position]}"`);
    return formula;
  }

  private take(...wanted: string[]): string | null {
    const next = this.list[this.position];
    if (next === undefined || !wanted.includes(next)) return null;
    this.position += 1;
    return next;
  }

  private sum(): Formula {
    let left = this.term();
    for (let operator = this.take("+", "-"); operator !== null; operator = this.take("+", "-")) {
      left = { kind: "binary", operator: operator as "+" | "-", left, right: this.term() };
    }
    return left;
  }

  private term(): Formula {
    let left = this.factor();
    for (let operator = this.take("*", "/"); operator !== null; operator = this.take("*", "/")) {
      left = { kind: "binary", operator: operator as "*" | "/", left, right: this.factor() };
    }
    return left;
  }

  private factor(): Formula {
    if (this.take("-") !== null) return { kind: "negate", operand: this.factor() };
    if (this.take("(") !== null) return this.closed();
    const next = this.list[this.position];
    if (next === undefined) throw new Mistake("it ends where a number, a path or a bracket is expected");
    if (!/^[A-Za-z0-9]/.test(next)) throw new Mistake(`unexpected "${next}"`);
    this.position += 1;
    if (/^\d/.test(next)) return { kind: "number", value: Number(next) };
    if (this.take("(") === null) return { kind: "path", path: next };
    if (next !== "powerOfTwo") throw new Mistake(`"${next}" is no function; powerOfTwo is`);
    return { kind: "powerOfTwo", operand: this.closed() };
  }

  private closed(): Formula {
    const inside = this.sum();
    if (this.take(")") === null) throw new Mistake("a bracket is not closed");
    return inside;
  }
}

/** Parses the text of a formula. */
export function parseFormula(text: string): ParsedFormula {
  const { list, end } = tokens(text);
  if (end < text.length) return { mistake: `unexpected "${text.slice(end).trim()[0]}"` };
  try {
    return { formula: new FormulaParser(list).whole() };
  } catch (error) {
    if (error instanceof Mistake) return { mistake: error.message };
    throw error;
  }
}

/** The paths that a formula reads, each once, in order of appearance. */
export function formulaPaths(formula: Formula): string[] {
  switch (formula.kind) {
    case "number":
      return [];
    case "path":
      return [formula.path];
    case "negate":
    case "powerOfTwo":
      return formulaPaths(formula.operand);
    case "binary":
      return [...new Set([...formulaPaths(formula.left), ...formulaPaths(formula.right)])];
  }
}

/** The value of a formula, given the value at each path. */
export function evaluateFormula(formula: Formula, valueAt: (path: string) => number): number {
  switch (formula.kind) {
    case "number":
      return formula.value;
    case "path":
      return valueAt(formula.path);
    case "negate":
      return -evaluateFormula(formula.operand, valueAt);
    case "powerOfTwo":
      return 2 ** Math.round(Math.log2(evaluateFormula(formula.operand, valueAt)));
    case "binary": {
      const left = evaluateFormula(formula.left, valueAt);
      const right = evaluateFormula(formula.right, valueAt);
      switch (formula.operator) {
        case "+":
          return left + right;
        case "-":
          return left - right;
        case "*":
          return left * right;
        case "/":
          return left / right;
      }
    }
  }
}
