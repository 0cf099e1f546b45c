/** Where restoring changed a photo, so that it can be shown there. */

import type { Rectangle } from "./protocol.ts";

/** Side of a cell in pixels. */
export const CELL = 32;

/** A window that changed less than this, in levels of 255 in the mean, is no place to show. */
const LEAST_CHANGE = 0.5;

/** The mean absolute change of each cell of a photo, rows first, in levels of 255. */
export class ChangeMap {
  readonly columns: number;
  readonly rows: number;
  private readonly sums: Float64Array;
  private readonly counts: Float64Array;

  constructor(
    readonly width: number,
    readonly height: number,
  ) {
    this.columns = Math.ceil(width / CELL);
    this.rows = Math.ceil(height / CELL);
    this.sums = new Float64Array(this.columns * this.rows);
    this.counts = new Float64Array(this.columns * this.rows);
  }

  /**
   * Adds a part of the photo. Parts may overlap: their pixels then count twice.
   *
   * @param before, after RGBA, `width` pixels a row.
   */
  add(before: Uint8ClampedArray, after: Uint8ClampedArray, top: number, left: number, width: number): void {
    for (let i = 0, pixel = 0; i < before.length; i += 4, pixel++) {
      const y = top + Math.floor(pixel / width);
      const x = left + (pixel % width);
      const cell = Math.floor(y / CELL) * this.columns + Math.floor(x / CELL);
      this.sums[cell]! +=
        (Math.abs(before[i]! - after[i]!) +
          Math.abs(before[i + 1]! - after[i + 1]!) +
          Math.abs(before[i + 2]! - after[i + 2]!)) /
        3;
      this.counts[cell]!++;
    }
  }

  get cells(): Float32Array {
    return Float32Array.from(this.sums, (sum, i) => sum / Math.max(1, this.counts[i]!));
  }
}

/**
 * The window of a photo that changed most in the mean, in pixels.
 *
 * @param cells those of a `ChangeMap` of this photo.
 * @returns null if even that changed by less than half a level.
 */
export function mostChanged(
  cells: Float32Array,
  photo: { width: number; height: number },
  window: { width: number; height: number },
): Rectangle | null {
  const columns = Math.ceil(photo.width / CELL);
  const rows = Math.ceil(photo.height / CELL);
  const width = Math.min(window.width, photo.width);
  const height = Math.min(window.height, photo.height);
  const across = Math.max(1, Math.min(columns, Math.round(width / CELL)));
  const down = Math.max(1, Math.min(rows, Math.round(height / CELL)));
  // Sums over all cells above and to the left, from which any window's sum follows.
  const sums = new Float64Array((columns + 1) * (rows + 1));
  const at = (row: number, column: number) => row * (columns + 1) + column;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      sums[at(row + 1, column + 1)] =
        cells[row * columns + column]! + sums[at(row, column + 1)]! + sums[at(row + 1, column)]! - sums[at(row, column)]!;
    }
  }
  let best = { sum: -1, row: 0, column: 0 };
  for (let row = 0; row + down <= rows; row++) {
    for (let column = 0; column + across <= columns; column++) {
      const sum =
        sums[at(row + down, column + across)]! - sums[at(row, column + across)]! -
        sums[at(row + down, column)]! + sums[at(row, column)]!;
      if (sum > best.sum) best = { sum, row, column };
    }
  }
  if (!(best.sum / (across * down) >= LEAST_CHANGE)) return null;
  // Around the middle of the cells, inside of the photo.
  const around = (cell: number, cells: number, side: number, length: number) =>
    Math.min(Math.max(0, Math.round((cell + cells / 2) * CELL - side / 2)), length - side);
  return {
    x: around(best.column, across, width, photo.width),
    y: around(best.row, down, height, photo.height),
    width,
    height,
  };
}
