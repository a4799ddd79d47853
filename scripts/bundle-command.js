// Bundles the command into one file, in place of its modules and those of packages, and keeps beside it what the engine compiles of it: a
// run has less to find, to read and to compile.
import { execFileSync } from "node:child_process";
import { chmodSync, rmSync } from "node:fs";
import { build } from "esbuild";

const folder = "dist/cli";
rmSync(folder, { recursive: true, force: true });
const shared = { bundle: true, platform: "node", target: "node20.19", logLevel: "warning" };
await build({
  ...shared,
  entryPoints: ["cli/main.ts"],
  outfile: `${folder}/command.cjs`,
  // Pages of plots alone need it.
  external: ["echarts"],
  format: "cjs",
  banner: { js: "(function (require, fileUrl) {" },
  footer: { js: "})" },
  define: { "import.meta.url": "fileUrl" },
});
await build({ ...shared, entryPoints: ["cli/launch.ts"], outfile: `${folder}/main.js`, format: "esm" });
chmodSync(`${folder}/main.js`, 0o755);
// The small example goes through import, compiler, both executors and report.
const example = ["examples", "small-forecaster", "--out", `${folder}/example`];
execFileSync(process.execPath, ["scripts/compile-command.js", ...example], { stdio: ["ignore", "ignore", "inherit"] });
rmSync(`${folder}/example`, { recursive: true });
