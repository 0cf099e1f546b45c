/** The local server: no request ends it, and none leaves the folder. */

import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import type { Server } from "node:http";
import type { AddressInfo } from "node:net";
import net from "node:net";
import { tmpdir } from "node:os";
import path from "node:path";
import { after, before, test } from "node:test";

import { serve } from "../static_server.mjs";

const above = mkdtempSync(path.join(tmpdir(), "deblur-server-"));
let server: Server;

before(async () => {
  mkdirSync(path.join(above, "dist/litert"), { recursive: true });
  mkdirSync(path.join(above, "dist-other"));
  writeFileSync(path.join(above, "dist/index.html"), "the page");
  writeFileSync(path.join(above, "secret.txt"), "secret");
  writeFileSync(path.join(above, "dist-other/secret.txt"), "secret");
  symlinkSync("../secret.txt", path.join(above, "dist/link.txt"));
  server = await serve(path.join(above, "dist"));
});

after(() => {
  server.close();
  rmSync(above, { recursive: true, force: true });
});

/** Sends these very bytes, which no client library would, and returns the answer. */
function send(bytes: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect((server.address() as AddressInfo).port, "127.0.0.1");
    let answer = "";
    socket.setTimeout(10_000, () => reject(new Error(`No answer to ${bytes.toString("latin1")}`)));
    socket.on("data", (part) => (answer += part.toString("latin1")));
    socket.on("close", () => resolve(answer));
    socket.on("error", reject);
    // A request without an end is never answered: the client goes away.
    if (bytes.toString("latin1").includes("\r\n\r\n")) socket.write(bytes);
    else socket.end(bytes);
  });
}

const get = (target: string, method = "GET") =>
  send(`${method} ${target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`);

async function assertServes(): Promise<void> {
  const answer = await get("/");
  assert.match(answer, /^HTTP\/1\.1 200 /);
  assert.match(answer, /the page$/);
}

test("malformed requests get 400, and the server continues", async () => {
  for (const target of ["/%E0%A4%A", "/%", "/%zz", "//", "//[", "/%00", "/x%00.html", "http://[", "/\\\\[%"]) {
    assert.match(await get(target), /^HTTP\/1\.1 40[04] /, target);
    await assertServes();
  }
  for (const bytes of ["", "\r\n", "GET", "\x00\x01\x02\r\n\r\n", `GET /${"x".repeat(100_000)} HTTP/1.1\r\n\r\n`]) {
    assert.doesNotMatch(await send(bytes), /200 OK/);
    await assertServes();
  }
});

test("a thousand random targets end nothing", async () => {
  let state = 1;
  const random = (below: number) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state % below;
  };
  const parts = ["/", "..", "%", "%2e", "%2f", "%5c", "\\", "%c0%af", "?", "#", "a", "dist", "[", "]", "@", ":", ";", "\x80"];
  for (let i = 0; i < 1000; i++) {
    const target = "/" + Array.from({ length: 1 + random(8) }, () => parts[random(parts.length)]).join("");
    assert.doesNotMatch(await get(target), /secret/, target);
  }
  await assertServes();
});

test("nothing outside of the folder is sent", async () => {
  for (const target of [
    "/../secret.txt",
    "/%2e%2e/secret.txt",
    "/%2e%2e%2fsecret.txt",
    "/..%2fdist-other/secret.txt",
    "/litert/..%2f..%2fsecret.txt",
    "/link.txt",
    "/..%5csecret.txt",
  ]) {
    assert.match(await get(target), /^HTTP\/1\.1 404 /, target);
  }
  assert.match(await get("/litert/../index.html"), /the page$/);
});

test("other methods are refused, and HEAD sends no content", async () => {
  for (const method of ["POST", "PUT", "DELETE", "OPTIONS"]) {
    assert.match(await get("/", method), /^HTTP\/1\.1 405 /, method);
  }
  const head = await get("/", "HEAD");
  assert.match(head, /Content-Length: 8\r\n/);
  assert.doesNotMatch(head, /the page/);
});

test("a reader that goes away ends nothing", async () => {
  for (let i = 0; i < 20; i++) {
    const socket = net.connect((server.address() as AddressInfo).port, "127.0.0.1");
    socket.on("error", () => {});
    socket.write("GET / HTTP/1.1\r\nHost: x\r\n\r\n");
    socket.destroy();
  }
  await assertServes();
});

test("the answers carry the policy", async () => {
  const answer = await get("/");
  assert.match(answer, /Content-Security-Policy: default-src 'none'; script-src 'self'/);
  assert.match(answer, /frame-ancestors 'none'/);
  assert.match(answer, /X-Content-Type-Options: nosniff/);
});
