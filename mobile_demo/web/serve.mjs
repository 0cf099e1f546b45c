/**
 * Serves dist/ with the headers that threads need:
 * node serve.mjs [--port=8080] [--host=0.0.0.0]
 *
 * With --host=0.0.0.0 it can be opened from the local network, but browsers allow
 * service workers, threads and WebGPU on https and localhost only.
 */

import path from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

import { serve } from "./static_server.mjs";

const { values } = parseArgs({ options: { port: { type: "string" }, host: { type: "string" } } });
const dist = path.join(path.dirname(fileURLToPath(import.meta.url)), "dist");
const server = await serve(dist, { port: Number(values.port ?? 8080), host: values.host });
console.log(`Open http://localhost:${server.address().port}/ (press Ctrl+C to stop)`);
