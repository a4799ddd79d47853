import { at, product, rowMajorStrides } from "../../base/math.ts";
import type { OnnxForm } from "../operator.ts";
import { boxPositions } from "./index-lists.ts";
import { compositeForm, onnxConstantNumbers, onnxInput, onnxIntegers } from "./onnx-node.ts";

/** How the blocks of an image lie, one number an axis; `pads` holds those before all axes, then those after. */
interface BlockLayout {
  readonly image: readonly number[];
  readonly block: readonly number[];
  readonly dilations: readonly number[];
  readonly pads: readonly number[];
  readonly strides: readonly number[];
}

/** How many blocks there are along each axis of the image. */
function blockCounts({ image, block, dilations, pads, strides }: BlockLayout): number[] {
  return image.map((size, axis) => {
    const reach = at(dilations, axis) * (at(block, axis) - 1) + 1;
    const room = size + at(pads, axis) + at(pads, axis + image.length) - reach;
    return Math.floor(room / at(strides, axis)) + 1;
  });
}

/** For every element of the columns ([block positions, blocks] in order), the pixel where it lies; −1 in the padding. */
function pixelsOf(layout: BlockLayout, counts: readonly number[]): number[] {
  const { image, block, dilations, pads, strides } = layout;
  const rank = image.length;
  const imageStrides = rowMajorStrides(image);
  const countStrides = rowMajorStrides(counts);
  const blockStrides = rowMajorStrides(block);
  return boxPositions(block).flatMap((position) =>
    boxPositions(counts).map((place) => {
      let pixel = 0;
      for (let axis = 0; axis < rank; axis += 1) {
        const within = Math.floor(position / at(blockStrides, axis)) % at(block, axis);
        const start = Math.floor(place / at(countStrides, axis)) % at(counts, axis);
        const coordinate = start * at(strides, axis) + within * at(dilations, axis) - at(pads, axis);
        if (coordinate < 0 || coordinate >= at(image, axis)) return -1;
        pixel += coordinate * at(imageStrides, axis);
      }
      return pixel;
    }),
  );
}

/**
 * Col2Im: adds up blocks where they overlap. The elements that fall on each pixel are moved side by side, as many layers as
 * most pixels have at most, and the layers are added.
 */
export const columnImageForm: OnnxForm = compositeForm("Col2Im", 18, (node, builder, name) => {
  const columns = onnxInput(node, builder, 0);
  const { shape } = builder.type(columns);
  const image = onnxConstantNumbers(node, builder, 1) ?? [];
  const block = onnxConstantNumbers(node, builder, 2) ?? [];
  const ones = image.map(() => 1);
  const layout: BlockLayout = {
    image,
    block,
    dilations: onnxIntegers(node, builder, "dilations") ?? ones,
    pads: onnxIntegers(node, builder, "pads") ?? [...ones, ...ones].fill(0),
    strides: onnxIntegers(node, builder, "strides") ?? ones,
  };
  const counts = blockCounts(layout);
  const [batch, planes, places] = [shape[0] ?? 0, (shape[1] ?? 0) / product(block), product(counts)];
  if (shape.length !== 3 || !Number.isInteger(planes) || shape[2] !== places) {
    return builder.refuse(
      "B110",
      `Columns of shape [${shape.join(",")}] do not fit an image of [${image.join(",")}] with ${counts.join("x")} blocks of [${block.join(",")}].`,
    );
  }
  const pixelCount = product(image);
  const layers: number[][] = [];
  const filled = new Array<number>(pixelCount).fill(0);
  pixelsOf(layout, counts).forEach((pixel, element) => {
    if (pixel < 0) return;
    const level = at(filled, pixel);
    filled[pixel] = level + 1;
    const layer = layers[level] ?? new Array<number>(pixelCount).fill(-1);
    layers[level] = layer;
    layer[pixel] = element;
  });
  const outer = batch * planes;
  const sources = layers.length === 0 ? new Array<number>(pixelCount).fill(-1) : layers.flat();
  const stacked = builder.add("assemble", [columns], {
    shape: [batch, planes, Math.max(1, layers.length), ...image],
    sources,
    outer,
  });
  return builder.add("reduce_sum", [stacked], { axes: [2], keepdims: false }, name);
});
