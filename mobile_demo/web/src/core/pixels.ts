/** Converts between a canvas's bytes (RGBA) and the network's values (RGB in [0, 1]). */

/**
 * Packs an image into the network's tile, padded at the right and the bottom by
 * reflection (`1234 -> 1234 321`), repeatedly if the image is smaller than the padding.
 *
 * @param rgba bytes of a canvas, height x width x 4; alpha is dropped.
 * @returns float32 tile x tile x 3 in [0, 1].
 */
export function packTile(
  rgba: Uint8ClampedArray,
  height: number,
  width: number,
  tile: number,
): Float32Array {
  const rows = reflectedIndices(height, tile);
  const columns = reflectedIndices(width, tile);
  const packed = new Float32Array(tile * tile * 3);
  let to = 0;
  for (let y = 0; y < tile; y++) {
    const row = rows[y]! * width;
    for (let x = 0; x < tile; x++) {
      const from = (row + columns[x]!) * 4;
      packed[to++] = rgba[from]! / 255;
      packed[to++] = rgba[from + 1]! / 255;
      packed[to++] = rgba[from + 2]! / 255;
    }
  }
  return packed;
}

/** For each pixel of a padded axis, the index of the image pixel that it repeats. */
export function reflectedIndices(length: number, padded: number): Int32Array {
  const period = Math.max(2 * (length - 1), 1);
  return Int32Array.from({ length: padded }, (_, i) => {
    const phase = i % period;
    return length === 1 ? 0 : Math.min(phase, period - phase);
  });
}

/**
 * Unpacks rows of the network's numbers into bytes of a canvas, clipped and rounded
 * (halves to even), opaque.
 *
 * @param rgb float32 rows x stride x 3; of each row the first `width` pixels are taken.
 */
export function unpackRows(
  rgb: Float32Array,
  rows: number,
  width: number,
  stride: number,
): Uint8ClampedArray<ArrayBuffer> {
  const rgba = new Uint8ClampedArray(rows * width * 4);
  let to = 0;
  for (let y = 0; y < rows; y++) {
    let from = y * stride * 3;
    for (let x = 0; x < width; x++) {
      // A clamped array clips and rounds as it stores. The product is rounded to
      // float32 first, as NumPy's is.
      rgba[to++] = Math.fround(rgb[from++]! * 255);
      rgba[to++] = Math.fround(rgb[from++]! * 255);
      rgba[to++] = Math.fround(rgb[from++]! * 255);
      rgba[to++] = 255;
    }
  }
  return rgba;
}

/**
 * Blends a restored image with the one that it was made of, in place, by the formula of
 * egnet_tf/inference/strength.py: 0 gives the original's bytes, 1 leaves the restored ones.
 *
 * @param before, restored RGBA bytes of the same image; alpha is left as it is.
 */
export function blend(before: Uint8ClampedArray, restored: Uint8ClampedArray, strength: number): void {
  for (let i = 0; i < restored.length; i++) {
    if (i % 4 === 3) continue;
    restored[i] = Math.floor(before[i]! * (1 - strength) + restored[i]! * strength + 0.5);
  }
}
