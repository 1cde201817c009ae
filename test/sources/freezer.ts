// A TCP relay that can fail as networks do: swallow everything, or cut.

/** Relays to a port of this host. */
export class Freezer implements Disposable {
  readonly url: string;
  #listener = Deno.listen({ port: 0, hostname: "127.0.0.1" });
  readonly #connections = new Set<Deno.TcpConn>();
  #thaw = Promise.withResolvers<void>();
  /** Nothing that is sent by them arrives any more. */
  #dead = new WeakSet<Deno.TcpConn>();

  constructor(private readonly target: string) {
    this.#thaw.resolve();
    this.url = `http://127.0.0.1:${(this.#listener.addr as Deno.NetAddr).port}`;
    this.#serve(this.#listener);
  }

  /** Nothing passes any more, and nobody is told. */
  freeze(): void {
    this.#thaw = Promise.withResolvers<void>();
  }

  /** New connections pass; those from before stay dead, as when a firewall has forgotten them. */
  thaw(): void {
    for (const connection of this.#connections) this.#dead.add(connection);
    this.#thaw.resolve();
  }

  /** All connections of this moment are dead, and nobody is told. */
  forget(): void {
    for (const connection of this.#connections) this.#dead.add(connection);
  }

  /** All connections of this moment end. */
  cut(): void {
    for (const connection of this.#connections) close(connection);
    this.#connections.clear();
  }

  /** The process at the other end is killed: all connections end, and new ones are refused. */
  kill(): void {
    this.#listener.close();
    this.cut();
  }

  /** After {@link kill}: it listens again. */
  revive(): void {
    this.#listener = Deno.listen({ port: Number(new URL(this.url).port), hostname: "127.0.0.1" });
    this.#serve(this.#listener);
  }

  [Symbol.dispose](): void {
    this.#listener.close();
    this.cut();
  }

  async #serve(listener: Deno.TcpListener): Promise<void> {
    for await (const near of listener) {
      this.#connections.add(near);
      this.#relay(near);
    }
  }

  async #relay(near: Deno.TcpConn): Promise<void> {
    await this.#thaw.promise;
    if (this.#dead.has(near)) return;
    const port = Number(new URL(this.target).port);
    const far = await Deno.connect({ port, hostname: "127.0.0.1" }).catch(() => undefined);
    if (far === undefined) return close(near);
    this.#connections.add(far);
    this.#copy(near, far);
    this.#copy(far, near);
  }

  async #copy(from: Deno.TcpConn, to: Deno.TcpConn): Promise<void> {
    const buffer = new Uint8Array(65_536);
    try {
      for (;;) {
        const count = await from.read(buffer);
        await this.#thaw.promise;
        if (this.#dead.has(from)) return;
        if (count === null) break;
        for (let sent = 0; sent < count;) sent += await to.write(buffer.subarray(sent, count));
      }
    } catch {
      // The other side is gone: so is this one.
    }
    close(from);
    close(to);
  }
}

function close(connection: Deno.TcpConn): void {
  try {
    connection.close();
  } catch {
    // closed before
  }
}
