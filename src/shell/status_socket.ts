// The agent's status on a unix socket that root alone may open: connect, read one JSON document, done.

import type { Status } from "../core/plan/status.ts";
import { makePrivately, RUN_FOLDER } from "./files.ts";
import { relieve } from "./relieve.ts";

/** Where the running agent answers. */
export const STATUS_SOCKET = `${RUN_FOLDER}/agent.sock`;

/**
 * Serves the status until closed.
 * @returns undefined when another agent (of another network namespace, with the same /run) serves it already
 */
export async function serveStatus(status: () => Promise<Status>): Promise<{ close(): void } | undefined> {
  if (await readStatus() !== undefined) return undefined;
  const listener = await makePrivately(STATUS_SOCKET, (path) => Deno.listen({ transport: "unix", path }));
  answerAll(listener, status);
  return { close: () => listener.close() };
}

async function answerAll(listener: Deno.UnixListener, status: () => Promise<Status>): Promise<void> {
  for await (const connection of listener) {
    answer(connection, status).catch(() => {});
  }
}

async function answer(connection: Deno.UnixConn, status: () => Promise<Status>): Promise<void> {
  const body = ReadableStream.from(piecesOf(await status())).pipeThrough(new TextEncoderStream());
  await body.pipeTo(connection.writable);
  relieve();
}

/** So many items of a list at a time: 5,000 peers in one text, and its bytes, are 5 MB at once. */
const PIECE = 100;

/** What JSON.stringify makes of it, piece by piece. */
function* piecesOf(status: Status): Iterable<string> {
  let before = "{";
  for (const [key, value] of Object.entries(status)) {
    if (value === undefined) continue;
    yield `${before}${JSON.stringify(key)}:`;
    if (Array.isArray(value)) yield* itemsOf(value);
    else yield JSON.stringify(value);
    before = ",";
  }
  yield "}";
}

function* itemsOf(list: readonly unknown[]): Iterable<string> {
  yield "[";
  for (let i = 0; i < list.length; i += PIECE) {
    yield (i === 0 ? "" : ",") + JSON.stringify(list.slice(i, i + PIECE)).slice(1, -1);
  }
  yield "]";
}

const ANSWER_MS = 3_000;

/** The status of the running agent; undefined when none answers (a stopped one does not). */
export async function readStatus(): Promise<Status | undefined> {
  let connection: Deno.UnixConn | undefined;
  const timer = setTimeout(() => connection?.close(), ANSWER_MS);
  try {
    connection = await Deno.connect({ transport: "unix", path: STATUS_SOCKET });
    return JSON.parse(await new Response(connection.readable).text()) as Status;
  } catch {
    return undefined;
  } finally {
    clearTimeout(timer);
  }
}
