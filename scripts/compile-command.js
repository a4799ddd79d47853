// Runs the bundled command with the arguments given, and keeps what the engine has compiled of it by then.
import { writeFileSync } from "node:fs";
import { command } from "../dist/cli/main.js";

process.on("exit", () => writeFileSync("dist/cli/command.compiled", command.createCachedData()));
