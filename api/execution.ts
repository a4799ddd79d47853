import { internalError, problem } from "../base/errors.ts";
import type { Program } from "../ir/program.ts";
import type { Tensor } from "../ir/tensor.ts";
import { tensorType } from "../ir/type.ts";
import { createExecutor } from "../runtime-sim/functional/executor.ts";
import type { ChipTarget } from "../targets/target.ts";
import { boundaryBytes, tensorFromBytes, toBoundary } from "./boundary.ts";
import { makeHost } from "./host-operations.ts";
import type { Frame, InputDeclaration } from "./inputs.ts";

/** A chip with a program loaded. */
export interface LoadedChip {
  /** Runs one sample of the model's types; gives the outputs in the program's order, in the types that the chip stores. */
  run(frame: Frame): Tensor[];
  /** Partial sums that have left i32, and wrapped around, in all samples so far. */
  overflowCount(): number;
  /** Gives states their initial values again. */
  reset(): void;
}

/**
 * Lays a program and the bytes of its weights out in the memories of a chip. `checked` finds reads of bytes that were
 * never written; it costs time. What the program leaves to the host is evaluated. Throws B502–B508 for a wrong program;
 * `run` throws B702 and B703 for wrong inputs.
 */
export function executeFunctional(
  program: Program,
  sidecar: Uint8Array | null,
  chip: ChipTarget,
  options: { readonly checked?: boolean } = {},
): LoadedChip {
  const executor = createExecutor(
    program,
    sidecar,
    {
      memoryBytes: chip.core.memoryBytes,
      weightBufferBytes: chip.core.weightBufferBytes,
      partialBufferBytes: chip.core.partialBufferBytes,
      frameBufferBytes: chip.frameBuffer.bytes,
    },
    { checked: options.checked ?? false, host: makeHost() },
  );
  return {
    overflowCount: () => executor.overflowCount(),
    reset: () => executor.reset(),
    run: (frame) => {
      const inputs = new Map<string, Uint8Array>();
      for (const port of program.inputs) {
        const value = frame.get(port.name);
        if (value === undefined) throw problem("B702", `Input "${port.name}" is missing.`, { tensor: port.name });
        inputs.set(port.name, boundaryBytes(toBoundary(value, port, port.modelElement)));
      }
      const outputs = executor.run(inputs);
      return program.outputs.map((port) => {
        const bytes = outputs.get(port.name);
        if (bytes === undefined) throw internalError(`output "${port.name}" was not written`);
        return tensorFromBytes(port, bytes);
      });
    },
  };
}

/** The inputs of a program in the types that the model declares. */
export function programInputs(program: Program): InputDeclaration[] {
  return program.inputs.map(({ name, type, modelElement }) => ({ name, type: tensorType(modelElement, type.shape) }));
}
