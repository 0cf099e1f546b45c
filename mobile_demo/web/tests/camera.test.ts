/** Zooming and moving the view. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { Camera } from "../src/page/camera.ts";

function camera(): Camera {
  const camera = new Camera();
  camera.resize({ width: 400, height: 300 });
  camera.setPhoto({ width: 4000, height: 2000 });
  return camera;
}

test("a photo is first shown whole and centred", () => {
  assert.deepEqual(camera().frame, { x: 0, y: 50, width: 400, height: 200 });
});

test("what is under the finger stays there while it is zoomed", () => {
  const view = camera();
  view.zoom(8);
  const before = { x: (250 - view.left) / view.scale, y: (120 - view.top) / view.scale };
  view.zoom(1.7, 250, 120);
  assert.ok(Math.abs((250 - view.left) / view.scale - before.x) < 1e-9);
  assert.ok(Math.abs((120 - view.top) / view.scale - before.y) < 1e-9);
});

test("a large photo cannot be moved off the view", () => {
  const view = camera();
  view.zoom(10);
  view.move(1e6, -1e6);
  assert.equal(view.frame.x, 0);
  assert.equal(view.frame.y + view.frame.height, 300);
  assert.deepEqual(view.seen, { x: 0, y: 1700, width: 400, height: 300 });
});

test("it zooms neither below the whole nor above eight times", () => {
  const view = camera();
  view.zoom(1e-6);
  assert.ok(view.isWhole);
  view.zoom(1e6);
  assert.equal(view.scale, 8);
});

test("a photo shown whole stays whole after the phone is rotated", () => {
  const view = camera();
  view.resize({ width: 300, height: 400 });
  assert.deepEqual(view.frame, { x: 0, y: 125, width: 300, height: 150 });
});

test("an area is shown in the middle, as large as the view allows", () => {
  const view = camera();
  view.show({ x: 3000, y: 1000, width: 400, height: 200 });
  assert.equal(view.scale, 1);
  assert.deepEqual(view.seen, { x: 3000, y: 950, width: 400, height: 300 });
  // At a corner there is no gap, and nothing is larger than eight times.
  view.show({ x: 3999, y: 1999, width: 1, height: 1 });
  assert.equal(view.scale, 8);
  assert.equal(view.frame.x + view.frame.width, 400);
});
