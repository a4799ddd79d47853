import { readFileSync } from "node:fs";
import { z } from "zod";
import { assetUrl } from "../base/assets.ts";

const packageSchema = z.object({ name: z.literal("boreal"), version: z.string() });

/** The version of Boreal, from its package file beside the sources or beside the built code. */
export function borealVersion(): string {
  for (const path of ["package.json", "../package.json"]) {
    const parsed = packageSchema.safeParse(readJson(assetUrl(path)));
    if (parsed.success) return parsed.data.version;
  }
  return "unknown";
}

function readJson(url: URL): unknown {
  try {
    return JSON.parse(readFileSync(url, "utf8"));
  } catch {
    return null;
  }
}
