// One manifest file, read whole or not at all: size, text encoding and the pieces in it.
// Does not watch, and keeps no long text: a piece that was parsed before is known by its digest.

import { type DocumentKind, type Piece, readPiece, splitDocuments } from "../../core/nodes/documents.ts";
import { Refusal, refused } from "../../core/net/refusal.ts";
import type { SourceOptions } from "./node_source.ts";

/** What a file gave: its values in order, and the same by piece, with the digest of the text that each was read from. */
export interface FileContent<T> {
  readonly values: readonly T[];
  readonly pieces: readonly (readonly T[])[];
  readonly digests: readonly string[];
}

/** What is read of files. */
export interface FileReading<T> extends Pick<SourceOptions<T>, "parse"> {
  /** By default Nodes alone. */
  readonly kinds?: ReadonlySet<DocumentKind> | undefined;
}

/** The file is being written: when to look again, and the reason where there is something to tell. */
export class Unsettled {
  constructor(readonly retryMs: number, readonly reason: string | null) {}
}

/** How long a file that nobody closed must have been left alone before it is read. */
export const QUIET_MS = 3_000;
const MAX_BYTES = 256 << 20;
/** The pieces of a file that is no longer are their own digests. */
const MAX_KEPT_LENGTH = 2_000;
const JSON_START = /^\s*\{/;

/** What stands at a path; null when there is nothing. */
export function infoOf(path: string, stat = Deno.statSync): Deno.FileInfo | null {
  try {
    return stat(path);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound || error instanceof Deno.errors.NotADirectory) return null;
    throw error;
  }
}

/** The same; null also where it cannot be told, which a look at that one file is to explain. */
export function glanceAt(path: string): Deno.FileInfo | null {
  try {
    return infoOf(path);
  } catch {
    return null;
  }
}

/** Changes whenever the file's content does, within the resolution of its times. */
export function versionOf(info: Deno.FileInfo): string {
  return `${info.dev}:${info.ino}:${info.size}:${info.mtime?.getTime()}`;
}

/** Changes also when the content was changed and the time of that put back, or the mode changed. */
export function stampOf(info: Deno.FileInfo): string {
  return `${versionOf(info)}:${info.ctime?.getTime()}`;
}

/** Milliseconds until the last write is {@link QUIET_MS} old; 0 for an older one, and for one from the future. */
export function youthMs(info: Deno.FileInfo): number {
  const age = Date.now() - (info.mtime?.getTime() ?? 0);
  return age < 0 ? 0 : Math.max(0, QUIET_MS - age);
}

/** Reads the file that `info` was just taken of. An object whose text was in the file `before` is not parsed again. */
export function readContent<T>(
  file: { readonly path: string; readonly info: Deno.FileInfo; readonly before: FileContent<T> | null },
  { parse, kinds }: FileReading<T>,
): FileContent<T> | Refusal | Unsettled {
  const { path, info, before } = file;
  if (!info.isFile) return new Refusal("is not a file");
  if (info.size > MAX_BYTES) return new Refusal("is larger than 256 MB");
  const text = readText(path);
  if (stampOf(Deno.statSync(path)) !== stampOf(info)) return new Unsettled(QUIET_MS, null);
  if (refused(text)) return text;
  const pieces = splitDocuments(text);
  if (refused(pieces)) return pieces;
  // JSON shows where it ends; YAML that is cut within a line may look whole.
  const wait = text.endsWith("\n") || JSON_START.test(text) ? 0 : youthMs(info);
  if (wait > 0) return new Unsettled(wait, "its last line has no newline yet");
  return readPieces({ text, pieces, before }, { kinds, parse: (json) => parse(json, path) });
}

function readText(path: string): string | Refusal {
  const bytes = Deno.readFileSync(path);
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return new Refusal("is not UTF-8");
  }
}

function readPieces<T>(
  file: { text: string; pieces: readonly Piece[]; before: FileContent<T> | null },
  { parse, kinds }: { parse: (json: unknown) => T } & Pick<FileReading<T>, "kinds">,
): FileContent<T> | Refusal {
  const { text, before } = file;
  const known = new Map(before?.digests.map((digest, i) => [digest, before.pieces[i]!]));
  const pieces: (readonly T[])[] = [];
  const digests: string[] = [];
  for (const piece of file.pieces) {
    const own = text.slice(piece.start, piece.end);
    const digest = text.length <= MAX_KEPT_LENGTH ? own : sha256(own); // a slice keeps the whole text in memory
    let found = known.get(digest);
    if (found === undefined) {
      const objects = readPiece(text, piece, kinds);
      if (refused(objects)) return objects;
      known.set(digest, found = objects.map(parse));
    }
    pieces.push(found);
    digests.push(digest);
  }
  const [first] = pieces;
  if (first !== undefined && pieces.length === 1) return { values: first, pieces, digests };
  return { values: pieces.flat(), pieces, digests };
}

/** Loaded where it is used: a folder of short manifests, and an agent in a cluster, do without its 5 MB. */
function sha256(text: string): string {
  // deno-lint-ignore no-process-global -- its import is the cost that is spared
  return process.getBuiltinModule("node:crypto").createHash("sha256").update(text).digest("base64");
}
