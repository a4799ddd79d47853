import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { importsOf, type SourceFile, sourceFiles } from "./source-files.ts";

/** What each folder may import, beside itself. */
const layers: Readonly<Record<string, readonly string[]>> = {
  base: [],
  kernels: ["base"],
  ir: ["base", "kernels"],
  targets: ["base", "ir"],
  recordings: ["base", "ir"],
  compiler: ["base", "kernels", "ir", "targets"],
  "runtime-sim": ["base", "kernels", "targets", "ir"],
  report: ["base", "ir", "targets", "runtime-sim"],
};

/** The modules of ir/ that the simulators may see: types and the Program, never an evaluator or an operator. */
const simulatorIr: ReadonlySet<string> = new Set(
  ["type", "instruction", "program", "program-size", "vector-function", "tensor"].map((name) => `ir/${name}.ts`),
);

const folderOf = (path: string): string => path.split("/")[0] ?? "";
const withoutComments = (text: string): string =>
  text.replaceAll(/\/\*[\s\S]*?\*\//g, "").replaceAll(/(?<=^|\s)\/\/.*$/gm, "");
const code = sourceFiles(".ts").filter((file) => file.path.includes("/") && !file.path.startsWith("kernels/wasm/"));
const product = code.filter((file) => folderOf(file.path) in layers);

function breaches(files: readonly SourceFile[]): string[] {
  return files.flatMap((file) =>
    importsOf(file)
      .filter(({ path }) => {
        const [from, to] = [folderOf(file.path), folderOf(path)];
        if (from === to) return false;
        if (!(layers[from] ?? []).includes(to)) return true;
        return from === "runtime-sim" && to === "ir" && !simulatorIr.has(path);
      })
      .map(({ path }) => `${file.path} imports ${path}`),
  );
}

describe("the house", () => {
  it("keeps every folder to the layers that it may import", () => {
    expect(breaches(product)).toEqual([]);
  });

  it("notices a breach", () => {
    const planted = { path: "runtime-sim/planted.ts", text: 'import { evaluate } from "../ir/evaluate.ts";\n' };
    expect(breaches([planted])).toEqual(["runtime-sim/planted.ts imports ir/evaluate.ts"]);
  });

  it("keeps the slow machine and the event-driven simulator apart: neither imports the other, nor do they share costs", () => {
    const inside = (folder: string): SourceFile[] => product.filter(({ path }) => path.startsWith(folder));
    const imports = (folder: string): string[] =>
      inside(folder).flatMap((file) => importsOf(file).map(({ path }) => path));
    const slow = imports("runtime-sim/cycle/");
    expect(slow.length).toBeGreaterThan(20);
    const allowed = /^(?:runtime-sim\/cycle|ir|base)\/|^targets\/target\.ts$/;
    expect(slow.filter((path) => !allowed.test(path))).toEqual([]);
    const users = product.filter(({ path }) => !path.startsWith("runtime-sim/cycle/"));
    expect(users.flatMap(importsOf).filter(({ path }) => path.startsWith("runtime-sim/cycle/"))).toEqual([]);
  });

  it("gives the examples the public API alone", () => {
    const examples = code.filter((file) => folderOf(file.path) === "examples");
    const inner = examples.flatMap((file) =>
      importsOf(file)
        .filter(({ path }) => path !== "api.ts" && folderOf(path) !== "examples")
        .map(({ path }) => `${file.path} imports ${path}`),
    );
    expect(examples.length).toBeGreaterThan(2);
    expect(inner).toEqual([]);
  });

  it("has no import cycles", () => {
    const graph = new Map(code.map((file) => [file.path, importsOf(file).map(({ path }) => path)]));
    const state = new Map<string, "open" | "done">();
    const cycles: string[] = [];
    const visit = (path: string, trail: readonly string[]): void => {
      if (state.get(path) === "done") return;
      if (state.get(path) === "open") {
        cycles.push([...trail.slice(trail.indexOf(path)), path].join(" -> "));
        return;
      }
      state.set(path, "open");
      for (const next of graph.get(path) ?? []) visit(next, [...trail, path]);
      state.set(path, "done");
    };
    for (const path of graph.keys()) visit(path, []);
    expect(cycles).toEqual([]);
  });

  it("says the name of the chip only where targets, examples and documents stand", () => {
    const named = product.filter((file) => folderOf(file.path) !== "targets" && /northpole/i.test(file.text));
    expect(named.map((file) => file.path)).toEqual([]);
  });

  it("keeps no mutable state in modules", () => {
    const stateful = [...product, ...code.filter((file) => ["cli", "api", "examples"].includes(folderOf(file.path)))];
    expect(stateful.filter((file) => /^(?:export )?let /m.test(file.text)).map((file) => file.path)).toEqual([]);
  });

  it("prints and exits only in the command line", () => {
    const printing = product.filter((file) => /\bconsole\.|process\.(?:exit|stdout|stderr)/.test(file.text));
    expect(printing.map((file) => file.path)).toEqual([]);
  });

  it("keeps source files below 600 lines", () => {
    expect(code.filter((file) => file.text.split("\n").length > 600).map((file) => file.path)).toEqual([]);
  });

  it("leaves no open ends in the code", () => {
    const open = product.filter((file) => /\b(?:TODO|FIXME|XXX)\b|not implemented/i.test(file.text));
    expect(open.map((file) => file.path)).toEqual([]);
  });

  it("uses no `any` and suppresses no type error", () => {
    const loose = code.filter(
      (file) =>
        /:\s*any\b|\bas any\b|@ts-(?:ignore|expect-error)/.test(withoutComments(file.text)) &&
        !file.path.startsWith("test/house/"),
    );
    expect(loose.map((file) => file.path)).toEqual([]);
  });

  it("pins every dependency to one version and keeps registries out of the lock file", () => {
    const manifest = JSON.parse(readFileSync("package.json", "utf8")) as Record<string, Record<string, string>>;
    const versions = Object.entries({ ...manifest.dependencies, ...manifest.devDependencies });
    expect(versions.filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([]);
    expect(readFileSync("package-lock.json", "utf8")).not.toMatch(/"resolved": *"https?:/);
  });

  it("gives every number of a target-facing type a name with its unit", () => {
    const suffix =
      /(?:Cycles|Seconds|Hz|Bytes|Bits|PerCycle|Pj|PjPerByte|Watts|Joules|Fraction|Count|PerSecond|Macs|PerMac|Db|Volts)$/;
    const plain = new Set([
      "rows",
      "columns",
      "row",
      "column",
      "step",
      "token",
      "tokens",
      "core",
      "index",
      "batch",
      "seed",
      "axis",
      "port",
      "parts",
      "turn",
      "turns",
      "groups",
      "inner",
      "bytes",
    ]);
    const files = code.filter((file) =>
      ["targets/target.ts", "runtime-sim/metrics.ts", "runtime-sim/energy.ts", "runtime-sim/bound.ts"].includes(
        file.path,
      ),
    );
    const unnamed = files.flatMap((file) =>
      [...file.text.matchAll(/readonly (\w+): number;/g)]
        .map((match) => match[1] as string)
        .filter((name) => !suffix.test(name) && !plain.has(name))
        .map((name) => `${file.path}: ${name}`),
    );
    expect(unnamed).toEqual(["targets/target.ts: value"]);
  });
});
