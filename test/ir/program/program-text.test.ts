import { describe, expect, it } from "vitest";
import { BorealError } from "../../../base/errors.ts";
import type { Program } from "../../../ir/program.ts";
import { parseProgram, printProgram } from "../../../ir/program-text.ts";
import { everything } from "./programs.ts";

function complaints(text: string, file?: string): string[] {
  try {
    parseProgram(text, file);
  } catch (error) {
    if (!(error instanceof BorealError)) throw error;
    return error.problems.map(
      ({ code, message, at }) => `${code} ${at.file ?? ""}:${at.line}:${at.column}: ${message}`,
    );
  }
  return [];
}

const head = "program name=p batchCount=1\ntarget name=t rows=1 columns=1\n";
const inThread = (line: string): string =>
  `${head}step name=s kind=vector origin=[] macCount=0 macElement=null\n  class row=0 column=0 rows=1 columns=1\n    thread control\n      ${line}\n`;

describe("program text", () => {
  it("of every instruction and every line comes back as the same program", () => {
    expect(parseProgram(printProgram(everything))).toEqual(everything);
  });

  it("has one line for each thing, indented by what holds it", () => {
    const lines = printProgram(everything).split("\n");
    expect(lines.slice(0, 10)).toEqual([
      'program name="a \\"quoted\\" name" batchCount=2',
      "target name=mini-4x4 rows=4 columns=4",
      'sidecar sha256="00ff" bytes=32',
      'input name="x 0" type={element=i8 quantization={axis=null scales=[0.1] zeros=[-3]} shape=[2,3]} modelElement=f32 frameAddress=0 bytes=6',
      'output name="true" type={element=f16 quantization=null shape=[]} modelElement=f32 frameAddress=64 bytes=2',
      'hostOperation name="top 1" operator=topk operands=[{name=a type={element=f16 quantization=null shape=[4]} modelElement=f16 frameAddress=128 bytes=8}] result={name="top 1" type={element=i64 quantization=null shape=[2]} modelElement=i64 frameAddress=192 bytes=16} elementCount=6 graph="graph @\\"top 1\\"(%a: f16[4]) {\\n}\\n"',
      'state input="h 0" output="h 1" type={element=f16 quantization=null shape=[2]} modelElement=f32 buffer="h 0"',
      "token cores={row=0 column=-1 rows=1 columns=1} token=24 count=1",
      "image cores={row=0 column=0 rows=2 columns=2} address=16 offset=64+r*16+c*-4+t*128 bytes=32",
      'buffer name="conv/weights" space=memory address=16 bytes=32 firstStep=0 lastStep=1',
    ]);
    expect(lines[10]).toBe('step name="nan" kind=contraction origin=["node/1","null",""] macCount=12 macElement=i8');
    expect(lines[11]).toBe("  class row=0 column=0 rows=4 columns=4");
    expect(lines[12]).toBe("    thread control");
    expect(lines.find((line) => line.trimStart().startsWith("vector"))).toBe(
      "      vector function=clip counts=[8,2] sources=[{space=memory address=4 strides=[2,0] element=f16}] destination={space=partial address=64+r*16+c*-4+t*128 strides=[16,-2] element=f16} parameters={low=-inf high=inf} activation=[]",
    );
    expect(lines.find((line) => line.includes("loop"))).toBe("      loop count=3");
    expect(lines.find((line) => line.includes("gather"))).toMatch(/^ {8}gather /);
    expect(lines.find((line) => line.includes("barrier"))).toBe("      barrier");
    expect(lines.at(-1)).toBe("");
  });

  it("holds parameters that are not numbers", () => {
    const withNan = (value: number): Program => ({
      ...everything,
      steps: [
        {
          name: "fill",
          kind: "vector",
          origin: [],
          macCount: 0,
          macElement: null,
          classes: [
            {
              cores: { row: 0, column: 0, rows: 1, columns: 1 },
              threads: {
                gather: [
                  {
                    kind: "vector",
                    function: "fill",
                    counts: [1],
                    sources: [],
                    destination: { space: "memory", address: 0, strides: [2], element: "f16" },
                    parameters: { value },
                    activation: [],
                  },
                ],
              },
            },
          ],
        },
      ],
    });
    for (const value of [Number.NaN, -0, 1e-12, Number.NEGATIVE_INFINITY]) {
      expect(parseProgram(printProgram(withNan(value)))).toEqual(withNan(value));
    }
  });

  it("may have comments, empty lines and Windows line ends", () => {
    const text = `// a comment\r\n\r\n${printProgram(everything).replaceAll("\n", "\r\n")}`;
    expect(parseProgram(text)).toEqual(everything);
  });

  it("without a sidecar gives none", () => {
    expect(parseProgram(head).sidecar).toBeNull();
    expect(parseProgram(head)).toEqual({
      kind: "program",
      name: "p",
      target: { name: "t", rows: 1, columns: 1 },
      batchCount: 1,
      inputs: [],
      outputs: [],
      hostOperations: [],
      states: [],
      initialTokens: [],
      images: [],
      buffers: [],
      sidecar: null,
      steps: [],
    });
  });

  it("reports everything that is wrong, with file, line and column", () => {
    const text = `${head}buffer name=b space=memory address=1 bytes=[ firstStep=0 lastStep=0\nstep name=s kind=odd origin=[] macCount=0 macElement=null\nfrobnicate a=1\nclass row=0\n`;
    const found = complaints(text, "p.basm");
    expect(found).toHaveLength(4);
    expect(found[0]).toBe('B501 p.basm:3:45: expected a value, found " firstStep=0".');
    expect(found[1]).toMatch(/^B501 p\.basm:4:13: step: .*at kind/);
    expect(found[2]).toBe('B501 p.basm:5:1: Found "frobnicate", expected an instruction or a line of a listing.');
    expect(found[3]).toMatch(/^B501 p\.basm:6:1: class: .*at column/);
  });

  it("goes on in a step, class or thread that is wrong itself", () => {
    const wrong = inThread("wait token=x count=1")
      .replace("kind=vector", "kind=odd")
      .replace("rows=1 columns=1\n    thread control", "rows=y columns=1\n    thread odd");
    expect(complaints(wrong).map((each) => each.split(": ")[0])).toEqual([
      "B501 :3:13",
      "B501 :4:24",
      "B501 :5:5",
      "B501 :6:12",
    ]);
  });

  it("must begin with a program and a target", () => {
    expect(complaints("")).toEqual(['B501 :undefined:undefined: Found no "program" line, expected a .basm listing.']);
    expect(complaints("program name=p batchCount=1\n", "f")).toEqual([
      'B501 f:undefined:undefined: Found no "target" line, expected a .basm listing.',
    ]);
  });

  it("refuses instructions with fields that are missing, unknown, or of another form", () => {
    expect(complaints(inThread("wait token=1 count=1"))).toEqual([]);
    expect(complaints(inThread("wait token=1")).join()).toContain("at count");
    expect(complaints(inThread("wait token=1 count=1 extra=2")).join()).toContain("extra");
    expect(complaints(inThread("wait token=-1 count=1")).join()).toContain("at token");
    expect(complaints(inThread("wait token=1.5 count=1")).join()).toContain("at token");
    expect(complaints(inThread("signal token=1 core={row=0 column=x}")).join()).toContain("core.column");
    expect(complaints(inThread("loop count=2\n        loop count=3")).join()).toContain("Loops do not nest");
  });

  it("holds stages of the activation unit, and refuses those that no pass can take", () => {
    const operand = "{space=memory address=0 strides=[2] element=f16}";
    const scale = "{space=memory address=0 strides=[0] element=scale}";
    const stage = (name: string, scaleText = "null", kept = "null"): string =>
      `{function=${name} element=f16 kept=${kept} scale=${scaleText} parameters={}}`;
    const vectorOf = (...stages: readonly string[]): string =>
      `vector function=add counts=[4] sources=[${operand},${operand}] destination=${operand} parameters={} activation=[${stages.join(",")}]`;
    const both = inThread(vectorOf(stage("relu"), stage("quantize", scale, "{space=partial address=0 strides=[2]}")));
    expect(complaints(both)).toEqual([]);
    expect(printProgram(parseProgram(both))).toBe(both);
    expect(complaints(inThread(vectorOf(stage("tanh"), stage("relu"))))[0]).toContain("at most one function");
    expect(complaints(inThread(vectorOf(stage("copy"))))[0]).toContain("at most one function");
    expect(complaints(inThread(vectorOf(stage("quantize"))))[0]).toContain("expected a scale");
    expect(complaints(inThread(vectorOf(stage("relu", scale))))[0]).toContain("expected a scale");
  });

  it("refuses classes, threads and instructions in the wrong place", () => {
    expect(complaints(`${head}class row=0 column=0 rows=1 columns=1\n`).join()).toContain(
      'Found "class" before any "step"',
    );
    expect(complaints(`${head}thread control\n`).join()).toContain('Found "thread" before any "class"');
    expect(complaints(`${head}barrier\n`).join()).toContain('Found "barrier" outside a thread');
    expect(complaints(inThread("barrier").replace("thread control", "thread odd")).join()).toContain(
      'Found thread "odd", expected one of control, weights, matrix, vector, psum, send, gather, host',
    );
  });
});
