/** The tiles against the files that egnet_tf's tiler wrote. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { blend, packTile, unpackRows } from "../src/core/pixels.ts";
import { TileGrid, tilePositions, tileWeights } from "../src/core/tiling.ts";

const GOLDEN = "../golden/";
const TILE = 16;

test("positions and weights are those of egnet_tf", () => {
  const axes = new Map<string, { starts: number[]; weights: number[][] }>();
  const lines = readFileSync(`${GOLDEN}axes.txt`, "utf8").trim().split("\n").slice(1);
  for (const line of lines) {
    const [axis, start, weights] = line.split("|").map((part) => part.trim());
    const known = axes.get(axis!) ?? { starts: [], weights: [] };
    known.starts.push(Number(start));
    known.weights.push(weights!.split(" ").map(Number));
    axes.set(axis!, known);
  }
  assert.ok(axes.size >= 6);
  for (const [axis, { starts, weights }] of axes) {
    const [length, tile, overlap] = axis.split(" ").map(Number) as [number, number, number];
    assert.deepEqual(tilePositions(length, tile, overlap), starts, axis);
    const received = tileWeights(length, tile, overlap);
    for (const [k, expected] of weights.entries()) {
      for (const [i, weight] of expected.entries()) {
        assert.ok(Math.abs(received[k]![i]! - weight) <= 1e-7, `${axis}, tile ${k}, ${i}`);
      }
    }
  }
});

for (const name of ["tiles", "one", "flat", "dot"]) {
  test(`the image "${name}" is restored as egnet_tf does`, async () => {
    const photo = readPpm(`${GOLDEN}${name}_photo.ppm`);
    const expected = readPpm(`${GOLDEN}${name}_restored.ppm`);
    const restored = await restore(photo);
    const difference = expected.rgba.reduce(
      (most, value, i) => Math.max(most, Math.abs(value - restored[i]!)),
      0,
    );
    assert.ok(difference <= 1, `${difference} of 255`);
  });
}

test("a blend is that of egnet_tf, to the bit", () => {
  const [photo, blended, expected] = ["photo", "restored", "blended"].map((part) => readPpm(`${GOLDEN}tiles_${part}.ppm`).rgba);
  blend(photo!, blended!, 0.35);
  assert.deepEqual(blended, expected);
});

test("impossible grids are refused", () => {
  assert.throws(() => tilePositions(100, 64, 33), /Received: overlap=33/);
  assert.throws(() => tilePositions(63, 64, 8), /length=63/);
});

interface GoldenImage {
  height: number;
  width: number;
  rgba: Uint8ClampedArray;
}

async function restore({ height, width, rgba }: GoldenImage): Promise<Uint8ClampedArray> {
  const grid = new TileGrid(Math.max(height, TILE), Math.max(width, TILE), TILE, TILE >> 2);
  const rows: number[] = [];
  const standIn = async (top: number, left: number) => {
    const inside = { height: Math.min(TILE, height), width: Math.min(TILE, width) };
    const window = new Uint8ClampedArray(inside.height * inside.width * 4);
    for (let y = 0; y < inside.height; y++) {
      const from = ((top + y) * width + left) * 4;
      window.set(rgba.subarray(from, from + inside.width * 4), y * inside.width * 4);
    }
    // The network of mobile_demo/golden/write_golden.py.
    return packTile(window, inside.height, inside.width, TILE).map((value, i) => {
      const [y, x, c] = [Math.floor(i / 3 / TILE), Math.floor(i / 3) % TILE, i % 3];
      return 1.25 * value + (((7 * y + 3 * x + 5 * c) % TILE) / 30 - 0.25);
    });
  };
  for await (const { top, rows: count, strip } of grid.blendedStrips(standIn)) {
    rows.push(...unpackRows(strip, Math.min(count, height - top), width, grid.width));
  }
  return Uint8ClampedArray.from(rows);
}

/** Reads a binary PPM of 8 bits. */
function readPpm(path: string): GoldenImage {
  const bytes = readFileSync(path);
  const header = /^P6\s+(\d+)\s+(\d+)\s+255\s/.exec(bytes.toString("latin1", 0, 40))!;
  const [width, height] = [Number(header[1]), Number(header[2])];
  const rgb = bytes.subarray(header[0].length);
  const rgba = new Uint8ClampedArray(width * height * 4).fill(255);
  for (let i = 0; i < width * height; i++) rgba.set(rgb.subarray(3 * i, 3 * i + 3), 4 * i);
  return { height, width, rgba };
}
