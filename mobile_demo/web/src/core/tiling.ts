/**
 * Overlapping tiles under a smooth window: egnet_tf/inference/tiling.py, line by line.
 *
 * The positions, the window and the order of the sums are those of that file's
 * docstring, in float32 where it is float32. The golden files of mobile_demo/golden
 * hold both to each other.
 */

/** Start of each tile along one axis, in pixels, ascending. */
export function tilePositions(length: number, tile: number, overlap: number): number[] {
  if (!(overlap >= 0 && overlap <= Math.floor(tile / 2) && tile <= length)) {
    throw new RangeError(
      "Expected 0 <= overlap <= tile / 2 and tile <= length. " +
        `Received: overlap=${overlap}, tile=${tile}, length=${length}`,
    );
  }
  const positions: number[] = [];
  for (let start = 0; start < length - tile; start += tile - overlap) {
    positions.push(start);
  }
  positions.push(length - tile);
  return positions;
}

/** Each tile's weights along one axis; they add up to 1 at every pixel. */
export function tileWeights(length: number, tile: number, overlap: number): Float32Array[] {
  const positions = tilePositions(length, tile, overlap);
  const ramp = Float64Array.from({ length: tile }, (_, i) => {
    const distance = Math.min((i + 0.5) / Math.max(overlap, 0.5), 1);
    return Math.sin((Math.PI / 2) * distance) ** 2;
  });
  const window = ramp.map((value, i) => value * ramp[tile - 1 - i]!);
  const total = new Float64Array(length);
  for (const position of positions) {
    for (let i = 0; i < tile; i++) total[position + i]! += window[i]!;
  }
  return positions.map((position) =>
    Float32Array.from(window, (value, i) => value / total[position + i]!),
  );
}

/** The tiles of an image that is at least one tile large on both axes. */
export class TileGrid {
  readonly tops: number[];
  readonly lefts: number[];
  private readonly rowWeights: Float32Array[];
  private readonly columnWeights: Float32Array[];

  constructor(
    readonly height: number,
    readonly width: number,
    readonly tile: number,
    overlap: number,
  ) {
    this.tops = tilePositions(height, tile, overlap);
    this.lefts = tilePositions(width, tile, overlap);
    this.rowWeights = tileWeights(height, tile, overlap);
    this.columnWeights = tileWeights(width, tile, overlap);
  }

  get tiles(): number {
    return this.tops.length * this.lefts.length;
  }

  /**
   * Restores the image tile by tile and yields its finished rows from the top down.
   *
   * Only one row of tiles is held. The strip is reused: copy what is needed before
   * asking for the next.
   *
   * @param restoredTile (top, left) -> RGB, tile x tile x 3, rows first.
   */
  async *blendedStrips(
    restoredTile: (top: number, left: number) => Promise<Float32Array>,
  ): AsyncGenerator<{ top: number; rows: number; strip: Float32Array }> {
    const { height, width, tile, tops, lefts } = this;
    const strip = new Float32Array(tile * width * 3);
    for (const [row, top] of tops.entries()) {
      for (const [column, left] of lefts.entries()) {
        const restored = await restoredTile(top, left);
        this.add(strip, restored, left, this.rowWeights[row]!, this.columnWeights[column]!);
      }
      const finished = (tops[row + 1] ?? height) - top;
      yield { top, rows: finished, strip: strip.subarray(0, finished * width * 3) };
      strip.copyWithin(0, finished * width * 3);
      strip.fill(0, (tile - finished) * width * 3);
    }
  }

  private add(
    strip: Float32Array,
    restored: Float32Array,
    left: number,
    rowWeights: Float32Array,
    columnWeights: Float32Array,
  ): void {
    const { tile, width } = this;
    let from = 0;
    for (let y = 0; y < tile; y++) {
      let to = (y * width + left) * 3;
      for (let x = 0; x < tile; x++) {
        // fround: products in float32, as NumPy takes them; the sum is rounded by
        // being stored.
        const weight = Math.fround(rowWeights[y]! * columnWeights[x]!);
        for (let channel = 0; channel < 3; channel++, from++, to++) {
          // Clipped before they are blended, as egnet_tf clips each tile.
          const value = Math.min(Math.max(restored[from]!, 0), 1);
          strip[to]! += Math.fround(weight * value);
        }
      }
    }
  }
}
