/** Several photos, their strength, and that none is lost. */

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import type { Server } from "node:http";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, describe, test } from "node:test";

import { serve } from "../static_server.mjs";
import { Browser, differences } from "./browser.ts";

const DIST = path.resolve("dist");
const PYTHON = process.env["PYTHON"] ?? "python3";
const photos = mkdtempSync(path.join(tmpdir(), "deblur-queue-"));
const photo = (name: string) => path.join(photos, name);
const expected = (name: string) => readFileSync(photo(`${name}.rgb`));
const python = (script: string, ...args: string[]) =>
  execFileSync(PYTHON, [path.resolve("tests", script), ...args], { encoding: "utf8" });

before(() => {
  python("photos.py", photos);
  python("reference.py", DIST, photos);
});

after(() => rmSync(photos, { recursive: true, force: true }));

/** Shares nothing, but says what would have been, and refuses at first if it is asked to. */
const SHARE_SHEET = `
  window.shared = [];
  navigator.canShare = () => true;
  navigator.share = async ({ files }) => {
    if (window.refusals-- > 0) throw new DOMException("", "NotAllowedError");
    for (const file of files) shared.push([file.name, file.type, file.size]);
  };
`;

describe("several photos", () => {
  let server: Server;
  let browser: Browser;

  before(async () => {
    server = await serve(DIST);
    browser = await Browser.open(server, {
      search: "?model=float16",
      before: (context) => context.addInitScript(SHARE_SHEET),
    });
    await browser.ready();
  });

  after(async () => {
    await browser.close();
    server.close();
  });

  const states = () =>
    browser.page.locator("#queue button").evaluateAll((buttons) => buttons.map((button) => (button as HTMLElement).dataset["state"]));
  const allRestored = () =>
    browser.page.waitForFunction(() =>
      [...document.querySelectorAll<HTMLElement>("#queue button")].every(({ dataset }) => dataset["state"] === "restored"),
    );
  const setStrength = (percent: number) => browser.page.locator("#strength").fill(`${percent}`);

  test("are restored one after the other, and a wrong file is named", async () => {
    writeFileSync(photo("notes.pdf"), "not a photo");
    await browser.choose(photo("two_tiles.png"), photo("notes.pdf"), photo("small.png"), photo("profile.png"));
    await browser.page.getByRole("alert").getByText("“notes.pdf” cannot be opened as a photo.").waitFor();
    assert.equal(await browser.page.textContent("#name"), "two_tiles.png");
    const waiting = browser.page.getByRole("button", { name: /^profile\.png, / });
    await waiting.click();
    assert.equal(await waiting.getAttribute("aria-current"), "true");
    await allRestored();
    assert.deepEqual(await states(), ["restored", "restored", "restored"]);
  });

  test("a profile's numbers are restored as they are stored, and EXIF is carried over", async () => {
    await browser.stage("restored");
    for (const format of ["Same type", "PNG", "JPEG", "WebP"] as const) {
      const { name, file } = await browser.save(format);
      writeFileSync(photo("saved"), file);
      const said = JSON.parse(python("saved.py", photo("profile.png"), photo("saved")));
      const kind = format === "Same type" ? "PNG" : format;
      assert.deepEqual(said, { profile: true, exif: true, dots: 240, format: kind.toUpperCase() });
      assert.equal(name, `profile-deblurred.${{ PNG: "png", JPEG: "jpg", WebP: "webp" }[kind]}`);
      const { largest, mean } = differences((await browser.decode(file)).rgb, expected("profile"));
      assert.ok(kind === "PNG" ? largest <= 1 : mean < 3, `${kind}: ${largest}, ${mean}`);
    }
  });

  test("the probe of the browser's colours is one", async () => {
    const red = await browser.page.evaluate(async () => {
      const file = await (await fetch("colour_probe.png")).blob();
      const levels = [];
      for (const colorSpaceConversion of ["none", "default"] as const) {
        const context = new OffscreenCanvas(1, 1).getContext("2d")!;
        context.drawImage(await createImageBitmap(file, { colorSpaceConversion }), 0, 0);
        levels.push([...context.getImageData(0, 0, 1, 1).data]);
      }
      return levels;
    });
    assert.deepEqual(red[0], [255, 0, 0, 255]);
    assert.ok(red[1]![0]! < 200, `${red[1]}`);
  });

  test("strength blends at once, without restoring again", async () => {
    const { page } = browser;
    await page.getByRole("button", { name: /^two_tiles\.png/ }).click();
    await browser.stage("restored");
    await page.getByRole("slider", { name: /Compare/ }).fill("0");
    const blurry = readFileSync(photo("two_tiles.blurry.rgb"));
    const restored = expected("two_tiles");
    await page.evaluate(() => document.body.setAttribute("data-watched", ""));
    for (const strength of [0, 40, 100]) {
      await setStrength(strength);
      assert.equal(await page.textContent("#strength-value"), `${strength}%`);
      const { rgb } = await browser.decode((await browser.save("PNG")).file);
      const part = strength / 100;
      const blend = Buffer.from(blurry.map((value, i) => Math.round((1 - part) * value + part * restored[i]!)));
      const { largest } = differences(rgb, blend);
      assert.ok(largest <= (strength === 0 ? 0 : 1), `${strength}%: ${largest} of 255`);
      assert.equal(await page.getAttribute("body", "data-stage"), "restored");
    }
  });

  test("the original is shown as long as the button, a key or the photo is held", async () => {
    const { page } = browser;
    const hold = page.getByRole("button", { name: "Hold for the original" });
    await page.click('[data-zoom="fit"]');
    await page.getByRole("slider", { name: /Compare/ }).fill("0");
    const drawn = () =>
      page.evaluate(async () => {
        await new Promise((resolve) => requestAnimationFrame(() => requestAnimationFrame(resolve)));
        const canvas = document.querySelector<HTMLCanvasElement>("#view canvas")!;
        return [...canvas.getContext("2d")!.getImageData(0, 0, canvas.width, canvas.height).data].join();
      });
    await setStrength(0);
    const original = await drawn();
    await setStrength(100);
    const restored = await drawn();
    assert.notEqual(restored, original);
    const box = (await hold.boundingBox())!;
    await page.mouse.move(box.x + 10, box.y + 10);
    await page.mouse.down();
    assert.equal(await drawn(), original);
    assert.equal(await hold.getAttribute("aria-pressed"), "true");
    await page.mouse.up();
    assert.equal(await drawn(), restored);
    await hold.focus();
    await page.keyboard.down(" ");
    assert.equal(await drawn(), original);
    await page.keyboard.up(" ");
    assert.equal(await drawn(), restored);
    // A screen reader can only click.
    await hold.evaluate((button: HTMLElement) => button.click());
    assert.equal(await drawn(), original);
    await hold.evaluate((button: HTMLElement) => button.click());
    const view = (await page.locator("#view").boundingBox())!;
    await page.mouse.move(view.x + 1, view.y + view.height / 2);
    await page.mouse.down();
    await page.waitForSelector('[data-hold][aria-pressed="true"]');
    await page.mouse.up();
    assert.equal(await hold.getAttribute("aria-pressed"), "false");
  });

  test("the share sheet gets the file, on the second press if the first one was too early", async () => {
    const { page } = browser;
    await page.getByRole("button", { name: /^small\.png/ }).click();
    await browser.stage("restored");
    await page.evaluate(() => Object.assign(window, { refusals: 1 }));
    await page.selectOption("#format", { label: "JPEG" });
    await page.click("#share");
    await page.getByText("The file is ready. Press Share again.").waitFor();
    await page.click("#share");
    await page.getByText("Shared.").waitFor();
    const shared = await page.evaluate(() => (window as unknown as { shared: [string, string, number][] }).shared);
    assert.deepEqual(shared.map(([name, type]) => [name, type]), [["small-deblurred.jpg", "image/jpeg"]]);
    assert.ok(shared[0]![2] > 500);
    assert.equal((await states())[1], "saved");
  });

  test("all of them are saved at once", async () => {
    const { page } = browser;
    await page.selectOption("#format", { label: "PNG" });
    const files: string[] = [];
    page.on("download", (download) => files.push(download.suggestedFilename()));
    await page.click("#save-all");
    await page.getByText("Saved 3 photos.").waitFor();
    await page.waitForFunction(() => [...document.querySelectorAll<HTMLElement>("#queue button")].every(({ dataset }) => dataset["state"] === "saved"));
    while (files.length < 3) await new Promise((resolve) => setTimeout(resolve, 50));
    assert.deepEqual(files.sort(), ["profile-deblurred.png", "small-deblurred.png", "two_tiles-deblurred.png"]);
  });

  test("the back button leads to the start and loses nothing", async () => {
    const { page } = browser;
    await setStrength(70);
    await page.goBack();
    await page.waitForSelector("#start:not([hidden])");
    assert.equal(await page.evaluate(() => document.activeElement?.id), "headline");
    assert.equal(await page.textContent("#resume-text"), "3 of 3 photos restored, 1 not saved yet.");
    await page.goForward();
    await page.waitForSelector("#work:not([hidden])");
    assert.equal(await page.evaluate(() => document.activeElement?.id), "name");
    await page.click("#back");
    await page.click("#resume-button");
    await browser.stage("restored");
    assert.equal(await page.inputValue("#strength"), "70");
  });

  test("what is not saved is asked about, what is saved is not", async () => {
    const { page } = browser;
    await page.click("#remove");
    await page.click("#confirm-keep");
    assert.equal((await states()).length, 3);
    await page.click("#remove");
    await page.keyboard.press("Escape");
    assert.equal((await states()).length, 3);
    await page.reload();
    assert.deepEqual(browser.dialogs, ["beforeunload"]);
    await browser.ready();
    await browser.restore(photo("small.png"));
    await browser.save("PNG");
    await page.reload();
    assert.deepEqual(browser.dialogs, ["beforeunload"]);
    await browser.ready();
    // A sample can be had again.
    await page.click('[data-sample*="cat"]');
    await browser.stage("restored");
    await page.reload();
    assert.deepEqual(browser.dialogs, ["beforeunload"]);
  });

  test("that another app shares are opened, once", async () => {
    const { page } = browser;
    await browser.ready();
    const files = ["small.png", "tile.png"].map((name) => readFileSync(photo(name)).toString("base64"));
    const led = await page.evaluate(async (files) => {
      const form = new FormData();
      for (const [i, base64] of files.entries()) {
        const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
        form.append("photos", new File([bytes], `Größe ${i}.png`, { type: "image/png" }));
      }
      return (await fetch("share", { method: "POST", body: form })).url;
    }, files);
    assert.match(led, /\/\?shared$/);
    await page.goto(led);
    await page.waitForFunction(() => document.querySelectorAll("#queue li").length === 2);
    assert.equal(await page.textContent("#name"), "Größe 0.png");
    assert.equal(new URL(page.url()).search, "");
    await allRestored();
    await page.reload();
    await browser.ready();
    assert.equal(await page.isVisible("#start"), true);
  });

  test("cause no error in the console", () => {
    assert.deepEqual(browser.complaints, []);
  });
});

const NO_INT8 = !existsSync(path.join(DIST, "model_int8.tflite")) && "built with another model";

describe("the int8 file", { skip: NO_INT8 }, () => {
  test("is exact to two levels, and the page says that it is used", async () => {
    const server = await serve(DIST);
    const browser = await Browser.open(server, { search: "?model=int8" });
    try {
      assert.match(await browser.ready(), /^Runs on CPU, \d threads, int8$/);
      await browser.restore(photo("tile.png"));
      const { rgb } = await browser.decode((await browser.save("PNG")).file);
      const { largest, mean } = differences(rgb, expected("tile.int8"));
      assert.ok(largest <= 2 && mean < 0.1, `${largest} of 255, ${mean} in the mean`);
    } finally {
      await browser.close();
      server.close();
    }
  });

  test("is used only where it is the faster one, whichever that is here", async () => {
    const server = await serve(DIST);
    const browser = await Browser.open(server);
    try {
      const int8 = / int8$/.test(await browser.ready());
      await browser.restore(photo("tile.png"));
      const { rgb } = await browser.decode((await browser.save("PNG")).file);
      assert.ok(differences(rgb, expected(int8 ? "tile.int8" : "tile")).largest <= 2);
    } finally {
      await browser.close();
      server.close();
    }
  });
});
