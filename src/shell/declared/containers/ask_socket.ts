// One question to a container engine, by HTTP/1.0 on its unix socket: whose API it is docker and podman share. Not by fetch, which
// would need a client of its own for each socket.

/** What was answered. */
export interface Answer {
  readonly status: number;
  readonly json: unknown;
}

const DEADLINE_MS = 5_000;
/** An inspection has some ten kilobytes. */
const LONGEST = 1_000_000;

/**
 * Asks.
 * @throws Error when nobody answers in time, or not with HTTP and JSON
 */
export async function askSocket(socket: string, path: string): Promise<Answer> {
  const connection = await Deno.connect({ transport: "unix", path: socket });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    close(connection);
  }, DEADLINE_MS);
  try {
    const request = `GET ${path} HTTP/1.0\r\nHost: localhost\r\nConnection: close\r\n\r\n`;
    await connection.write(new TextEncoder().encode(request));
    return parseAnswer(await readAll(connection));
  } catch (error) {
    throw isLate ? new Error(`nothing within ${DEADLINE_MS} ms`) : error;
  } finally {
    clearTimeout(timer);
    close(connection);
  }
}

async function readAll(connection: Deno.UnixConn): Promise<string> {
  const chunk = new Uint8Array(65_536);
  const decoder = new TextDecoder();
  let text = "";
  for (;;) {
    const count = await connection.read(chunk);
    if (count === null) return text + decoder.decode();
    text += decoder.decode(chunk.subarray(0, count), { stream: true });
    if (text.length > LONGEST) throw new Error("its answer has no end");
  }
}

function parseAnswer(text: string): Answer {
  const end = text.indexOf("\r\n\r\n");
  const [, status] = /^HTTP\/1[.][01] (\d{3}) /.exec(text) ?? [];
  if (end < 0 || status === undefined) throw new Error("it does not speak HTTP");
  return { status: Number(status), json: JSON.parse(text.slice(end + 4)) };
}

function close(connection: Deno.UnixConn): void {
  try {
    connection.close();
  } catch {
    // It is closed.
  }
}
