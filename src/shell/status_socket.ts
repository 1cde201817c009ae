// The agent's status on a unix socket that root alone may open: connect, read one JSON document, done.

import type { Status } from "../core/plan/status.ts";
import { makePrivately, RUN_FOLDER } from "./files.ts";

/** Where the running agent answers. */
export const STATUS_SOCKET = `${RUN_FOLDER}/agent.sock`;

/**
 * Serves the status until closed.
 * @returns undefined when another agent (of another network namespace, with the same /run) serves it already
 */
export async function serveStatus(status: () => Status): Promise<{ close(): void } | undefined> {
  if (await readStatus() !== undefined) return undefined;
  const listener = await makePrivately(STATUS_SOCKET, (path) => Deno.listen({ transport: "unix", path }));
  answerAll(listener, status);
  return { close: () => listener.close() };
}

async function answerAll(listener: Deno.UnixListener, status: () => Status): Promise<void> {
  for await (const connection of listener) {
    answer(connection, status).catch(() => {});
  }
}

async function answer(connection: Deno.UnixConn, status: () => Status): Promise<void> {
  const body = ReadableStream.from([new TextEncoder().encode(JSON.stringify(status()))]);
  await body.pipeTo(connection.writable);
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
