/** Metadata that is carried from file to file, as independent readers find it. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";

import { exifResolution, resolutionExif, uprightExif } from "../src/core/exif.ts";
import { isRgbProfile, readMetadata, withMetadata } from "../src/core/metadata.ts";

const PYTHON = process.env["PYTHON"] ?? "python3";
const UPRIGHT = { width: 24, height: 40 };
const folder = mkdtempSync(path.join(tmpdir(), "deblur-metadata-"));
const python = (command: string) =>
  execFileSync(PYTHON, [path.resolve("tests/metadata.py"), command, folder], { encoding: "utf8" });
const bytesOf = (name: string) => new Uint8Array(readFileSync(path.join(folder, name)));
const photos = () => readdirSync(folder).filter((name) => /^[a-z]+\.\w+$/.test(name));

before(() => python("write"));
after(() => rmSync(folder, { recursive: true, force: true }));

test("EXIF, profile and resolution are those of the photo, in every format", async () => {
  const images = readdirSync(path.join(folder, "encoded"));
  for (const photo of photos()) {
    const metadata = await readMetadata(bytesOf(photo));
    for (const image of images) {
      const pieces = await withMetadata(bytesOf(`encoded/${image}`), metadata, UPRIGHT);
      writeFileSync(path.join(folder, `${photo}_in_${image}`), Buffer.concat(pieces));
    }
  }
  assert.equal(Number(python("read")), photos().length * images.length);
  assert.equal(photos().length, 8);
});

test("a photo that says nothing adds nothing", async () => {
  assert.deepEqual(await readMetadata(bytesOf("bare.jpg")), { exif: null, icc: null, resolution: null });
  for (const name of ["plain.png", "lossy.webp"]) {
    const encoded = bytesOf(`encoded/${name}`);
    const pieces = await withMetadata(encoded, await readMetadata(bytesOf("bare.jpg")), UPRIGHT);
    assert.deepEqual(new Uint8Array(Buffer.concat(pieces)), encoded);
  }
});

test("a corrected block is that of the golden file", async () => {
  const exifOf = async (name: string) => (await readMetadata(new Uint8Array(readFileSync(`../golden/${name}`)))).exif!;
  assert.deepEqual(uprightExif(await exifOf("exif_photo.jpg"), 24, 40), await exifOf("exif_saved.jpg"));
});

test("damaged metadata is left out, and no file ends the page", async () => {
  let state = 7;
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
  const image = bytesOf("encoded/plain.jpg");
  for (const photo of photos()) {
    const original = bytesOf(photo);
    for (let i = 0; i < 150; i++) {
      const damaged = original.slice(0, i % 3 === 0 ? random(original.length) : original.length);
      for (let k = 0; k < 4 && damaged.length > 0; k++) {
        damaged[random(Math.min(damaged.length, i % 2 ? 400 : damaged.length))] = random(256);
      }
      const pieces = await withMetadata(image, await readMetadata(damaged), UPRIGHT);
      assert.ok(Buffer.concat(pieces).includes(Buffer.from(image.subarray(-100))), photo);
    }
  }
  for (const bytes of [[], [0xff], [0xff, 0xd8], [0xff, 0xd8, 0xff], [0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]]) {
    const { exif, icc } = await readMetadata(Uint8Array.from(bytes));
    assert.deepEqual({ exif, icc }, { exif: null, icc: null });
  }
});

test("a block that lies about its thumbnail loses no tag", () => {
  const block = resolutionExif({ x: 2000, y: 3000 });
  const lying = new Uint8Array(block.length + 30);
  lying.set(block);
  const view = new DataView(lying.buffer);
  // The next directory: a "thumbnail" that begins at the first tag.
  view.setUint32(46, block.length, true);
  view.setUint16(block.length, 2, true);
  for (const [i, tag, value] of [[0, 0x0201, 8], [1, 0x0202, 40]] as const) {
    view.setUint16(block.length + 2 + 12 * i, tag, true);
    view.setUint16(block.length + 4 + 12 * i, 4, true);
    view.setUint32(block.length + 10 + 12 * i, value, true);
  }
  assert.deepEqual(exifResolution(uprightExif(lying, 1, 1)!), exifResolution(block));
  assert.equal(uprightExif(Uint8Array.of(1, 2, 3), 1, 1), null);
});

test("only profiles of red, green and blue are kept for such pixels", async () => {
  const { icc } = await readMetadata(bytesOf("intel.jpg"));
  assert.equal(isRgbProfile(icc!), true);
  const cmyk = icc!.slice();
  cmyk.set(Buffer.from("CMYK"), 16);
  assert.equal(isRgbProfile(cmyk), false);
  assert.equal(isRgbProfile(Uint8Array.of(1)), false);
});
