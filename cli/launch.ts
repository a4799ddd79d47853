#!/usr/bin/env node
// First, so that the command is compiled under them.
import "./engine-settings.ts";
import { existsSync, readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { constants, Script } from "node:vm";

const file = new URL("command.cjs", import.meta.url);
const compiled = new URL("command.compiled", import.meta.url);

/**
 * The bundled command, with what the engine had compiled of it when it was built. An engine of another version, or under other
 * settings, refuses that and compiles the source.
 */
export const command = new Script(readFileSync(file, "latin1"), {
  filename: file.href,
  ...(existsSync(compiled) ? { cachedData: readFileSync(compiled) } : {}),
  importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER,
});

const run: (require: NodeJS.Require, fileUrl: string) => void = command.runInThisContext();
run(createRequire(file), file.href);
