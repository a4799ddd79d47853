import { readdirSync } from "node:fs";
import { join } from "node:path";
import { chooseTarget } from "../api.ts";
import { checkModel, isShapeOnly } from "../test/model-check.ts";
import { printTable, sharedModel, timed } from "./setting.ts";

/** Every shared model: its f32 answer against its golden output, the chip's bytes against the exact evaluation, and its cycles. */
const names = process.argv.slice(2);
const folder = join(sharedModel(""), ".");
const { chip } = chooseTarget();
const rows = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory() && (names.length === 0 || names.includes(entry.name)))
  .map(({ name }) => {
    const { value, seconds } = timed(() => checkModel(join(folder, name), chip));
    const shapes = isShapeOnly(join(folder, name)) ? "shapes only" : "";
    return [name, value.golden ?? shapes, value.chip ?? shapes, value.latencyCycles ?? "–", seconds.toFixed(1)];
  });
printTable(["model", "f32 against golden", "chip against exact", "cycles", "s"], rows);
