/** The estimate of blur against the numbers that egnet_tf wrote. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";

import { blurLength, blurLevel, hardlyImproved, windowFeatures, windowLengths } from "../src/core/blur.ts";
import { restoredText } from "../src/page/messages.ts";

interface Golden {
  height: number;
  width: number;
  first_features: number[];
  lengths: number[];
  doubts: number[];
  estimate: number | null;
}

const { images } = JSON.parse(readFileSync("../golden/blur.json", "utf8")) as { images: Golden[] };

/** The image of mobile_demo/golden/write_golden.py. */
function level(y: number, x: number, c: number): number {
  let total = 0;
  for (let k = x; k < x + 9; k++) {
    const checks = (Math.floor((k + 2 * y) / 37) + Math.floor((3 * k + y) / 53)) % 2;
    total += 40 + 160 * checks + ((7 * y + 3 * k + 5 * c) % 16);
  }
  return Math.floor(total / 9);
}

function read(top: number, left: number, height: number, width: number): Uint8ClampedArray {
  const rgba = new Uint8ClampedArray(height * width * 4);
  for (let i = 0; i < rgba.length; i++) {
    const pixel = i >> 2;
    rgba[i] = i % 4 === 3 ? 255 : level(top + Math.floor(pixel / width), left + (pixel % width), i % 4);
  }
  return rgba;
}

function assertNear(received: readonly number[], expected: readonly number[], what: string): void {
  assert.equal(received.length, expected.length, what);
  for (const [i, value] of received.entries()) {
    assert.ok(Math.abs(value - expected[i]!) <= 1e-7 * Math.max(1, Math.abs(expected[i]!)), `${what} ${i}: ${value}`);
  }
}

for (const { height, width, first_features, lengths, doubts, estimate } of images) {
  test(`the blur of ${height} x ${width} pixels is that of egnet_tf`, () => {
    const found = windowLengths(read, height, width);
    assertNear(found.lengths, lengths, "length");
    assertNear(found.doubts, doubts, "doubt");
    if (first_features.length > 0) {
      const [h, w] = [Math.min(height, 192), Math.min(width, 192)];
      const [top, left] = [height < 192 * 2 - 191 ? (height - h) >> 1 : 0, width <= 192 ? (width - w) >> 1 : 0];
      const rgba = read(top, left, h, w);
      const luma = Int32Array.from({ length: h * w }, (_, i) => (77 * rgba[4 * i]! + 150 * rgba[4 * i + 1]! + 29 * rgba[4 * i + 2]! + 128) >> 8);
      assertNear(windowFeatures(luma, h, w), first_features, "feature");
    }
    const received = blurLength(read, height, width);
    if (estimate === null) assert.equal(received, null);
    else assertNear([received!], [estimate], "estimate");
  });
}

test("levels and verdicts are those of egnet_tf", () => {
  assert.deepEqual([null, 2.99, 3, 11.99, 12].map(blurLevel), ["unknown", "none", "mild", "mild", "strong"]);
  assert.equal(hardlyImproved(40, 31), true);
  assert.equal(hardlyImproved(40, 30), false);
  assert.equal(hardlyImproved(11, 11), false);
  assert.equal(hardlyImproved(40, null), false);
});

test("what came of it is said in words", () => {
  const said = (before: number | null, after: number | null) => restoredText({ before, after, seconds: 3.14 });
  assert.equal(said(7.21, 3.1), "Mild blur, about 7.2 px; now about 3.1 px. Took 3.1 seconds.");
  assert.equal(said(40, 38), "Strong blur, about 40 px: hardly improved. Took 3.1 seconds.");
  assert.equal(said(2, 1.8), "No blur found; hardly anything to restore. Took 3.1 seconds.");
  assert.equal(said(null, null), "Too little detail to tell the blur. Took 3.1 seconds.");
  assert.equal(said(9.96, null), "Mild blur, about 10 px. Took 3.1 seconds.");
});
