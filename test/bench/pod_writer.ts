// Whoever makes a cluster's pods come and go, faster than an API server takes it: written into etcd, past it.

import type { Host } from "../lab/host.ts";
import type { Process } from "../lab/process.ts";
import { soonOr } from "./elements.ts";

const PROGRAM = new URL("pod_writer_program.ts", import.meta.url).pathname;

/** Make it with {@link PodWriter.of}; it ends with the machine of the control plane. */
export class PodWriter {
  readonly #pending = new Map<number, (timeMs: number) => void>();
  /** One writes at a time. */
  #sent: Promise<void> = Promise.resolve();
  #program!: Process;
  #last = 0;

  private constructor() {}

  static async of(host: Host): Promise<PodWriter> {
    const writer = new PodWriter();
    const argv = [Deno.execPath(), "run", "--quiet", "--cached-only", "-A", PROGRAM];
    writer.#program = host.start(argv, { onLine: (line) => writer.#heard(line) });
    await writer.#program.line("stdout", /^ready$/);
    return writer;
  }

  /** Makes a Pod, or makes it what it says; resolves with the time of `performance.now` from which on etcd has it. */
  put(pod: unknown): Promise<number> {
    const { namespace, name } = (pod as { metadata: { namespace: string; name: string } }).metadata;
    return this.#write({ key: keyOf(namespace, name), pod });
  }

  /** As {@link put}. */
  remove(namespace: string, name: string): Promise<number> {
    return this.#write({ key: keyOf(namespace, name) });
  }

  async #write(change: { key: string; pod?: unknown }): Promise<number> {
    const id = ++this.#last;
    const written = soonOr(NaN, (resolve) => this.#pending.set(id, resolve));
    this.#sent = this.#sent.then(() => this.#program.write(`${JSON.stringify({ id, ...change })}\n`));
    const timeMs = await written;
    if (Number.isNaN(timeMs)) throw new Error(`etcd did not take ${change.key}: ${this.#program.tail()}`);
    return timeMs;
  }

  #heard(line: string): void {
    const [id, epochMs] = line.split(" ").map(Number) as [number, number];
    this.#pending.get(id)?.(epochMs - performance.timeOrigin);
    this.#pending.delete(id);
  }
}

function keyOf(namespace: string, name: string): string {
  return `/registry/pods/${namespace}/${name}`;
}
