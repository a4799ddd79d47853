import { existsSync } from "node:fs";
import { relative, resolve } from "node:path";
import type { Plugin } from "vitest/config";

const root = resolve(import.meta.dirname, "..");
/** Where no built modules come from; those of the command are bundled. */
const unbuilt = /^(test|scripts|bench|cli|\.\.|node_modules)\b/;

/**
 * Has tests import the project's modules as they are built in `dist`, which run at the speed that users see; those that the command
 * alone uses are in its bundle, and come from their sources.
 */
export function builtModules(): Plugin {
  return {
    name: "built-modules",
    enforce: "pre",
    resolveId(source, importer) {
      if (importer === undefined || !source.startsWith(".") || !source.endsWith(".ts")) return null;
      const path = relative(root, resolve(importer, "..", source));
      if (unbuilt.test(path)) return null;
      const built = resolve(root, "dist", path.replace(/\.ts$/, ".js"));
      return existsSync(built) ? built : null;
    },
  };
}
