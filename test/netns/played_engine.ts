// A container engine of a node that says what a test has it say: others' processes, nonsense, nothing at all, or the truth late.

import type { Host } from "../lab/host.ts";

/** An id as engines have them, another one in each run: the hierarchy of cgroups that it is a folder in is the whole machine's. */
export const ENGINE_ID: string = crypto.getRandomValues(new Uint8Array(32)).toHex();

/** What an engine says of a container that runs; `more` stands in place of what it would say. */
export function inspectionOf(name: string, pid: unknown, more: Record<string, unknown> = {}): unknown {
  return {
    ...{ Id: ENGINE_ID, Name: `/${name}`, State: { Running: true, Pid: pid } },
    ...{ HostConfig: { NetworkMode: "none" }, ...more },
  };
}

/** Docker, on its socket; `await using` ends it. */
export class PlayedEngine {
  readonly #listener: Deno.UnixListener;
  readonly #open = new Set<Deno.Conn>();
  /** Questions so far, and how many of them there were at once. */
  asked = 0;
  most = 0;

  /** @param answer to a question for a container; undefined: none, until who asked has given up */
  constructor(private readonly node: Host, private readonly answer: (name: string) => unknown) {
    this.#listener = Deno.listen({ transport: "unix", path: `/proc/${node.pid}/root/run/docker.sock` });
    this.#serve();
  }

  async #serve(): Promise<void> {
    for await (const connection of this.#listener) {
      this.asked++;
      this.#open.add(connection);
      this.most = Math.max(this.most, this.#open.size);
      this.#speak(connection).catch(() => {}).finally(() => this.#end(connection));
    }
  }

  async #speak(connection: Deno.Conn): Promise<void> {
    const chunk = new Uint8Array(4096);
    const question = new TextDecoder().decode(chunk.subarray(0, await connection.read(chunk) ?? 0));
    const answer = await this.answer(/^GET \/containers\/(\S+)\/json /.exec(question)?.[1] ?? "");
    if (answer === undefined) await connection.read(chunk);
    else {
      await connection.write(
        new TextEncoder().encode(`HTTP/1.0 200 OK\r\n\r\n${JSON.stringify(answer)}`),
      );
    }
  }

  #end(connection: Deno.Conn): void {
    if (this.#open.delete(connection)) connection.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#listener.close();
    for (const connection of this.#open) this.#end(connection);
    await this.node.run(["rm", "-f", "/run/docker.sock"]);
  }
}
