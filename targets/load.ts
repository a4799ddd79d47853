import { readdirSync, readFileSync } from "node:fs";
import { basename } from "node:path";
import { fileURLToPath } from "node:url";
import { assetUrl } from "../base/assets.ts";
import { problem } from "../base/errors.ts";
import { checkedTree } from "./checked-tree.ts";
import type { GpuTarget } from "./gpu-target.ts";
import { didYouMean } from "./nearest-name.ts";
import { parseTarget } from "./parse.ts";
import type { ChipTarget } from "./target.ts";
import { type Target, targetOf } from "./tree.ts";

/** A target that comes with the project. */
export interface ListedTarget {
  readonly name: string;
  readonly kind: Target["kind"];
  readonly path: string;
}

/** The targets that come with the project: chips, then GPUs, each in alphabetical order. */
export function listTargets(): ListedTarget[] {
  const folders = [
    { kind: "chip", url: assetUrl("targets/chips/") },
    { kind: "gpu", url: assetUrl("targets/gpus/") },
  ] as const;
  return folders.flatMap(({ kind, url }) =>
    readdirSync(url)
      .filter((file) => file.endsWith(".yaml"))
      .sort()
      .map((file) => ({ name: basename(file, ".yaml"), kind, path: fileURLToPath(new URL(file, url)) })),
  );
}

/**
 * Loads a target by the name of one that comes with the project, or by the path of a file (anything with a slash, or
 * ending in .yaml or .yml). Throws B303 for what is neither, B301 and B302 for what is wrong in the file.
 */
export function loadTarget(nameOrPath: string): Target {
  const isPath = /[/\\]|\.ya?ml$/.test(nameOrPath);
  const listed = listTargets();
  const path = isPath ? nameOrPath : listed.find(({ name }) => name === nameOrPath)?.path;
  if (path === undefined) {
    const names = listed.map(({ name }) => name);
    throw problem("B303", `There is no target "${nameOrPath}"${didYouMean(nameOrPath, names)}`);
  }
  const text = readTargetFile(path);
  const tree = isPath ? null : checkedTree(path, text);
  return tree === null ? parseTarget(text, isPath ? path : `${nameOrPath}.yaml`) : targetOf(tree);
}

/** Loads a chip; B303 when the target is not one. */
export function loadChip(nameOrPath: string): ChipTarget {
  const target = loadTarget(nameOrPath);
  if (target.kind !== "chip")
    throw problem("B303", `The target "${nameOrPath}" is a ${target.kind}; a chip is expected.`);
  return target;
}

/** Loads a GPU; B303 when the target is not one. */
export function loadGpu(nameOrPath: string): GpuTarget {
  const target = loadTarget(nameOrPath);
  if (target.kind !== "gpu")
    throw problem("B303", `The target "${nameOrPath}" is a ${target.kind}; a GPU is expected.`);
  return target;
}

function readTargetFile(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    throw problem("B303", `The target file cannot be read: ${(error as Error).message}.`, { file: path });
  }
}
