/** A real browser that shows the built page, with the actions that the tests need. */

import assert from "node:assert/strict";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";

import { type BrowserContext, chromium, type Page } from "playwright-core";

const BROWSERS = [
  process.env["CHROMIUM"] ?? "",
  "/usr/bin/chromium",
  "/usr/bin/google-chrome",
  "/usr/bin/chromium-browser",
];
const QUIET = [
  "--no-sandbox",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
  "--js-flags=--expose-gc",
];
/** Generous, because the machine may be busy; no test measures time. */
export const PATIENCE = { timeout: Number(process.env["PATIENCE"] ?? 300_000) };

export interface Options {
  /** Query string of the page's address, such as `?accelerator=wasm`. */
  search?: string;
  flags?: string[];
  serviceWorkers?: "allow" | "block";
  /** Runs before the page's own code. */
  before?: (context: BrowserContext) => Promise<unknown>;
}

export class Browser {
  private constructor(
    readonly context: BrowserContext,
    readonly page: Page,
    /** Errors reported by the console and the page. */
    readonly complaints: string[],
    /** Kinds of the dialogs that the browser has shown; all are accepted. */
    readonly dialogs: string[],
    private readonly profile: string,
  ) {}

  static async open(server: Server, options: Options = {}): Promise<Browser> {
    const executablePath = BROWSERS.find((file) => file !== "" && existsSync(file));
    assert.ok(executablePath, "Expected Chromium (or CHROMIUM=path). Received: none");
    const profile = mkdtempSync(path.join(tmpdir(), "deblur-"));
    const context = await chromium.launchPersistentContext(profile, {
      executablePath,
      headless: true,
      args: [...QUIET, ...(options.flags ?? ["--disable-gpu"])],
      serviceWorkers: options.serviceWorkers ?? "allow",
      viewport: { width: 360, height: 740 },
      acceptDownloads: true,
    });
    await options.before?.(context);
    const page = await context.newPage();
    page.setDefaultTimeout(PATIENCE.timeout);
    const complaints: string[] = [];
    page.on("console", (message) => {
      if (message.type() === "error") complaints.push(message.text());
    });
    page.on("pageerror", (error) => complaints.push(`${error}`));
    const dialogs: string[] = [];
    page.on("dialog", (dialog) => {
      dialogs.push(dialog.type());
      void dialog.accept();
    });
    page.on("crash", () => complaints.push("The page crashed."));
    await page.goto(`http://localhost:${(server.address() as AddressInfo).port}/${options.search ?? ""}`);
    return new Browser(context, page, complaints, dialogs, profile);
  }

  async close(): Promise<void> {
    await this.context.close();
    rmSync(this.profile, { recursive: true, force: true });
  }

  /** Waits until the network is ready; returns the text that says what it runs on. */
  async ready(): Promise<string> {
    await this.page.waitForSelector('#engine[data-state="ready"]');
    return (await this.page.textContent("#engine-text"))!;
  }

  /** Adds photos to the queue; the first of them is shown. */
  async choose(...files: string[]): Promise<void> {
    await this.page.setInputFiles("#choose", files);
  }

  async stage(name: "waiting" | "working" | "restored" | "stopped" | "failed"): Promise<void> {
    await this.page.waitForFunction((stage) => document.body.dataset["stage"] === stage, name);
  }

  async restore(file: string): Promise<void> {
    await this.choose(file);
    await this.page.waitForFunction(
      (name) => document.getElementById("name")!.textContent === name,
      path.basename(file),
    );
    await this.stage("restored");
  }

  /** Removes the photo on the screen, saved or not. */
  async remove(): Promise<void> {
    const photos = await this.page.locator("#queue > li").count();
    await this.page.click("#remove");
    const sure = this.page.locator("#confirm-remove");
    if (await sure.isVisible()) await sure.click();
    // The dialog tells that it was closed, and the browser goes back, a moment later.
    await this.page.waitForFunction((before) => {
      const now = document.querySelectorAll("#queue > li").length;
      return now < before && (now > 0 || document.body.dataset["screen"] === "start");
    }, photos);
  }

  status(): Promise<string | null> {
    return this.page.textContent("#status");
  }

  /** Saves the restored photo as a person would. */
  async save(format: "Same type" | "JPEG" | "PNG" | "WebP"): Promise<{ name: string; file: Buffer }> {
    await this.page.selectOption("#format", { label: format });
    const [download] = await Promise.all([
      this.page.waitForEvent("download"),
      this.page.click("#save"),
    ]);
    return { name: download.suggestedFilename(), file: readFileSync(await download.path()) };
  }

  /** The size and the stored RGB bytes of an image file, as this browser decodes it. */
  async decode(file: Buffer): Promise<{ width: number; height: number; rgb: Buffer }> {
    const decoded = await this.page.evaluate(async (base64) => {
      const bytes = Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
      const bitmap = await createImageBitmap(new Blob([bytes]), { colorSpaceConversion: "none" });
      const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d")!;
      context.drawImage(bitmap, 0, 0);
      const { width, height, data } = context.getImageData(0, 0, bitmap.width, bitmap.height);
      let rgb = "";
      for (let i = 0; i < data.length; i += 4) {
        rgb += String.fromCharCode(data[i]!, data[i + 1]!, data[i + 2]!);
      }
      return { width, height, rgb: btoa(rgb) };
    }, file.toString("base64"));
    return { ...decoded, rgb: Buffer.from(decoded.rgb, "base64") };
  }

  /** The RGB levels of a pixel of the view, at a part of its width and height. */
  pixel(x: number, y: number): Promise<number[]> {
    return this.page.evaluate(([x, y]) => {
      const canvas = document.querySelector<HTMLCanvasElement>("#view canvas")!;
      const at = canvas.getContext("2d")!.getImageData(Math.floor(canvas.width * x!), Math.floor(canvas.height * y!), 1, 1);
      return [...at.data.subarray(0, 3)];
    }, [x, y]);
  }

  /** Resident memory of the page's process in bytes, after garbage collection. */
  async memory(): Promise<number> {
    // LiteRT's threads cannot be asked; their memory belongs to the worker.
    const own = this.page.workers().find((worker) => worker.url().endsWith("/worker.js"))!;
    await own.evaluate("gc()");
    await this.page.evaluate("gc()");
    const session = await this.context.browser()!.newBrowserCDPSession();
    const { processInfo } = await session.send("SystemInfo.getProcessInfo");
    await session.detach();
    const renderers = processInfo.filter(({ type }) => type === "renderer");
    const resident = renderers.map(({ id }) => {
      const pages = readFileSync(`/proc/${id}/statm`, "utf8").split(" ")[1];
      return Number(pages) * 4096;
    });
    return Math.max(...resident);
  }
}

/** The largest and the mean difference between the bytes of two images. */
export function differences(one: Buffer, other: Buffer): { largest: number; mean: number } {
  assert.equal(one.length, other.length);
  let [largest, sum] = [0, 0];
  for (let i = 0; i < one.length; i++) {
    const difference = Math.abs(one[i]! - other[i]!);
    largest = Math.max(largest, difference);
    sum += difference;
  }
  return { largest, mean: sum / one.length };
}
