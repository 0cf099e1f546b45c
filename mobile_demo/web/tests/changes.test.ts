/** Where restoring changed a photo, and blending with the original. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { ChangeMap, mostChanged } from "../src/core/changes.ts";
import { blend } from "../src/core/pixels.ts";

/** A map of a grey photo whose rectangle changed by so many levels, added in two halves. */
function changed(width: number, height: number, from: { x: number; y: number }, to: { x: number; y: number }, levels: number) {
  const map = new ChangeMap(width, height);
  const half = height >> 1;
  for (const [top, rows] of [[0, half], [half, height - half]] as const) {
    const before = new Uint8ClampedArray(rows * width * 4).fill(100);
    const after = before.slice();
    for (let y = Math.max(from.y, top); y < Math.min(to.y, top + rows); y++) {
      for (let x = from.x; x < to.x; x++) after.fill(100 + levels, ((y - top) * width + x) * 4, ((y - top) * width + x) * 4 + 3);
    }
    map.add(before, after, top, 0, width);
  }
  return map;
}

test("the window is where most changed", () => {
  const photo = { width: 1000, height: 700 };
  const map = changed(1000, 700, { x: 600, y: 400 }, { x: 728, y: 496 }, 20);
  const window = mostChanged(map.cells, photo, { width: 200, height: 150 })!;
  assert.ok(window.x <= 600 && window.x + window.width >= 728, `${window.x}`);
  assert.ok(window.y <= 400 && window.y + window.height >= 496, `${window.y}`);
  assert.deepEqual([window.width, window.height], [200, 150]);
});

test("the window is inside of the photo, however they compare", () => {
  for (const [width, height] of [[1, 1], [31, 700], [1000, 33], [5000, 5000]] as const) {
    const map = changed(1000, 700, { x: 990, y: 690 }, { x: 1000, y: 700 }, 90);
    const window = mostChanged(map.cells, { width: 1000, height: 700 }, { width, height })!;
    if (window === null) continue;
    assert.ok(window.x >= 0 && window.x + window.width <= 1000);
    assert.ok(window.y >= 0 && window.y + window.height <= 700);
  }
});

test("where nothing changed there is no such place", () => {
  const map = changed(300, 200, { x: 0, y: 0 }, { x: 5, y: 5 }, 3);
  assert.equal(mostChanged(map.cells, { width: 300, height: 200 }, { width: 100, height: 100 }), null);
});

test("cells hold the mean change, also at the edges", () => {
  const { cells } = changed(40, 40, { x: 0, y: 0 }, { x: 40, y: 40 }, 7);
  assert.deepEqual([...cells], [7, 7, 7, 7]);
});

test("a blend is exact at both ends, linear between, and leaves alpha", () => {
  const before = Uint8ClampedArray.from({ length: 1024 }, (_, i) => (i * 37) % 256);
  const restored = Uint8ClampedArray.from({ length: 1024 }, (_, i) => (i * 101 + 13) % 256);
  const blended = (strength: number) => {
    const copy = restored.slice();
    blend(before, copy, strength);
    return copy;
  };
  const colours = (bytes: Uint8ClampedArray) => bytes.filter((_, i) => i % 4 !== 3);
  assert.deepEqual(colours(blended(0)), colours(before));
  assert.deepEqual(blended(1), restored);
  for (const [i, value] of blended(0.3).entries()) {
    const exact = i % 4 === 3 ? restored[i]! : 0.7 * before[i]! + 0.3 * restored[i]!;
    assert.ok(Math.abs(value - exact) <= 0.5 + 1e-9);
  }
});
