/** The photos of a visit, without a browser. */

import assert from "node:assert/strict";
import { test } from "node:test";

import { formatOf, PhotoQueue, type QueuedPhoto } from "../src/page/photo_queue.ts";

function queueOf(...names: string[]): { queue: PhotoQueue; photos: QueuedPhoto[] } {
  const queue = new PhotoQueue();
  const photos = names.map((name) => queue.add({ file: new Blob(), name, width: 1, height: 1, isSample: name === "sample" }));
  return { queue, photos };
}

test("one photo is restored at a time, in order", () => {
  const { queue, photos } = queueOf("a", "b", "c");
  assert.equal(queue.next(), photos[0]);
  photos[0]!.state = "working";
  assert.equal(queue.next(), null);
  assert.equal(queue.before(photos[2]!), 2);
  photos[0]!.state = "failed";
  assert.equal(queue.next(), photos[1]);
  photos[1]!.state = "stopped";
  assert.equal(queue.next(), photos[2]);
});

test("a removed photo gives its place to the next one, the last to the one before", () => {
  const { queue, photos } = queueOf("a", "b", "c");
  assert.equal(queue.remove(photos[1]!), photos[2]);
  assert.equal(queue.remove(photos[2]!), photos[0]);
  assert.equal(queue.remove(photos[0]!), null);
  // Numbers are not given twice: the worker may still answer for an old one.
  assert.equal(queue.add({ file: new Blob(), name: "d", width: 1, height: 1, isSample: false }).id, 4);
});

test("what is not saved is at risk, a sample never", () => {
  const { queue, photos } = queueOf("a", "sample");
  photos[1]!.state = "restored";
  assert.equal(queue.isAtRisk, true);
  photos[0]!.state = "restored";
  assert.deepEqual(queue.unsaved, [photos[0]]);
  photos[0]!.saved = true;
  assert.equal(queue.isAtRisk, false);
});

test("a photo keeps its type where the browser writes it, and no loss where it had none", () => {
  const formats = ["image/jpeg", "image/png", "image/webp"];
  const own = (type: string, writable = formats) => {
    const { photos } = queueOf("a");
    return formatOf({ ...photos[0]!, file: new Blob([], { type }) }, null, writable);
  };
  for (const type of formats) assert.equal(own(type), type);
  assert.equal(own("image/webp", formats.slice(0, 2)), "image/png");
  assert.equal(own("image/gif"), "image/png");
  assert.equal(own("image/heic"), "image/jpeg");
  assert.equal(own(""), "image/jpeg");
  const { photos } = queueOf("a");
  assert.equal(formatOf(photos[0]!, "image/png", formats), "image/png");
});
