// The agent's status on a unix socket that root alone may open: connect, read one JSON document, done.

import type { Status } from "../core/plan/status.ts";
import { makePrivately, RUN_FOLDER } from "./files.ts";
import { relieve } from "./relieve.ts";
import { sleep } from "./sleep.ts";

/** Where the running agent answers. */
export const STATUS_SOCKET = `${RUN_FOLDER}/agent.sock`;

/**
 * Serves the status until closed.
 * @returns undefined when another agent (of another network namespace, with the same /run) serves it already
 */
export async function serveStatus(status: () => Promise<Status>): Promise<{ close(): void } | undefined> {
  if (typeof await readStatus() === "object") return undefined; // one that hangs serves nobody
  const listener = await makePrivately(STATUS_SOCKET, (path) => Deno.listen({ transport: "unix", path }));
  answerAll(listener, status);
  return { close: () => listener.close() };
}

const ACCEPT_AGAIN_MS = 1_000;

async function answerAll(listener: Deno.UnixListener, status: () => Promise<Status>): Promise<void> {
  try {
    for await (const connection of listener) answer(connection, status).catch(() => {});
  } catch {
    // It may open no more files: who asks waits until it may.
    await sleep(ACCEPT_AGAIN_MS);
    answerAll(listener, status);
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

/** For so long an answer is waited for. */
const ANSWER_MS = 3_000;

/** What comes of asking: the status; that somebody listens and does not answer; undefined: nobody listens. */
export type Answer = Status | "hangs" | undefined;

/** Asks the running agent. One that is stopped, or does not come round to it within {@link ANSWER_MS}, hangs. */
export async function readStatus(): Promise<Answer> {
  let connection: Deno.UnixConn | undefined;
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    connection?.close();
  }, ANSWER_MS);
  try {
    connection = await Deno.connect({ transport: "unix", path: STATUS_SOCKET });
    return JSON.parse(await new Response(connection.readable).text()) as Status;
  } catch (error) {
    // Where many have asked before, the queue of those that wait is full.
    return isLate || error instanceof Deno.errors.WouldBlock ? "hangs" : undefined;
  } finally {
    clearTimeout(timer);
  }
}

/** Why no status is there, for a person. */
export function silenceOf(answer: "hangs" | undefined): string {
  const seconds = ANSWER_MS / 1000;
  return answer === "hangs"
    ? `the agent hangs: it does not answer on ${STATUS_SOCKET} within ${seconds} s; restart it, which costs no packet`
    : `no agent answers on ${STATUS_SOCKET}: start it with \`wigglenet run\``;
}
