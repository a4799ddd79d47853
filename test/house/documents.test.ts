import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";
import { describe, expect, it } from "vitest";
import { f32Tensor, loadChip, makeRandom, parseProgram, writeModel } from "../../api.ts";
import { commands } from "../../cli/commands/table.ts";
import { makeOption } from "../../cli/options.ts";
import { tokens } from "../../compiler/emit/tokens.ts";
import { threadNames } from "../../ir/program.ts";
import { instructionSchemas, lineSchemas } from "../../ir/program-schema.ts";
import { estimatedNumberCount } from "../../targets/figures.ts";
import { type SourceFile, sourceFiles } from "./source-files.ts";

const documents = sourceFiles(".md");
const documentAt = (path: string): string => documents.find((document) => document.path === path)?.text ?? "";
const readme = documentAt("README.md");
const scripts = Object.keys(
  (JSON.parse(readFileSync("package.json", "utf8")) as { scripts: Record<string, string> }).scripts,
);

/** The code blocks of a language in a document. */
function blocks(text: string, language: string): string[] {
  return [...text.matchAll(new RegExp(`^\`\`\`${language}\\n([\\s\\S]*?)^\`\`\``, "gm"))].map(
    (match) => match[1] ?? "",
  );
}

/** The first cells of the rows of all tables in a document, and the cells that follow. */
function tableRows(text: string): string[][] {
  return text
    .split("\n")
    .filter((line) => line.startsWith("|"))
    .map((line) =>
      line
        .split("|")
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

function linksOf({ path, text }: SourceFile): { target: string; from: string }[] {
  return [...text.matchAll(/\]\(([^)\s]+)\)/g)]
    .map((match) => match[1] ?? "")
    .filter((target) => !/^(?:https?:|#)/.test(target))
    .map((target) => ({ from: path, target: join(dirname(path), target.replace(/#.*$/, "")) }));
}

/** Names of files and folders of the project that stand in back quotes. */
function pathsOf({ path, text }: SourceFile): { target: string; from: string }[] {
  return [...text.matchAll(/`([\w.-]+(?:\/[\w.-]+)*\/?)`/g)]
    .map((match) => match[1] ?? "")
    .filter((target) =>
      /^(?:api|base|bench|cli|compiler|docs|examples|ir|kernels|proto|recordings|report|runtime-sim|scripts|targets|test)\//.test(
        target,
      ),
    )
    .filter((target) => !/NAME/.test(target))
    .map((target) => ({ from: path, target }));
}

describe("the documents", () => {
  it("link to files that are there", () => {
    const links = documents.flatMap(linksOf);
    expect(links.length).toBeGreaterThan(20);
    expect(links.filter(({ target }) => !existsSync(target))).toEqual([]);
  });

  it("name files and folders that are there", () => {
    const paths = documents.flatMap(pathsOf);
    expect(paths.length).toBeGreaterThan(50);
    expect(paths.filter(({ target }) => !existsSync(target))).toEqual([]);
  });

  it("name npm scripts that are there", () => {
    const named = documents.flatMap(({ path, text }) =>
      [...text.matchAll(/npm run ([\w:-]+)/g)].map((match) => ({ path, script: match[1] ?? "" })),
    );
    expect(named.length).toBeGreaterThan(5);
    expect(named.filter(({ script }) => !scripts.includes(script))).toEqual([]);
    expect(readme).toContain("`npm ci && npm run forecast`");
    expect(readme).toContain("`npm ci && npm test`");
  });

  it("name commands and options that are there", () => {
    const lines = documents.flatMap(({ path, text }) =>
      blocks(text, "sh").flatMap((block) =>
        block
          .split("\n")
          .filter((line) => line.startsWith("boreal "))
          .map((line) => ({ path, line: line.replace(/\s#.*$/, "") })),
      ),
    );
    expect(lines.length).toBeGreaterThan(4);
    const wrong = lines.filter(({ line }) => {
      const command = commands.find(({ name }) => name === line.split(/\s+/)[1]);
      const known = command?.options.map((name) => makeOption(name).long ?? "") ?? [];
      return command === undefined || !(line.match(/--[\w-]+/g) ?? []).every((option) => known.includes(option));
    });
    expect(wrong).toEqual([]);
  });

  it("show the estimates and the figures of the code", () => {
    const chip = loadChip("northpole-style");
    expect(readme).toContain(`${estimatedNumberCount(chip)} of ${chip.provenance.size}`);
    const expected = JSON.parse(readFileSync("examples/zapbench-tsmixer/expected.json", "utf8")) as Record<
      string,
      number
    >;
    for (const name of ["latencyCycles", "withHostLatencyCycles", "parameterCount"]) {
      expect(readme, name).toContain((expected[name] ?? Number.NaN).toLocaleString("en-US"));
    }
  });
});

describe("every file of the project", () => {
  it("tells nothing of the machine that it was written on, of registries, or of how it came about", () => {
    const machine = new RegExp(`(?<![\\w.:])/(?:${["work", "root", "home", "tmp"].join("|")})/`);
    const registry = /\bregistry\.\w+\.\w+|npmjs/;
    const words = /\b(?:sessions?|helpers?)\b|\bissue #\d/i;
    const files = sourceFiles(".md", ".ts", ".js", ".json", ".yaml", ".svg").filter(
      ({ path }) => path !== "package-lock.json" && path !== "test/house/documents.test.ts",
    );
    const telling = files.flatMap(({ path, text }) =>
      text
        .split("\n")
        .filter((line) => machine.test(line) || registry.test(line) || words.test(line))
        .map((line) => `${path}: ${line.trim().slice(0, 100)}`),
    );
    expect(telling).toEqual([]);
  });
});

describe("docs/program.md", () => {
  const text = documentAt("docs/program.md");
  const section = (title: string): string => text.split(/^## /m).find((part) => part.startsWith(title)) ?? "";
  const rowsOf = (title: string): Map<string, string[]> =>
    new Map(
      tableRows(section(title)).flatMap((cells) =>
        (cells[0] ?? "").split(", ").map((name) => [name.replaceAll("`", ""), cells]),
      ),
    );
  const entriesOf = (cell: string | undefined): Set<string> =>
    new Set((cell ?? "").split(", ").filter((entry) => entry !== "–"));

  it("has a row with all entries for every instruction", () => {
    const rows = rowsOf("Instructions");
    for (const [kind, schema] of Object.entries(instructionSchemas)) {
      const [, threads, entries] = rows.get(kind) ?? [];
      expect([...threadNames, "any"], kind).toEqual(expect.arrayContaining(threads?.split(", ") ?? [""]));
      expect(entriesOf(entries), kind).toEqual(new Set(Object.keys(schema.shape).filter((field) => field !== "kind")));
    }
  });

  it("has a row with all entries for every other line", () => {
    const rows = rowsOf("Lines outside steps");
    for (const [word, schema] of Object.entries(lineSchemas)) {
      const [, entries] = rows.get(word === "port" ? "input" : word) ?? [];
      expect(entriesOf(entries), word).toEqual(new Set(Object.keys(schema.shape)));
    }
  });

  it("numbers the tokens as the emitter does", () => {
    const numbers = tableRows(section("Tokens and steps"))
      .flatMap((cells) => (cells[1] ?? "").split(/[,;]/))
      .filter((part) => /\d/.test(part))
      .flatMap((part) => {
        const [first = 0, last = first] = part.split("–").map(Number);
        return Array.from({ length: last - first + 1 }, (_, index) => first + index);
      });
    expect(numbers).toEqual(Object.values(tokens).flat());
  });

  it("shows a listing that can be parsed", () => {
    const [listing = ""] = blocks(text, "basm");
    const program = parseProgram(listing);
    expect(program.steps[0]?.classes[0]?.threads.matrix?.some(({ kind }) => kind === "matmul")).toBe(true);
  });
});

describe("the example of the README", () => {
  it("runs", () => {
    const [example = ""] = blocks(readme, "ts");
    expect(example.split("\n").length).toBeLessThan(17);
    const folder = mkdtempSync(join(tmpdir(), "boreal-readme-"));
    try {
      const random = makeRandom(1);
      const weights = f32Tensor(
        [16, 32],
        Float32Array.from({ length: 512 }, () => random.normal()),
      );
      const model = writeModel({
        name: "tiny",
        opset: 20,
        inputs: [{ name: "x", element: "f32", shape: [8, 16] }],
        outputs: [{ name: "y", element: "f32", shape: [8, 32] }],
        initializers: { weights },
        nodes: [{ operator: "MatMul", inputs: ["x", "weights"], outputs: ["y"] }],
      });
      writeFileSync(join(folder, "model.onnx"), model);
      writeFileSync(join(folder, "example.ts"), example.replace('"boreal"', JSON.stringify(pathToFileURL("api.ts"))));
      const tsx = pathToFileURL("node_modules/tsx/dist/loader.mjs").href;
      const run = spawnSync(process.execPath, ["--import", tsx, "example.ts"], { cwd: folder, encoding: "utf8" });
      expect(run.stderr).toBe("");
      expect(run.stdout).toMatch(/^model on northpole-style/);
      expect(run.stdout).toMatch(/^\d+ cycles, at least \d+/m);
    } finally {
      rmSync(folder, { recursive: true });
    }
  }, 60_000);
});
