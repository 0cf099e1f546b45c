/** Bundles the tests and runs them: node tests/run.mjs [part of a file's name] */

import { spawnSync } from "node:child_process";
import { readdir, rm } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

import { build } from "esbuild";

const here = path.dirname(fileURLToPath(import.meta.url));
const out = path.join(here, "../build/tests");
await rm(out, { recursive: true, force: true });
const tests = (await readdir(here)).filter(
  (file) => file.endsWith(".test.ts") && file.includes(process.argv[2] ?? ""),
);
await build({
  entryPoints: tests.map((file) => path.join(here, file)),
  outdir: out,
  outExtension: { ".js": ".mjs" },
  bundle: true,
  platform: "node",
  format: "esm",
  target: "node18",
  sourcemap: "inline",
  packages: "external",
  logLevel: "warning",
});
const files = tests.map((file) => path.join(out, file.replace(/ts$/, "mjs")));
const { status } = spawnSync(
  process.execPath,
  ["--enable-source-maps", "--test", "--test-reporter=spec", ...files],
  { stdio: "inherit", cwd: path.join(here, "..") },
);
process.exit(status ?? 1);
