/**
 * What a JPEG, PNG or WebP file says beside its pixels, carried from file to file.
 *
 * Metadata never decides whether a photo can be saved: what is damaged is left out.
 */

import { exifResolution, resolutionExif, uprightExif, type Resolution } from "./exif.ts";

export interface Metadata {
  /** From the byte order on. */
  exif: Uint8Array | null;
  /** The profile of the pixels' colours. */
  icc: Uint8Array | null;
  resolution: Resolution | null;
}

type Bytes = Uint8Array;

const NOTHING: Metadata = { exif: null, icc: null, resolution: null };
const EXIF = ascii("Exif\0\0");
const ICC = ascii("ICC_PROFILE\0");
const JFIF = ascii("JFIF\0");
/** The most that a segment of a JPEG file holds. */
const MOST_SEGMENT = 0xffff - 2;
/** A profile is refused beyond this: a small file can be inflated to any size. */
const MOST_PROFILE = 2 ** 24;
const INCH = 0.0254;

/** Reads the metadata of a file; an unknown format has none. */
export async function readMetadata(file: Bytes): Promise<Metadata> {
  try {
    if (starts(file, [0xff, 0xd8])) return readJpeg(file);
    if (starts(file, [0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10])) return await readPng(file);
    if (isWebp(file)) return readWebp(file);
  } catch (error) {
    console.debug("The photo's metadata is not read.", error);
  }
  return NOTHING;
}

/** Whether a profile describes red, green and blue, as the pixels that are saved are. */
export function isRgbProfile(icc: Bytes): boolean {
  return icc.length > 128 && starts(icc.subarray(16), ascii("RGB "));
}

/**
 * Puts metadata into a file that a browser has encoded.
 *
 * @param size of the photo, as it is stored in the file: upright.
 * @returns the file in pieces.
 */
export async function withMetadata(
  file: Bytes,
  metadata: Metadata,
  size: { width: number; height: number },
): Promise<Bytes[]> {
  const exif = metadata.exif && uprightExif(metadata.exif, size.width, size.height);
  const resolution = metadata.resolution ?? (exif && exifResolution(exif));
  const carried = { ...metadata, exif, resolution };
  if (starts(file, [0xff, 0xd8])) return writeJpeg(file, carried);
  if (isWebp(file)) return writeWebp(file, carried, size);
  return writePng(file, carried);
}

// ---- JPEG ----

/** Segments up to the first that holds pixels, and where the rest begins. */
function segments(file: Bytes): { parts: { marker: number; content: Bytes; all: Bytes }[]; rest: number } {
  const parts = [];
  let at = 2;
  while (at + 4 <= file.length && file[at] === 0xff) {
    const marker = file[at + 1]!;
    if (marker === 0xff) {
      at++;
      continue;
    }
    const end = at + 2 + (file[at + 2]! << 8) + file[at + 3]!;
    if (marker === 0xda || end > file.length || end < at + 4) break;
    parts.push({ marker, content: file.subarray(at + 4, end), all: file.subarray(at, end) });
    at = end;
  }
  return { parts, rest: at };
}

function readJpeg(file: Bytes): Metadata {
  let [exif, resolution] = [NOTHING.exif, NOTHING.resolution];
  const profile = new Map<number, Bytes>();
  for (const { marker, content } of segments(file).parts) {
    if (marker === 0xe0 && starts(content, JFIF) && content.length >= 12) {
      const metres = { 1: INCH, 2: 0.01 }[content[7]!];
      const [x, y] = [(content[8]! << 8) + content[9]!, (content[10]! << 8) + content[11]!];
      if (metres && x && y) resolution = { x: x / metres, y: y / metres };
    } else if (marker === 0xe1 && starts(content, EXIF)) {
      exif ??= content.subarray(EXIF.length);
    } else if (marker === 0xe2 && starts(content, ICC)) {
      profile.set(content[ICC.length]!, content.subarray(ICC.length + 2));
    }
  }
  const numbers = [...profile.keys()].sort((a, b) => a - b);
  const icc = numbers.length > 0 ? join(numbers.map((number) => profile.get(number)!)) : null;
  return { exif, icc, resolution };
}

function writeJpeg(file: Bytes, { exif, icc, resolution }: Metadata): Bytes[] {
  const segment = (marker: number, ...content: (Bytes | number[])[]) => {
    const length = content.reduce((sum, part) => sum + part.length, 2);
    return join([[0xff, marker, length >> 8, length & 0xff], ...content]);
  };
  const pieces = [file.subarray(0, 2), segment(0xe0, JFIF, density(resolution))];
  if (exif && exif.length + EXIF.length <= MOST_SEGMENT) pieces.push(segment(0xe1, EXIF, exif));
  const step = MOST_SEGMENT - ICC.length - 2;
  const parts = Math.ceil((icc?.length ?? 0) / step);
  for (let part = 0; icc && part < parts && parts < 256; part++) {
    pieces.push(segment(0xe2, ICC, [part + 1, parts], icc.subarray(part * step, (part + 1) * step)));
  }
  const { parts: own, rest } = segments(file);
  for (const { marker, content, all } of own) {
    const replaced = marker === 0xe0 || (marker === 0xe1 && exif) || (marker === 0xe2 && starts(content, ICC) && icc);
    if (!replaced) pieces.push(all);
  }
  return [...pieces, file.subarray(rest)];
}

/** What follows JFIF's name: version, unit, density, and no thumbnail. */
function density(resolution: Resolution | null): number[] {
  let best = { error: Infinity, unit: 0, x: 1, y: 1 };
  for (const [unit, metres] of resolution ? ([[1, INCH], [2, 0.01]] as const) : []) {
    const [x, y] = [Math.round(resolution!.x * metres), Math.round(resolution!.y * metres)];
    const error = Math.abs(x / metres - resolution!.x);
    const fits = x >= 1 && y >= 1 && x <= 0xffff && y <= 0xffff;
    if (fits && error < best.error) best = { error, unit, x, y };
  }
  const { unit, x, y } = best;
  return [1, 2, unit, x >> 8, x & 0xff, y >> 8, y & 0xff, 0, 0];
}

// ---- PNG ----

function* chunks(file: Bytes): Generator<{ kind: string; content: Bytes; all: Bytes }> {
  const view = viewOf(file);
  for (let at = 8; at + 12 <= file.length; ) {
    const end = at + 12 + view.getUint32(at);
    if (end > file.length) return;
    const kind = String.fromCharCode(...file.subarray(at + 4, at + 8));
    yield { kind, content: file.subarray(at + 8, end - 4), all: file.subarray(at, end) };
    at = end;
  }
}

async function readPng(file: Bytes): Promise<Metadata> {
  const found = { ...NOTHING };
  for (const { kind, content } of chunks(file)) {
    if (kind === "eXIf") found.exif = starts(content, EXIF) ? content.subarray(EXIF.length) : content;
    if (kind === "pHYs" && content.length === 9 && content[8] === 1) {
      const [x, y] = [viewOf(content).getUint32(0), viewOf(content).getUint32(4)];
      if (x && y) found.resolution = { x, y };
    }
    if (kind === "iCCP") {
      const name = content.indexOf(0);
      if (name >= 0 && content[name + 1] === 0) found.icc = await inflate(content.subarray(name + 2));
    }
  }
  return found;
}

async function writePng(file: Bytes, { exif, icc, resolution }: Metadata): Promise<Bytes[]> {
  const own: Bytes[] = [];
  if (icc) own.push(chunk("iCCP", join([ascii("ICC profile\0\0"), await deflate(icc)])));
  if (resolution) {
    const content = new Uint8Array(9);
    viewOf(content).setUint32(0, Math.min(Math.round(resolution.x), 2 ** 31 - 1));
    viewOf(content).setUint32(4, Math.min(Math.round(resolution.y), 2 ** 31 - 1));
    content[8] = 1;
    own.push(chunk("pHYs", content));
  }
  if (exif) own.push(chunk("eXIf", exif));
  const replaced = new Set([resolution && "pHYs", exif && "eXIf"]);
  // Only one of them may say what the colours are.
  for (const kind of icc ? ["iCCP", "sRGB", "gAMA", "cHRM", "cICP"] : []) replaced.add(kind);
  const pieces = [file.subarray(0, 8)];
  for (const { kind, all } of chunks(file)) {
    if (!replaced.has(kind)) pieces.push(all);
    if (kind === "IHDR") pieces.push(...own);
  }
  return pieces;
}

function chunk(kind: string, content: Bytes): Bytes {
  const bytes = new Uint8Array(content.length + 12);
  viewOf(bytes).setUint32(0, content.length);
  bytes.set(ascii(kind), 4);
  bytes.set(content, 8);
  viewOf(bytes).setUint32(content.length + 8, crc32(bytes.subarray(4, content.length + 8)));
  return bytes;
}

/** The check of PNG (ISO 3309), bit by bit: metadata is small. */
function crc32(bytes: Bytes): number {
  let crc = -1;
  for (const byte of bytes) {
    crc ^= byte;
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return ~crc >>> 0;
}

async function deflate(bytes: Bytes): Promise<Bytes> {
  const packed = new Blob([bytes as BlobPart]).stream().pipeThrough(new CompressionStream("deflate"));
  return new Uint8Array(await new Response(packed).arrayBuffer());
}

/** Null for what is damaged or larger than is sensible. */
async function inflate(bytes: Bytes): Promise<Bytes | null> {
  const reader = new Blob([bytes as BlobPart]).stream().pipeThrough(new DecompressionStream("deflate")).getReader();
  const parts: Bytes[] = [];
  let length = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) return join(parts);
      parts.push(value);
      length += value.length;
      if (length > MOST_PROFILE) {
        await reader.cancel();
        return null;
      }
    }
  } catch {
    return null;
  }
}

// ---- WebP ----

function isWebp(file: Bytes): boolean {
  return starts(file, ascii("RIFF")) && starts(file.subarray(8), ascii("WEBP"));
}

function* riffChunks(file: Bytes): Generator<{ kind: string; content: Bytes; all: Bytes }> {
  for (let at = 12; at + 8 <= file.length; ) {
    const end = at + 8 + viewOf(file).getUint32(at + 4, true);
    if (end > file.length) return;
    const kind = String.fromCharCode(...file.subarray(at, at + 4));
    yield { kind, content: file.subarray(at + 8, end), all: file.subarray(at, end) };
    at = end + (end % 2);
  }
}

function readWebp(file: Bytes): Metadata {
  const found = { ...NOTHING };
  for (const { kind, content } of riffChunks(file)) {
    if (kind === "EXIF") found.exif = starts(content, EXIF) ? content.subarray(EXIF.length) : content;
    if (kind === "ICCP") found.icc = content;
  }
  return found;
}

function writeWebp(file: Bytes, metadata: Metadata, size: { width: number; height: number }): Bytes[] {
  const { icc, resolution } = metadata;
  const exif = metadata.exif ?? (resolution && resolutionExif(resolution));
  if (!exif && !icc) return [file];
  const pixels = [...riffChunks(file)].filter(({ kind }) => ["VP8 ", "VP8L", "ALPH"].includes(kind));
  // VP8L says itself whether it has opacity, in bit 28 of its head.
  const alpha = pixels.some(({ kind, content }) => kind === "ALPH" || (kind === "VP8L" && (content[4]! & 0x10) !== 0));
  const head = new Uint8Array(10);
  head[0] = (icc ? 0x20 : 0) + (alpha ? 0x10 : 0) + (exif ? 0x08 : 0);
  viewOf(head).setUint16(4, (size.width - 1) & 0xffff, true);
  head[6] = (size.width - 1) >> 16;
  viewOf(head).setUint16(7, (size.height - 1) & 0xffff, true);
  head[9] = (size.height - 1) >> 16;
  const pieces = [
    riffChunk("VP8X", head),
    ...(icc ? [riffChunk("ICCP", icc)] : []),
    ...pixels.map(({ kind, content }) => riffChunk(kind, content)),
    ...(exif ? [riffChunk("EXIF", exif)] : []),
  ];
  const start = new Uint8Array(12);
  start.set(ascii("RIFF"));
  viewOf(start).setUint32(4, pieces.reduce((sum, piece) => sum + piece.length, 4), true);
  start.set(ascii("WEBP"), 8);
  return [start, ...pieces];
}

function riffChunk(kind: string, content: Bytes): Bytes {
  const bytes = new Uint8Array(8 + content.length + (content.length % 2));
  bytes.set(ascii(kind));
  viewOf(bytes).setUint32(4, content.length, true);
  bytes.set(content, 8);
  return bytes;
}

// ---- bytes ----

function ascii(text: string): Bytes {
  return Uint8Array.from(text, (letter) => letter.charCodeAt(0));
}

function starts(bytes: Bytes, start: Bytes | number[]): boolean {
  return bytes.length >= start.length && Array.from(start).every((byte, i) => bytes[i] === byte);
}

function viewOf(bytes: Bytes): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function join(parts: (Bytes | number[])[]): Bytes {
  const joined = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    joined.set(part, at);
    at += part.length;
  }
  return joined;
}
