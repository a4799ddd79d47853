import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { checkedTree } from "../../targets/checked-tree.ts";
import { listTargets, loadTarget } from "../../targets/load.ts";
import { targetOf, treeOf } from "../../targets/tree.ts";
import { builtCommand } from "../cli/build.ts";

describe("the checked tree of a target file", () => {
  let folder = "";
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "boreal-targets-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const tree = treeOf(loadTarget("mini-4x4"));

  it("stands for the text that it was made from, and for no other", () => {
    const path = join(folder, "a.yaml");
    expect(checkedTree(path, "kind: chip")).toBe(null);
    writeFileSync(join(folder, "a.json"), JSON.stringify({ text: "kind: chip", tree }));
    expect(checkedTree(path, "kind: chip")).toEqual(tree);
    expect(checkedTree(path, "kind: chip # changed")).toBe(null);
  });

  it("is never taken from a file without the ending of a target file", () => {
    const path = join(folder, "a.json");
    writeFileSync(path, JSON.stringify({ text: "kind: chip", tree }));
    expect(checkedTree(path, "kind: chip")).toBe(null);
  });

  it("gives the same target as the file, for every target of the built project", async () => {
    const targets = join(await builtCommand(), "../../targets");
    for (const { name, kind } of listTargets()) {
      const path = join(targets, `${kind}s`, `${name}.yaml`);
      const built = checkedTree(path, readFileSync(path, "utf8"));
      expect(built === null ? null : targetOf(built), name).toEqual(loadTarget(name));
    }
  });
});
