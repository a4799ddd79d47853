import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { at, product } from "../../../base/math.ts";
import { operatorOf } from "../../../ir/ops/index.ts";
import { tensorNumbers } from "../../../ir/ops/values.ts";
import type { Tensor } from "../../../ir/tensor.ts";
import { tensorType } from "../../../ir/type.ts";
import { apply, numbersOf, tensor } from "./checks.ts";
import { addedOperators, EagerBuilder, outputNumbers, outputTensor, translate } from "./eager-builder.ts";

/** 0, 1, 2, ... in the given shape. */
function counting(shape: readonly number[], from = 0): Tensor {
  return tensor(
    "f32",
    shape,
    Array.from({ length: product(shape) }, (_, index) => from + index),
  );
}

const i64 = (shape: readonly number[], numbers: readonly number[]): Tensor => tensor("i64", shape, numbers);

/** Every coordinate of a shape, in row-major order. */
function coordinates(shape: readonly number[]): number[][] {
  return shape.reduce<number[][]>(
    (lists, size) => lists.flatMap((list) => Array.from({ length: size }, (_, index) => [...list, index])),
    [[]],
  );
}

function offset(shape: readonly number[], coordinate: readonly number[]): number {
  return coordinate.reduce((total, index, axis) => total * at(shape, axis) + index, 0);
}

const wrapped = (index: number, size: number): number => (index < 0 ? index + size : index);

/** A shape, an axis, and indices along it whose other axes are no longer than the shape's. */
const elementCase = fc
  .array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 3 })
  .chain((shape) =>
    fc.record({ shape: fc.constant(shape), axis: fc.nat(shape.length - 1), length: fc.integer({ min: 1, max: 4 }) }),
  )
  .chain(({ shape, axis, length }) => {
    const size = at(shape, axis);
    const indexShape = shape.map((each, other) => (other === axis ? length : Math.max(1, each - 1)));
    const count = product(indexShape);
    const indices = fc.array(fc.integer({ min: -size, max: size - 1 }), { minLength: count, maxLength: count });
    return indices.map((numbers) => ({ shape, axis, indexShape, numbers }));
  });

/** A shape, batch axes, and tuples that name its rows. */
const tupleCase = fc
  .record({
    shape: fc.array(fc.integer({ min: 1, max: 3 }), { minLength: 2, maxLength: 4 }),
    batchCount: fc.nat(1),
    tupleCount: fc.integer({ min: 1, max: 4 }),
  })
  .chain(({ shape, batchCount, tupleCount }) =>
    fc.integer({ min: 1, max: shape.length - batchCount }).chain((length) => {
      const indexShape = [...shape.slice(0, batchCount), tupleCount, length];
      const entries = coordinates(indexShape).map((coordinate) => {
        const size = at(shape, batchCount + at(coordinate, coordinate.length - 1));
        return fc.integer({ min: -size, max: size - 1 });
      });
      return fc.tuple(...entries).map((numbers) => ({ shape, batchCount, indexShape, length, numbers }));
    }),
  );

describe("assemble", () => {
  it("takes rows of several operands, and zeros", () => {
    const [x, y] = [counting([2, 2]), counting([1, 2], 10)];
    expect(numbersOf("assemble", [x, y], { shape: [2, 2, 2], sources: [2, 0, -1, 1], inner: 2 })).toEqual([
      10, 11, 0, 1, 0, 0, 2, 3,
    ]);
    expect(numbersOf("assemble", [counting([2, 3])], { shape: [2, 2], sources: [2, 0], outer: 2 })).toEqual([
      2, 0, 5, 3,
    ]);
  });

  it("fills with what stands for zero", () => {
    const x = tensor("u8", [2], [7, 9], { axis: null, scales: [0.5], zeros: [3] });
    expect(numbersOf("assemble", [x], { shape: [3], sources: [1, -1, 0] })).toEqual([9, 3, 7]);
  });

  it("moves rows at equal distances in one piece", () => {
    const pieces = (shape: readonly number[], sources: readonly number[]): number | undefined => {
      const type = tensorType("f32", shape);
      const attributes = { shape: [sources.length], sources, outer: 1, inner: 1 };
      return operatorOf("assemble").movement?.({
        operands: [type],
        attributes,
        type: tensorType("f32", [sources.length]),
      }).pieces.length;
    };
    expect(pieces([2, 3], [0, 3, 1, 4, 2, 5])).toBe(1);
    expect(pieces([8], [7, 6, 5, 4, 3, 2, 1, 0])).toBe(1);
    expect(pieces([12], [0, 1, 6, 7, 2, 3, 8, 9, 4, 5, 10, 11])).toBe(1);
    expect(pieces([4], [0, 1, -1, 3])).toBe(2);
    // Steps that overlap, or go both ways, stay apart.
    expect(pieces([11], [0, 3, 6, 4, 7, 10])).toBe(2);
    expect(pieces([4], [1, 0, 3, 2])).toBe(2);
  });

  it("gives nothing where there is nothing", () => {
    expect(apply("assemble", [counting([0, 2])], { shape: [0, 2], sources: [], inner: 2 }).type.shape).toEqual([0, 2]);
  });

  it("refuses rows that are not there, shapes that do not fit and operands that differ", () => {
    const x = counting([2, 2]);
    const refused = (operands: readonly Tensor[], attributes: Parameters<typeof numbersOf>[2]) =>
      expect(() => numbersOf("assemble", operands, attributes));
    refused([x], { shape: [1], sources: [4] }).toThrow(/B202.*Row 4 is outside the 4 rows/);
    refused([x], { shape: [3], sources: [0, 1] }).toThrow(/B202.*does not hold/);
    refused([counting([3])], { shape: [2], sources: [0], inner: 2 }).toThrow(/B202.*does not divide/);
    refused([x, tensor("i8", [1], [1])], { shape: [1], sources: [0] }).toThrow(/B202.*different/);
    const scaled = tensor("i8", [2], [1, 2], { axis: 0, scales: [1, 2], zeros: [0, 0] });
    refused([scaled], { shape: [1], sources: [0] }).toThrow(/B202.*each index/);
  });
});

describe("GatherElements", () => {
  it("looks up along an axis at the index's own place, whether the indices are known or not", () => {
    fc.assert(
      fc.property(elementCase, ({ shape, axis, indexShape, numbers }) => {
        const wanted = coordinates(indexShape).map((coordinate, position) =>
          offset(
            shape,
            coordinate.map((index, each) => (each === axis ? wrapped(at(numbers, position), at(shape, axis)) : index)),
          ),
        );
        for (const known of [[1], []]) {
          const inputs = [counting(shape), i64(indexShape, numbers)];
          const builder = translate({ operator: "GatherElements", inputs, attributes: { axis }, known });
          expect(outputTensor(builder).type.shape).toEqual(indexShape);
          expect(outputNumbers(builder)).toEqual(wanted);
        }
      }),
    );
  });

  it("refuses indices outside the axis and shapes that do not fit", () => {
    const run = (indices: Tensor, known: readonly number[]) => () =>
      translate({ operator: "GatherElements", inputs: [counting([2, 3]), indices], known });
    expect(run(i64([1, 1], [2]), [1])).toThrow(/B202.*Index 2 is outside an axis of size 2/);
    expect(run(i64([1, 1], [-3]), [])).toThrow(/B110.*Index -3/);
    expect(run(i64([1, 4], [0, 0, 0, 0]), [1])).toThrow(/B202.*do not fit/);
    expect(run(i64([1, 4], [0, 0, 0, 0]), [])).toThrow(/B202.*do not fit/);
    expect(run(i64([1], [0]), [])).toThrow(/B202.*do not fit/);
  });
});

describe("GatherND", () => {
  it("looks up tuples, whether they are known or not", () => {
    fc.assert(
      fc.property(tupleCase, ({ shape, batchCount, indexShape, length, numbers }) => {
        const lead = indexShape.slice(0, -1);
        const rest = shape.slice(batchCount + length);
        const wanted = coordinates(lead).flatMap((place, tuple) => {
          const named = Array.from({ length }, (_, entry) =>
            wrapped(at(numbers, tuple * length + entry), at(shape, batchCount + entry)),
          );
          return coordinates(rest).map((within) => offset(shape, [...place.slice(0, batchCount), ...named, ...within]));
        });
        for (const known of [[1], []]) {
          const inputs = [counting(shape), i64(indexShape, numbers)];
          const attributes = { batch_dims: batchCount };
          const builder = translate({ operator: "GatherND", inputs, attributes, known });
          expect(outputTensor(builder).type.shape).toEqual([...lead, ...rest]);
          expect(outputNumbers(builder)).toEqual(wanted);
        }
      }),
    );
  });

  it("refuses tuples that do not fit", () => {
    const run = (indices: Tensor, known: readonly number[]) => () =>
      translate({ operator: "GatherND", inputs: [counting([2, 3]), indices], known });
    for (const known of [[1], []]) expect(run(i64([1, 3], [0, 0, 0]), known)).toThrow(/B202.*do not fit/);
    expect(run(i64([1, 2], [0, 3]), [1])).toThrow(/B202.*Index 3/);
  });
});

describe("a look-up by indices that depend on data", () => {
  it("is left alone where the table is too large to compare with", () => {
    const builder = new EagerBuilder({ x: counting([4096, 32]), i: i64([40], new Array(40).fill(3)) });
    const node = { operands: ["x", "i"], attributes: { axis: 0 }, type: tensorType("f32", [40, 32]) };
    expect(operatorOf("gather_data").decompose?.(node, builder)).toBe(null);
    expect(operatorOf("gather_data").obstacle).toMatch(/data-dependent addressing/);
  });

  it("chooses truth values by way of integers", () => {
    const builder = new EagerBuilder({ x: tensor("bool", [3], [1, 0, 1]), i: tensor("u8", [2], [1, 2]) });
    const node = { operands: ["x", "i"], attributes: { axis: 0 }, type: tensorType("bool", [2]) };
    const value = operatorOf("gather_data").decompose?.(node, builder) ?? "";
    expect(builder.type(value).element).toBe("bool");
    expect([...builder.value(value).data]).toEqual([0, 1]);
  });
});

/** What each reduction of the Scatter operators makes of what is there and an update. */
const joins: Readonly<Record<string, (old: number, update: number) => number>> = {
  none: (_, update) => update,
  add: (old, update) => old + update,
  mul: (old, update) => old * update,
  max: Math.max,
  min: Math.min,
};

describe("ScatterElements", () => {
  it.each(Object.entries(joins))("joins updates by %s in their order", (reduction, join) => {
    fc.assert(
      fc.property(elementCase, ({ shape, axis, indexShape, numbers }) => {
        const data = counting(shape, -3);
        const updates = counting(indexShape, -1);
        const wanted = Array.from(data.data as Float32Array);
        coordinates(indexShape).forEach((coordinate, position) => {
          const target = coordinate.map((index, each) =>
            each === axis ? wrapped(at(numbers, position), at(shape, axis)) : index,
          );
          const place = offset(shape, target);
          wanted[place] = Math.fround(join(at(wanted, place), position - 1));
        });
        const inputs = [data, i64(indexShape, numbers), updates];
        for (const known of [[1], []]) {
          const node = { operator: "ScatterElements", opset: 18, inputs, attributes: { axis, reduction }, known };
          expect(outputNumbers(translate(node)).map((value) => value + 0)).toEqual(wanted.map((value) => value + 0));
        }
      }),
    );
  });

  it("needs updates of the indices' count, whether they are known or not", () => {
    const run =
      (updates: Tensor, known: readonly number[], attributes = {}) =>
      () =>
        translate({
          operator: "ScatterElements",
          inputs: [counting([3]), i64([2], [0, 2]), updates],
          known,
          attributes,
        });
    expect(run(counting([1]), [])).toThrow(/B110.*Updates of shape \[1\]/);
    expect(run(counting([1]), [1])).toThrow(/B110.*Updates of shape \[1\]/);
    expect(run(counting([2]), [1], { reduction: "mean" })).toThrow(/B111.*"mean"/);
  });
});

describe("a scatter by rows that depend on data", () => {
  const rows = i64([3], [2, 0, 2]);

  it("is left alone where there is too much to compare with", () => {
    const inputs = { x: counting([4096, 32]), i: i64([40], new Array(40).fill(3)), u: counting([40, 32]) };
    const builder = new EagerBuilder(inputs);
    const node = { operands: ["x", "i", "u"], attributes: { reduction: "add" }, type: tensorType("f32", [4096, 32]) };
    expect(operatorOf("scatter_data").decompose?.(node, builder)).toBe(null);
    expect(operatorOf("scatter_data").obstacle).toMatch(/data-dependent addressing/);
  });

  it("is the same written as comparisons, truth values too", () => {
    for (const element of ["f32", "i32", "bool"] as const) {
      for (const reduction of element === "bool" ? ["none"] : Object.keys(joins)) {
        const x = tensor(element, [4, 2], [1, 0, 0, 1, 1, 1, 0, 0]);
        const u = tensor(element, [3, 2], [0, 1, 1, 1, 0, 0]);
        const builder = new EagerBuilder({ x, i: rows, u });
        const node = { operands: ["x", "i", "u"], attributes: { reduction }, type: x.type };
        const value = operatorOf("scatter_data").decompose?.(node, builder) ?? "";
        expect(builder.value(value)).toEqual(apply("scatter_data", [x, rows, u], { reduction }));
      }
    }
  });

  it("refuses operands that do not fit, rows that are not there, and reductions of what is no number", () => {
    const run =
      (x: Tensor, i: Tensor, u: Tensor, reduction = "none") =>
      () =>
        apply("scatter_data", [x, i, u], { reduction });
    const [x, u] = [counting([3, 2]), counting([3, 2])];
    expect(run(x, rows, counting([2, 2]))).toThrow(/B202.*expected \[rows,inner\]/);
    expect(run(x, i64([3], [0, 1, 3]), u)).toThrow(/B110.*Row 3 is outside the 3 rows/);
    expect(run(x, rows, u, "mean")).toThrow(/B202.*"mean"/);
    const truth = tensor("bool", [3, 2], [0, 1, 0, 1, 0, 1]);
    expect(run(truth, rows, truth, "add")).toThrow(/B202/);
    const scaled = tensor("i8", [3, 2], [1, 2, 3, 4, 5, 6], { axis: null, scales: [0.5], zeros: [3] });
    expect(run(scaled, rows, scaled, "max")).toThrow(/B202/);
    expect(tensorNumbers(run(scaled, rows, scaled)())).toEqual(Int8Array.of(3, 4, 3, 4, 5, 6));
    const perRow = tensor("i8", [3, 2], [1, 2, 3, 4, 5, 6], { axis: 0, scales: [1, 2, 3], zeros: [0, 0, 0] });
    expect(run(perRow, rows, perRow)).toThrow(/B202.*each index/);
  });
});

describe("ScatterND", () => {
  it("replaces rows, and adds as often as a row is named", () => {
    const inputs = [counting([3, 2]), i64([3, 1], [2, 0, 2]), counting([3, 2], 10)];
    const replaced = translate({ operator: "ScatterND", inputs, known: [1] });
    expect(outputNumbers(replaced)).toEqual([12, 13, 2, 3, 14, 15]);
    expect(addedOperators(replaced)).toEqual(["assemble"]);
    for (const known of [[1], []]) {
      const added = translate({ operator: "ScatterND", opset: 16, inputs, attributes: { reduction: "add" }, known });
      expect(outputNumbers(added)).toEqual([12, 14, 2, 3, 4 + 10 + 14, 5 + 11 + 15]);
    }
  });

  it("leaves the data as they are without updates", () => {
    const inputs = [counting([2]), i64([0, 1], []), counting([0])];
    const builder = translate({
      operator: "ScatterND",
      opset: 16,
      inputs,
      attributes: { reduction: "add" },
      known: [1],
    });
    expect(outputNumbers(builder)).toEqual([0, 1]);
  });
});

describe("ReverseSequence", () => {
  const data = counting([4, 2]);

  it("turns the first steps of each sequence around", () => {
    const inputs = [data, i64([2], [3, 2])];
    for (const known of [[1], []])
      expect(outputNumbers(translate({ operator: "ReverseSequence", inputs, known }))).toEqual([
        4, 3, 2, 1, 0, 5, 6, 7,
      ]);
    const attributes = { batch_axis: 0, time_axis: 1 };
    const rows = [data, i64([4], [1, 2, 0, 2])];
    for (const known of [[1], []]) {
      const turned = translate({ operator: "ReverseSequence", inputs: rows, attributes, known });
      expect(outputNumbers(turned)).toEqual([0, 1, 3, 2, 4, 5, 7, 6]);
    }
  });

  it("refuses axes other than the first two, and lengths that do not fit", () => {
    const run =
      (lengths: Tensor, attributes = {}) =>
      () =>
        translate({ operator: "ReverseSequence", inputs: [data, lengths], attributes, known: [1] });
    expect(run(i64([2], [1, 1]), { time_axis: 1 })).toThrow(/B111/);
    expect(run(i64([2], [1, 5]))).toThrow(/B110.*4 steps/);
    expect(run(i64([1], [1]))).toThrow(/B110/);
  });
});

describe("Col2Im", () => {
  it("adds blocks where they overlap", () => {
    // Blocks of two pixels at every place of a row of three: the pixel in the middle lies in both.
    const columns = tensor("f32", [1, 2, 2], [1, 2, 10, 20]);
    const inputs = [columns, i64([2], [1, 3]), i64([2], [1, 2])];
    expect(outputNumbers(translate({ operator: "Col2Im", opset: 18, inputs, known: [1, 2] }))).toEqual([1, 12, 20]);
  });

  it("undoes taking blocks with strides, pads and dilations, up to how often a pixel is taken", () => {
    const layouts = [
      { image: [5, 6], block: [2, 3], strides: [1, 1], pads: [0, 0, 0, 0], dilations: [1, 1] },
      { image: [5, 5], block: [2, 2], strides: [2, 3], pads: [1, 0, 0, 2], dilations: [1, 2] },
      { image: [4], block: [3], strides: [4], pads: [0, 0], dilations: [1] },
    ];
    for (const { image, block, strides, pads, dilations } of layouts) {
      const counts = image.map((size, axis) => {
        const room =
          size + at(pads, axis) + at(pads, axis + image.length) - at(dilations, axis) * (at(block, axis) - 1) - 1;
        return Math.floor(room / at(strides, axis)) + 1;
      });
      const wanted = new Array<number>(product(image)).fill(0);
      const columns: number[] = [];
      for (const within of coordinates(block)) {
        for (const place of coordinates(counts)) {
          const pixel = within.map(
            (index, axis) => at(place, axis) * at(strides, axis) + index * at(dilations, axis) - at(pads, axis),
          );
          columns.push(columns.length + 1);
          if (pixel.every((index, axis) => index >= 0 && index < at(image, axis)))
            wanted[offset(image, pixel)] = at(wanted, offset(image, pixel)) + columns.length;
        }
      }
      const inputs = [
        tensor("f32", [1, product(block), product(counts)], columns),
        i64([image.length], image),
        i64([block.length], block),
      ];
      const attributes = { strides, pads, dilations };
      const builder = translate({ operator: "Col2Im", opset: 18, inputs, attributes, known: [1, 2] });
      expect(outputTensor(builder).type.shape).toEqual([1, 1, ...image]);
      expect(outputNumbers(builder)).toEqual(wanted);
    }
  });

  it("refuses columns that do not fit the image", () => {
    const inputs = [counting([1, 2, 3]), i64([2], [1, 3]), i64([2], [1, 2])];
    expect(() => translate({ operator: "Col2Im", opset: 18, inputs, known: [1, 2] })).toThrow(/B110.*1x2 blocks/);
  });
});
