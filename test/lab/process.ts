// Starting programs for the laboratory: short ones to their end, long ones with their lines read as they come.
// Programs are argument lists, never shell text.

import { Hopeless, until, within } from "./until.ts";

/** What a program left. */
export interface Output {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How a short program is started. */
export interface RunOptions {
  readonly stdin?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** SIGKILL after this time, default 30,000. */
  readonly deadlineMs?: number;
}

/** Process ids of living {@link Process}es, which the reaper must leave to their owner. */
export const ownedPids = new Set<number>();

/** Runs a program to its end, whatever its exit code. */
export async function attempt(argv: readonly string[], options: RunOptions = {}): Promise<Output> {
  const [program, ...args] = argv;
  const child = new Deno.Command(program!, {
    args,
    env: { ...options.env, LC_ALL: "C" },
    stdin: options.stdin === undefined ? "null" : "piped",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  const ended = Promise.all([child.output(), feed(child, options.stdin)]);
  try {
    const [output] = await within(`${argv.join(" ")} to end`, options.deadlineMs ?? 30_000, ended);
    const decoder = new TextDecoder();
    return {
      code: output.code,
      stdout: decoder.decode(output.stdout),
      stderr: decoder.decode(output.stderr),
    };
  } catch (error) {
    kill(child, "SIGKILL");
    throw error;
  }
}

/** Sends a signal; a program that has just ended needs none. */
function kill(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
  }
}

async function feed(child: Deno.ChildProcess, text: string | undefined): Promise<void> {
  if (text === undefined) return;
  const body = new Blob([text]).stream();
  await body.pipeTo(child.stdin).catch(() => {}); // a program that ends early does not read to the end
}

/** Runs a program that must succeed; returns its standard output. */
export async function run(argv: readonly string[], options: RunOptions = {}): Promise<string> {
  const output = await attempt(argv, options);
  if (output.code === 0) return output.stdout;
  throw new Error(`${argv.join(" ")} exited ${output.code}: ${(output.stderr || output.stdout).trim()}`);
}

/** How a long program is started. */
export interface SpawnOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Standard output is left unread for `output`, for binary data. Default false. */
  readonly isBinary?: boolean;
  /** Called with each line of either stream. */
  readonly onLine?: (line: string, stream: "stdout" | "stderr") => void;
}

/** A program that runs beside the test, a session of its own (Ctrl-C at the terminal does not reach it). */
export class Process {
  readonly pid: number;
  readonly stdout: string[] = [];
  readonly stderr: string[] = [];
  /** Bytes of standard output when started with `isBinary`. */
  readonly output: ReadableStream<Uint8Array<ArrayBuffer>>;
  /** Settles when the program has ended. */
  readonly ended: Promise<Deno.CommandStatus>;
  /** Settles when nobody can write to its output any more: children that inherited it keep it open. */
  readonly closed: Promise<unknown>;
  isRunning = true;
  readonly #child: Deno.ChildProcess;

  constructor(readonly argv: readonly string[], { env, isBinary = false, onLine }: SpawnOptions = {}) {
    const [program, ...args] = argv;
    this.#child = new Deno.Command(program!, {
      args,
      env: { ...env, LC_ALL: "C" },
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
      detached: true,
    }).spawn();
    this.pid = this.#child.pid;
    ownedPids.add(this.pid);
    this.output = this.#child.stdout;
    const read = async (stream: "stdout" | "stderr") => {
      for await (const line of linesOf(this.#child[stream])) {
        this[stream].push(line);
        onLine?.(line, stream);
      }
    };
    this.closed = Promise.all([read("stderr"), isBinary ? undefined : read("stdout")]);
    this.ended = this.#child.status.finally(() => {
      this.isRunning = false;
      ownedPids.delete(this.pid);
    });
  }

  /** Waits for a line on a stream; what came before counts. Fails at once when the program ends. */
  line(stream: "stdout" | "stderr", pattern: RegExp, deadlineMs = 10_000): Promise<string> {
    return until(`a line like ${pattern} from ${this.argv.join(" ")}`, () => {
      const found = this[stream].find((line) => pattern.test(line));
      if (found === undefined && !this.isRunning) throw new Hopeless("it has ended");
      return found;
    }, { deadlineMs, seen: () => this.tail() });
  }

  /** The last lines on standard error, to be shown after a failure. */
  tail(lines = 20): string {
    return this.stderr.slice(-lines).join("\n");
  }

  /** Writes to its standard input. */
  async write(text: string): Promise<void> {
    const writer = this.#child.stdin.getWriter();
    await writer.write(new TextEncoder().encode(text));
    writer.releaseLock();
  }

  /** Closes its standard input, on which programs of this laboratory end by themselves, and reads the rest. */
  async finish(deadlineMs = 10_000): Promise<Deno.CommandStatus> {
    await this.#child.stdin.close().catch(() => {});
    const [status] = await within(
      `${this.argv.join(" ")} to end`,
      deadlineMs,
      Promise.all([this.ended, this.closed]),
    );
    return status;
  }

  /** Sends a signal and waits for the end; nothing when it has ended already. */
  async kill(signal: Deno.Signal = "SIGKILL", deadlineMs = 10_000): Promise<Deno.CommandStatus> {
    kill(this.#child, signal);
    await this.#child.stdin.close().catch(() => {});
    return await within(`${this.argv.join(" ")} to end after ${signal}`, deadlineMs, this.ended);
  }
}

/** Lines of a stream, without their ends, as they come. */
export async function* linesOf(stream: ReadableStream<Uint8Array<ArrayBuffer>>): AsyncGenerator<string> {
  let rest = "";
  for await (const text of stream.pipeThrough(new TextDecoderStream())) {
    const lines = (rest + text).split("\n");
    rest = lines.pop()!;
    yield* lines;
  }
  if (rest !== "") yield rest;
}
