/** The built page in a real browser, against egnet_tf on the same model. */

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
const photos = mkdtempSync(path.join(tmpdir(), "deblur-photos-"));
const photo = (name: string) => path.join(photos, name);
const expected = (name: string) => readFileSync(photo(`${name}.rgb`));

before(() => {
  assert.ok(existsSync(path.join(DIST, "model.tflite")), "Expected a built page in dist/. Received: none");
  const run = (script: string, ...args: string[]) =>
    execFileSync(PYTHON, [path.resolve("tests", script), ...args], { stdio: "inherit" });
  run("photos.py", photos);
  run("reference.py", DIST, photos);
});

after(() => rmSync(photos, { recursive: true, force: true }));

describe("a photo", () => {
  let server: Server;
  let browser: Browser;

  before(async () => {
    server = await serve(DIST);
    browser = await Browser.open(server, { search: "?model=float16" });
  });

  after(async () => {
    await browser.close();
    server.close();
  });

  test("the page says what it runs on: threads, where it is isolated", async () => {
    assert.match(await browser.ready(), /^Runs on CPU, \d threads$/);
  });

  test("is restored exactly as by egnet_tf with the same model", async () => {
    await browser.restore(photo("photo.png"));
    const { name, file } = await browser.save("PNG");
    assert.equal(name, "photo-deblurred.png");
    const { width, height, rgb } = await browser.decode(file);
    assert.deepEqual([width, height], [600, 400]);
    const { largest } = differences(rgb, expected("photo"));
    assert.ok(largest <= 1, `${largest} of 255`);
  });

  test("is saved as a JPEG that looks the same", async () => {
    const { name, file } = await browser.save("JPEG");
    assert.equal(name, "photo-deblurred.jpg");
    assert.deepEqual([...file.subarray(0, 3)], [0xff, 0xd8, 0xff]);
    assert.match((await browser.status())!, /^Saved as photo-deblurred\.jpg/);
    const { mean } = differences((await browser.decode(file)).rgb, expected("photo"));
    assert.ok(mean < 2, `${mean} of 255`);
  });

  test("smaller than a tile is padded as in egnet_tf", async () => {
    await browser.restore(photo("small.png"));
    const { width, height, rgb } = await browser.decode((await browser.save("PNG")).file);
    assert.deepEqual([width, height], [60, 90]);
    assert.ok(differences(rgb, expected("small")).largest <= 1);
  });

  test("is rotated upright as its EXIF orientation says", async () => {
    await browser.restore(photo("rotated.jpg"));
    assert.equal(await browser.page.textContent("#size"), "250 × 400");
    const { width, height, rgb } = await browser.decode((await browser.save("PNG")).file);
    assert.deepEqual([width, height], [250, 400]);
    // Two JPEG decoders, each within its rights: a level here and there.
    const { mean } = differences(rgb, expected("rotated"));
    assert.ok(mean < 0.5, `${mean} of 255`);
  });

  test("shows its progress tile by tile", async () => {
    await browser.page.evaluate(() => {
      const heard: string[] = [];
      Object.assign(window, { heard });
      const status = document.getElementById("status")!;
      new MutationObserver(() => heard.push(status.textContent!)).observe(status, { childList: true });
    });
    await browser.restore(photo("photo.png"));
    const heard = await browser.page.evaluate(() => (window as unknown as { heard: string[] }).heard);
    const tiles = heard.map((text) => Number(/Tile (\d) of 6/.exec(text)?.[1])).filter(Boolean);
    assert.deepEqual([...new Set(tiles)], [1, 2, 3, 4, 5, 6]);
    assert.deepEqual(tiles, [...tiles].sort());
    assert.match(heard.at(-1)!, / blur[ ,.].* Took [\d.]+ seconds\.$/);
  });

  test("can be stopped, and started again", async () => {
    await browser.choose(photo("wide.png"));
    await browser.page.waitForFunction(() => /Tile 2 of/.test(document.getElementById("status")!.textContent!));
    await browser.page.click("#cancel");
    await browser.stage("stopped");
    assert.equal(await browser.status(), "Stopped.");
    assert.equal(await browser.page.isVisible("#save"), false);
    await browser.page.click("#restore");
    await browser.stage("working");
    // Removed in the middle of it: the next one begins.
    await browser.remove();
    await browser.restore(photo("small.png"));
    const { rgb } = await browser.decode((await browser.save("PNG")).file);
    assert.ok(differences(rgb, expected("small")).largest <= 1);
  });

  test("can be compared and zoomed with the keyboard alone", async () => {
    const { page } = browser;
    const slider = page.getByRole("slider", { name: /Compare/ });
    await slider.focus();
    const value = async () => Number(await slider.inputValue());
    assert.equal(await value(), 50);
    await page.keyboard.press("ArrowRight");
    assert.equal(await value(), 51);
    await page.keyboard.press("Home");
    assert.equal(await value(), 0);
    // The view is drawn, and the text said, with the browser's next frame.
    await page.waitForSelector('[aria-valuetext="100 percent restored"]');
    const zoomOut = page.getByRole("button", { name: "Zoom out" });
    assert.equal(await zoomOut.isDisabled(), true);
    await page.keyboard.press("+");
    await page.waitForFunction(() => !document.querySelector<HTMLButtonElement>('[data-zoom="out"]')!.disabled);
    await page.keyboard.press("0");
    await page.waitForFunction(() => document.querySelector<HTMLButtonElement>('[data-zoom="out"]')!.disabled);
  });

  test("shows every one of its pixels when it is zoomed, also a large one", async () => {
    await browser.restore(photo("wide.png"));
    const { page } = browser;
    await page.getByRole("slider", { name: /Compare/ }).fill("0");
    await page.getByRole("group", { name: /^Photo/ }).focus();
    // It opens where it changed most.
    await page.keyboard.press("0");
    for (let i = 0; i < 30; i++) await page.keyboard.press("+");
    // The middle of the photo is the middle of the view, eight screen pixels a pixel.
    const restored = expected("wide");
    const at = ((128 * 2400) + 1200) * 3;
    const wanted = [...restored.subarray(at, at + 3)];
    await page.waitForFunction((rgb) => {
      const canvas = document.querySelector<HTMLCanvasElement>("#view canvas")!;
      const middle = canvas.getContext("2d")!.getImageData(canvas.width / 2 + 4, canvas.height / 2 + 4, 1, 1);
      return rgb.every((value, i) => Math.abs(value - middle.data[i]!) <= 1);
    }, wanted);
  });

  test("that cannot be opened gets a clear message, and the page stays usable", async () => {
    writeFileSync(photo("broken.jpeg"), readFileSync(photo("rotated.jpg")).subarray(0, 40));
    await browser.choose(photo("broken.jpeg"));
    const alert = browser.page.getByRole("alert");
    await alert.getByText("“broken.jpeg” cannot be opened as a photo.").waitFor();
    // What was on the screen is still there.
    assert.equal(await browser.page.textContent("#name"), "wide.png");
    assert.equal(await browser.page.isVisible("#save"), true);
    await alert.getByRole("button", { name: "Dismiss" }).click();
    await browser.restore(photo("tile.png"));
    assert.equal(await alert.isVisible(), false);
  });

  test("that is too large gets a clear message", async () => {
    await browser.choose(photo("huge.gif"));
    const alert = browser.page.getByRole("alert");
    await alert.getByText("“huge.gif” is too large for this device.").waitFor();
    assert.match((await alert.textContent())!, /72 megapixels \(9000 × 8000\), and this device can hold about \d+\./);
  });

  test("leaves no memory behind, thirty times in a row", async (t) => {
    await browser.ready();
    const run = async (times: number) => {
      for (let i = 0; i < times; i++) {
        await browser.remove();
        await browser.restore(photo("two_tiles.png"));
      }
      return browser.memory();
    };
    while (await browser.page.isVisible("#work")) await browser.remove();
    await browser.restore(photo("two_tiles.png"));
    const before = await run(10);
    const grown = ((await run(30)) - before) / 2 ** 20;
    t.diagnostic(`grew by ${grown.toFixed(1)} MiB from ${(before / 2 ** 20).toFixed(0)}`);
    // The inputs and outputs of the tiles alone, kept, would be 90 MiB.
    assert.ok(grown < 30, `grew by ${grown.toFixed(1)} MiB`);
  });

  test("can be restored without a network, after a reload", async () => {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    await browser.page.reload();
    assert.match(await browser.ready(), /^Runs on CPU/);
    await browser.page.click('[data-sample*="cat"]');
    await browser.stage("restored");
  });

  test("causes no error in the console", () => {
    assert.deepEqual(browser.complaints, []);
  });
});

describe("the page", () => {
  let server: Server;
  let browser: Browser | null = null;

  before(async () => {
    server = await serve(DIST, { isolated: false });
  });

  const close = async () => {
    await browser?.close();
    browser = null;
  };

  after(async () => {
    await close();
    server.close();
  });

  test("runs on one thread where the host cannot isolate it, and isolates itself", async () => {
    browser = await Browser.open(server, { search: "?model=float16" });
    assert.equal(await browser.ready(), "Runs on CPU");
    await browser.restore(photo("tile.png"));
    const { rgb } = await browser.decode((await browser.save("PNG")).file);
    assert.ok(differences(rgb, expected("tile")).largest <= 1);
    await browser.page.reload();
    assert.match(await browser.ready(), /^Runs on CPU, \d threads$/);
    assert.deepEqual(browser.complaints, []);
    await close();
  });

  test("runs on WebGPU and is exact to two levels", async () => {
    browser = await Browser.open(server, {
      search: "?accelerator=webgpu",
      flags: ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"],
    });
    assert.equal(await browser.ready(), "Runs on WebGPU");
    await browser.restore(photo("tile.png"));
    const { rgb } = await browser.decode((await browser.save("PNG")).file);
    const { largest } = differences(rgb, expected("tile"));
    assert.ok(largest <= 2, `${largest} of 255`);
    await close();
  });

  test("does not use WebGPU that is emulated on the CPU", async () => {
    browser = await Browser.open(server, {
      flags: ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader", "--enable-features=Vulkan"],
    });
    assert.match(await browser.ready(), /^Runs on CPU/);
    await close();
  });

  test("loads nothing from elsewhere and runs no code but its own", async () => {
    browser = await Browser.open(server);
    await browser.ready();
    const refused = await browser.page.evaluate(async () => {
      const directives = new Set<string>();
      document.addEventListener("securitypolicyviolation", (event) => directives.add(event.effectiveDirective));
      const script = document.createElement("script");
      script.textContent = "document.body.dataset.ran = 'inline'";
      document.body.append(script);
      new Image().src = "http://127.0.0.1:9/x.png";
      await fetch("http://127.0.0.1:9/x").catch(() => {});
      const base = document.createElement("base");
      base.href = "http://127.0.0.1:9/";
      document.head.append(base);
      while (directives.size < 4) await new Promise((resolve) => setTimeout(resolve, 50));
      return { directives: [...directives].sort(), ran: document.body.dataset["ran"] };
    });
    assert.deepEqual(refused, {
      directives: ["base-uri", "connect-src", "img-src", "script-src-elem"],
      ran: undefined,
    });
    await close();
  });

  test("says so where the browser is too old", async () => {
    browser = await Browser.open(server, {
      before: (context) => context.addInitScript("delete window.OffscreenCanvas"),
    });
    await browser.page.getByRole("alert").getByText("This browser is too old").waitFor();
    assert.deepEqual(browser.complaints, []);
    await close();
  });

  test("says so when memory runs out", async () => {
    browser = await Browser.open(server, {
      serviceWorkers: "block",
      before: (context) =>
        context.route("**/worker.js", async (route) => {
          const response = await route.fetch();
          const refuse = "self.createImageBitmap = () => Promise.reject(new DOMException('', 'InvalidStateError'));";
          await route.fulfill({ response, body: refuse + (await response.text()) });
        }),
    });
    await browser.ready();
    await browser.choose(photo("tile.png"));
    await browser.page.getByRole("alert").getByText("There is not enough memory for this photo.").waitFor();
    await browser.stage("failed");
    assert.equal(await browser.page.isVisible("#restore"), true);
    await close();
  });

  test("says so where the network cannot be loaded", async () => {
    browser = await Browser.open(server, {
      serviceWorkers: "block",
      before: (context) => context.route("**/litert/*", (route) => route.fulfill({ status: 404 })),
    });
    await browser.page.getByRole("alert").getByText("The network could not be run.").waitFor();
    await close();
  });
});
