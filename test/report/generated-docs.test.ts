import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { codes } from "../../base/codes.ts";
import { onnxForms } from "../../ir/ops/index.ts";
import { generatedDocs } from "../../scripts/generated-docs.ts";

describe("documents made from the code", () => {
  const documents = generatedDocs();

  it.each([...documents.keys()])("%s is current (npm run docs:generate)", (path) => {
    expect(readFileSync(path, "utf8")).toBe(documents.get(path));
  });

  it("name every error code and every ONNX operator", () => {
    const errors = documents.get("docs/errors.md") ?? "";
    for (const [code, { summary }] of Object.entries(codes)) expect(errors).toContain(`| ${code} | ${summary} |`);
    const operators = documents.get("docs/operators.md") ?? "";
    for (const { form } of onnxForms()) expect(operators).toContain(`${form.operator} ${form.since}`);
  });
});
