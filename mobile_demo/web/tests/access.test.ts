/** For everybody: axe-core's findings, large text, headings, focus, icons. */

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import type { Server } from "node:http";
import { createRequire } from "node:module";
import path from "node:path";
import { after, before, test } from "node:test";

import { serve } from "../static_server.mjs";
import { Browser } from "./browser.ts";

const DIST = path.resolve("dist");
const AXE = readFileSync(createRequire(path.resolve("package.json")).resolve("axe-core/axe.min.js"), "utf8");
const SAMPLES = [path.join(DIST, "samples/cat.jpg"), path.join(DIST, "icon-512.png")];

let server: Server;
let browser: Browser;

before(async () => {
  server = await serve(DIST);
  browser = await Browser.open(server, {
    search: "?model=float16",
    before: (context) => context.addInitScript(AXE),
  });
  await browser.ready();
});

after(async () => {
  await browser.close();
  server.close();
});

/** What axe-core finds in every size and colour scheme, and how far the page is too wide. */
async function assertGood(where: string): Promise<void> {
  const { page } = browser;
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    for (const [width, text] of [[1280, 100], [390, 100], [390, 200], [320, 200]] as const) {
      await page.setViewportSize({ width, height: 844 });
      await page.evaluate((percent) => (document.documentElement.style.fontSize = `${percent}%`), text);
      const state = `${where}, ${colorScheme}, ${width} pixels, text of ${text}%`;
      const found = await page.evaluate(async () => {
        const { axe } = window as unknown as { axe: { run(): Promise<{ violations: { id: string; nodes: { html: string }[] }[] }> } };
        const { violations } = await axe.run();
        return violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html).join(" ")}`);
      });
      assert.deepEqual(found, [], state);
      const outside = await page.evaluate(() => {
        const wide = [...document.querySelectorAll<HTMLElement>("button, select, input, h1, h2, p, output")].filter((element) => {
          const { left, right, width } = element.getBoundingClientRect();
          const scrolls = element.closest(".photos") !== null || element.matches(".unseen");
          return width > 0 && !scrolls && (left < -0.5 || right > innerWidth + 0.5);
        });
        return { scrolls: document.documentElement.scrollWidth - innerWidth, wide: wide.map(({ outerHTML }) => outerHTML) };
      });
      assert.deepEqual(outside, { scrolls: 0, wide: [] }, state);
      // No control of the view lies on another.
      const covered = await page.evaluate(() => {
        const controls = [...document.querySelectorAll<HTMLElement>(".tools button")].filter((button) => button.offsetWidth > 0);
        const boxes = controls.map((control) => control.getBoundingClientRect());
        return boxes.some((a, i) => boxes.some((b, k) => k > i && a.left < b.right && b.left < a.right && a.top < b.bottom && b.top < a.bottom));
      });
      assert.equal(covered, false, state);
      assert.equal(await page.locator("h1:visible").count(), 1, state);
    }
  }
  await page.evaluate(() => (document.documentElement.style.fontSize = ""));
}

const focused = () => browser.page.evaluate(() => document.activeElement?.id);

test("the start is accessible, and its text can be doubled", async () => {
  await assertGood("start");
});

test("the focus follows a sample that is chosen with the keyboard", async () => {
  await browser.page.locator('[data-sample*="coffee"]').focus();
  await browser.page.keyboard.press("Enter");
  await browser.stage("restored");
  assert.equal(await focused(), "name");
  assert.equal(await browser.page.textContent("h1:visible"), "coffee.jpg");
});

test("so is a restored photo, which is shown where it changed most", async () => {
  await browser.page.waitForFunction(() => !document.querySelector<HTMLButtonElement>('[data-zoom="fit"]')!.disabled);
  await assertGood("restored");
});

test("so is the queue, with a message", async () => {
  await browser.choose(...SAMPLES, path.join(DIST, "main.js"));
  await browser.page.getByRole("alert").getByText("“main.js” cannot be opened").waitFor();
  await browser.page.waitForFunction(() =>
    [...document.querySelectorAll<HTMLElement>("#queue button")].every(({ dataset }) => dataset["state"] === "restored"),
  );
  await assertGood("queue");
});

test("so is the question before a photo is thrown away", async () => {
  await browser.page.click("#remove");
  await assertGood("question");
  await browser.page.click("#confirm-keep");
  assert.equal(await focused(), "remove");
});

test("so is the start with photos to come back to", async () => {
  await browser.page.click("#back");
  await browser.page.waitForSelector("#start:not([hidden])");
  assert.equal(await focused(), "headline");
  await assertGood("start again");
});

test("the icons are as large as the manifest says, and a maskable one has no hole", async () => {
  const icons = await browser.page.evaluate(async () => {
    const manifest = await (await fetch(document.querySelector<HTMLLinkElement>('[rel="manifest"]')!.href)).json();
    const touch = document.querySelector<HTMLLinkElement>('[rel="apple-touch-icon"]')!.href;
    const found = [];
    for (const { src, sizes, type, purpose } of [...manifest.icons, { src: touch, sizes: "180x180", type: "image/png", purpose: "maskable" }]) {
      if (type !== "image/png") continue;
      const bitmap = await createImageBitmap(await (await fetch(src)).blob());
      const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d")!;
      context.drawImage(bitmap, 0, 0);
      const { data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
      const hole = data.some((value, i) => i % 4 === 3 && value < 255);
      // Outside of a circle of 80% of the side, which is all that a launcher keeps for sure.
      const [r, g, b] = data;
      let outside = 0;
      for (let i = 0; i < data.length; i += 4) {
        const [x, y] = [(i / 4) % bitmap.width, Math.floor(i / 4 / bitmap.width)];
        const far = Math.hypot(x + 0.5 - bitmap.width / 2, y + 0.5 - bitmap.height / 2) > 0.4 * bitmap.width;
        if (far && (data[i] !== r || data[i + 1] !== g || data[i + 2] !== b)) outside++;
      }
      found.push({ right: sizes === `${bitmap.width}x${bitmap.height}`, whole: purpose !== "maskable" || !hole, inside: purpose !== "maskable" || outside === 0 });
    }
    return found;
  });
  assert.equal(icons.length, 4);
  for (const icon of icons) assert.deepEqual(icon, { right: true, whole: true, inside: true });
});
