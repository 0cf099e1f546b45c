/**
 * Builds the page into dist/:
 * node build.mjs [--model=path.tflite] [--int8=path.tflite] [--out=folder]
 *
 * All files are local; any web server for static files can serve them.
 */

import { createHash } from "node:crypto";
import { cp, mkdir, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { build } from "esbuild";

import { CONTENT_SECURITY_POLICY } from "./content_security_policy.mjs";

const here = path.dirname(fileURLToPath(import.meta.url));
const weights = path.join(here, "../../egnet_tf/weights");
/** The JSPI build is left out: it is for models that wait for JavaScript. */
const LITERT = ["", "_compat", "_threaded"].flatMap((kind) =>
  ["js", "wasm"].map((end) => `litert_wasm${kind}_internal.${end}`),
);

/** A shipped model of egnet_mobile, such as that of half-precision weights. */
async function shippedModel(kind) {
  const files = await readdir(weights, { recursive: true }).catch(() => []);
  const named = new RegExp(`(^|[/\\\\])egnet_mobile[^/\\\\]*${kind}\\.tflite$`);
  const found = files.find((file) => named.test(file));
  if (!found) {
    const wanted = path.join(weights, `egnet_mobile*${kind}.tflite`);
    throw new Error(`Expected ${wanted}, or --model=. Received: none`);
  }
  return path.join(weights, found);
}

/** Checks the export's description beside the model, if any, against the page's input. */
async function checkDescription(model) {
  const text = await readFile(`${model}.json`, "utf8").catch(() => null);
  if (text === null) return;
  const { dtype, range } = JSON.parse(text).inputs.image;
  if (dtype !== "float32" || `${range}` !== "0,1") {
    throw new Error(
      `Expected a model whose image is float32 in 0,1: ${model}. Received: ${dtype} in ${range}`,
    );
  }
}

/** Builds the page into a folder, which is emptied first. */
async function buildPage({ models, out }) {
  await rm(out, { recursive: true, force: true });
  await mkdir(path.join(out, "litert"), { recursive: true });
  await cp(path.join(here, "static"), out, { recursive: true });
  await writePolicy(path.join(out, "index.html"));
  for (const [name, model] of Object.entries(models)) await cp(model, path.join(out, name));
  for (const file of LITERT) {
    await cp(path.join(here, "node_modules/@litertjs/core/wasm", file), path.join(out, "litert", file));
  }
  const bundle = (entry, define = {}) =>
    build({
      entryPoints: [path.join(here, "src", entry)],
      outdir: out,
      entryNames: "[name]",
      bundle: true,
      format: "iife",
      target: ["chrome92", "firefox113", "safari16.4"],
      minify: true,
      logLevel: "warning",
      define,
    });
  await bundle("page/main.ts");
  await bundle("worker/worker.ts", { HAS_INT8: String("model_int8.tflite" in models) });

  // LiteRT's builds are large and a browser needs only one, and not each needs the int8
  // file: cached when first requested.
  const files = await filesIn(out);
  const shell = files.filter((file) => !file.startsWith("litert/") && file !== "model_int8.tflite");
  const digest = createHash("sha256");
  for (const file of files) digest.update(file).update(await readFile(path.join(out, file)));
  await bundle("service_worker/service_worker.ts", {
    VERSION: JSON.stringify(digest.digest("hex").slice(0, 16)),
    SHELL: JSON.stringify(["./", ...shell]),
    CONTENT_SECURITY_POLICY: JSON.stringify(CONTENT_SECURITY_POLICY),
  });
}

/** The policy stands in the page too: most hosts of static files send no header. */
async function writePolicy(file) {
  const page = await readFile(file, "utf8");
  const place = '<meta charset="utf-8" />';
  const policy = `<meta http-equiv="Content-Security-Policy" content="${CONTENT_SECURITY_POLICY}" />`;
  if (!page.includes(place)) throw new Error(`Expected ${place} in ${file}. Received: none`);
  await writeFile(file, page.replace(place, `${place}\n    ${policy}`));
}

async function filesIn(folder) {
  const files = [];
  for (const name of await readdir(folder, { recursive: true })) {
    if ((await stat(path.join(folder, name))).isFile()) files.push(name.split(path.sep).join("/"));
  }
  return files.sort();
}

const text = { type: "string" };
const { values } = parseArgs({ options: { model: text, int8: text, out: text } });
const out = path.resolve(values.out ?? path.join(here, "dist"));
try {
  // The page uses the int8 file where it is faster; with a model of one's own there is none.
  const int8 = values.int8 || (values.model ? null : await shippedModel("int8"));
  const models = { "model.tflite": values.model || (await shippedModel("float16")) };
  if (int8) models["model_int8.tflite"] = int8;
  for (const model of Object.values(models)) await checkDescription(model);
  await buildPage({ models, out });
  console.log(`Built ${out} with ${Object.values(models).join(" and ")}`);
} catch (error) {
  console.error(error.message);
  process.exit(1);
}
