import { createHash } from "node:crypto";
import { Document, visit } from "yaml";
import { type Target, treeOf } from "./tree.ts";

/** Prints a target as the YAML of a target file; parsing it gives an equal target. */
export function printTarget(target: Target): string {
  const document = new Document(treeOf(target));
  visit(document, {
    // Ranges stand on one line.
    Seq(_, range) {
      range.flow = true;
    },
  });
  return document.toString({ lineWidth: 120 });
}

/** The SHA-256 of a target's printed form, in hexadecimal: comments and layout of its file do not count, every number does. */
export function targetSha256(target: Target): string {
  return createHash("sha256").update(printTarget(target)).digest("hex");
}
