/** The network on this device: LiteRT.js on WebGPU or WebAssembly. */

import {
  type CompiledModel,
  isWebGPUSupported,
  loadAndCompile,
  loadLiteRt,
  supportsFeature,
  Tensor,
  unloadLiteRt,
} from "@litertjs/core";

import type { ModelKind, RunsOn } from "../core/protocol.ts";

/** Whether the page was built with an int8 file. */
declare const HAS_INT8: boolean;

const LITERT = "litert/";
const MODELS: Record<ModelKind, string> = { float16: "model.tflite", int8: "model_int8.tflite" };
/** The int8 file loses a little: it is used where it saves at least a tenth of the time. */
const WORTHWHILE = 0.9;
/** How often both files are timed, in turns. */
const TIMED_RUNS = 3;
/** On phones, whose cores differ in speed, more threads only wait for each other. */
const MOST_THREADS = 4;
/**
 * What a correct WebGPU may differ from WebAssembly by on the probe: the root mean square, in
 * that by which the network changes the probe (int8 files reach 0.08, half precision 0.01), or
 * always two levels of 255; and a single value in [0, 1]. egnet_tf/inference/runners has the same.
 */
const LARGEST_ERROR = 0.25;
const SMALLEST_ERROR = 2 / 255;
const LARGEST_DIFFERENCE = 0.1;

/** Restores one tile at a time. */
export class Engine {
  private constructor(
    private model: CompiledModel,
    private content: Uint8Array,
    /** Side of the tiles in pixels, as the file says. */
    readonly tile: number,
    public runsOn: RunsOn,
  ) {}

  /**
   * Loads LiteRT and the model and chooses what to run on.
   *
   * @param wanted `auto` uses WebGPU if it is available, in hardware and correct.
   * @param kind `auto` uses the int8 file on the CPU if it is there and faster.
   * @throws Error if the files cannot be loaded or the model does not take one tile.
   */
  static async load(wanted: "auto" | "webgpu" | "wasm", kind: "auto" | ModelKind): Promise<Engine> {
    const first = kind === "auto" ? "float16" : kind;
    const [threads, content] = await Promise.all([loadRuntime(), fetchBytes(MODELS[first])]);
    const cpu: RunsOn = { accelerator: "wasm", threads, model: first };
    const model = await compile(content, cpu);
    const engine = new Engine(model, content, tileSide(model), cpu);
    if (wanted === "webgpu" || (wanted === "auto" && (await hasHardwareWebGpu()))) {
      await engine.moveToWebGpu();
    }
    if (HAS_INT8 && kind === "auto" && engine.runsOn.accelerator === "wasm") await engine.tryInt8();
    return engine;
  }

  /**
   * @param image float32 tile x tile x 3 in [0, 1].
   * @returns the same, restored, not clipped.
   */
  async restore(image: Float32Array): Promise<Float32Array> {
    try {
      return await runChecked(this.model, image, this.tile);
    } catch (error) {
      if (this.runsOn.accelerator === "wasm") throw error;
      // Graphics memory runs out and drivers restart: what WebGPU cannot finish,
      // WebAssembly can.
      console.warn("WebGPU failed; continuing on the CPU.", error);
      this.model.delete();
      this.runsOn = { ...this.runsOn, accelerator: "wasm" };
      this.model = await compile(this.content, this.runsOn);
      return runChecked(this.model, image, this.tile);
    }
  }

  /** Changes to the int8 file if that is faster here; its kernels depend on the processor. */
  private async tryInt8(): Promise<void> {
    let model: CompiledModel | null = null;
    try {
      const content = await fetchBytes(MODELS.int8);
      const cpu: RunsOn = { ...this.runsOn, model: "int8" };
      model = await compile(content, cpu);
      if (tileSide(model) !== this.tile) throw new Error("Expected the same tiles. Received: others");
      const image = probe(this.tile);
      let [half, int8] = [Infinity, Infinity];
      // The first run of each also plans its memory; the fastest counts.
      for (let run = 0; run < TIMED_RUNS; run++) {
        half = Math.min(half, await timed(this.model, image, this.tile));
        int8 = Math.min(int8, await timed(model, image, this.tile));
      }
      console.debug(`A tile takes ${half.toFixed(0)} ms in half precision, ${int8.toFixed(0)} ms in int8.`);
      if (int8 > WORTHWHILE * half) {
        model.delete();
        return;
      }
      this.model.delete();
      [this.model, this.content, this.runsOn] = [model, content, cpu];
    } catch (error) {
      model?.delete();
      console.warn("The int8 file is not used.", error);
    }
  }

  private async moveToWebGpu(): Promise<void> {
    if (!isWebGPUSupported()) return;
    const gpu: RunsOn = { ...this.runsOn, accelerator: "webgpu" };
    try {
      const model = await compile(this.content, gpu);
      const image = probe(this.tile);
      const expected = await runChecked(this.model, image, this.tile);
      const received = await runChecked(model, image, this.tile);
      const error = rms(expected, received);
      const allowed = Math.max(LARGEST_ERROR * rms(expected, image), SMALLEST_ERROR);
      const difference = largestDifference(expected, received);
      if (!(error <= allowed && difference <= LARGEST_DIFFERENCE)) {
        model.delete();
        throw new Error(
          `Expected WebGPU within ${allowed} of WebAssembly, and ${LARGEST_DIFFERENCE} ` +
            `at most. Received: ${error}, ${difference} at most`,
        );
      }
      this.model.delete();
      this.model = model;
      this.runsOn = gpu;
    } catch (error) {
      console.warn("WebGPU is not used.", error);
    }
  }
}

/** Milliseconds that a model takes for an image. */
async function timed(model: CompiledModel, image: Float32Array, tile: number): Promise<number> {
  const started = performance.now();
  await runChecked(model, image, tile);
  return performance.now() - started;
}

/** Loads LiteRT's WebAssembly; returns with how many threads it runs. */
async function loadRuntime(): Promise<number> {
  const directory = new URL(LITERT, self.location.href).href;
  const load = async (threads: boolean) => {
    // LiteRT reads `self.Module` once. Its notices are not errors: log them as debug.
    Object.assign(self, {
      Module: {
        locateFile: (file: string) => directory + file,
        // The script that its threads start from; by default it would be this bundle.
        mainScriptUrlOrBlob: directory + "litert_wasm_threaded_internal.js",
        print: (line: string) => console.debug(line),
        printErr: (line: string) => console.debug(line),
      },
    });
    try {
      await loadLiteRt(directory, { threads });
    } catch (error) {
      // A missing file rejects with a bare event.
      throw error instanceof Error
        ? error
        : new Error(`Expected LiteRT's files. Received: none at ${directory}`);
    }
  };
  const threads = Math.min(MOST_THREADS, navigator.hardwareConcurrency || 1);
  if (threads > 1 && self.crossOriginIsolated) {
    if ((await supportsFeature("threads")) && (await supportsFeature("relaxedSimd"))) {
      try {
        await load(true);
        return threads;
      } catch (error) {
        console.warn("Threads are not used.", error);
        unloadLiteRt();
      }
    }
  }
  await load(false);
  return 1;
}

function compile(content: Uint8Array, { accelerator, threads }: RunsOn): Promise<CompiledModel> {
  return loadAndCompile(content, { accelerator, cpuOptions: { numThreads: threads } });
}

async function fetchBytes(file: string): Promise<Uint8Array> {
  const response = await fetch(file);
  if (!response.ok) {
    throw new Error(`Expected the file ${file}. Received: status ${response.status}`);
  }
  return new Uint8Array(await response.arrayBuffer());
}

function tileSide(model: CompiledModel): number {
  const [input, ...others] = model.getInputDetails();
  const [batch, height, width, channels] = input?.shape ?? [];
  if (
    others.length > 0 || input?.name !== "image" || input.dtype !== "float32" ||
    batch !== 1 || height !== width || height === undefined || channels !== 3
  ) {
    throw new Error(
      "Expected a model of one image, float32 (1, S, S, 3). " +
        `Received: ${input?.name} ${input?.dtype} (${input?.shape})`,
    );
  }
  return height;
}

async function runChecked(
  model: CompiledModel,
  image: Float32Array,
  tile: number,
): Promise<Float32Array> {
  const input = new Tensor(image, [1, tile, tile, 3]);
  let outputs: Tensor[] = [];
  try {
    outputs = await model.run([input]);
    // Copied: the numbers live in LiteRT's memory, which is freed below.
    const restored = Float32Array.from((await outputs[0]!.data()) as Float32Array);
    if (!restored.every(Number.isFinite)) {
      throw new Error("Expected finite numbers from the network. Received: NaN or infinity");
    }
    return restored;
  } finally {
    // LiteRT's memory is not garbage collected.
    for (const tensor of [input, ...outputs]) {
      if (!tensor.deleted) tensor.delete();
    }
  }
}

/** WebGPU on the processor is slower than WebAssembly. */
async function hasHardwareWebGpu(): Promise<boolean> {
  try {
    const adapter = await navigator.gpu?.requestAdapter();
    return adapter != null && adapter.info?.isFallbackAdapter !== true;
  } catch {
    return false;
  }
}

/**
 * A test image that gives a network work: stripes under horizontal motion blur.
 *
 * A network that deblurs leaves sharp edges as they are, and so would a driver that computes
 * nothing. A square wave of 32 pixels, averaged over 11.
 */
function probe(tile: number): Float32Array {
  return Float32Array.from({ length: tile * tile * 3 }, (_, i) => {
    const x = Math.floor(i / 3) % tile;
    const y = Math.floor(i / 3 / tile);
    const place = (x + 5 * (i % 3) + 7 * Math.floor(y / 8)) % 32;
    const wave = 0.5 + (Math.abs(place - 16) - 8) / 11;
    return 0.1 + 0.8 * Math.min(Math.max(wave, 0), 1);
  });
}

function rms(one: Float32Array, other: Float32Array): number {
  const sum = one.reduce((total, value, i) => total + (value - other[i]!) ** 2, 0);
  return Math.sqrt(sum / one.length);
}

function largestDifference(one: Float32Array, other: Float32Array): number {
  return one.reduce((most, value, i) => Math.max(most, Math.abs(value - other[i]!)), 0);
}
