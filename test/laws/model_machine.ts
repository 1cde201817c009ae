// The machine below the agent's shell: Deno's programs and files are those of a model host. What an agent asks of it is counted,
// and any of it may fail, hang, be cut short or be a lie.

import type { ModelHost } from "./model_host.ts";
import type { ModelPrograms, Said } from "./model_programs.ts";

/** What goes wrong with a command. With a file all of them are one: it cannot be written. */
export const TROUBLES = [
  "fails",
  "fails when it is done",
  "hangs",
  "crashes in the middle",
  "is cut short",
  "ends a line early",
  "does nothing and says it did",
  "says that nothing is there",
  "prints nonsense",
  "cannot be started",
] as const;
/** One of {@link TROUBLES}. */
export type Trouble = (typeof TROUBLES)[number];

/** From the `first`-th thing that is asked for, counted from 0, for so long; 0: that one alone. */
export interface Fault {
  readonly trouble: Trouble;
  readonly first: number;
  readonly forMs: number;
}

/** What the kernel answers where it has no space. */
const NO_SPACE = "No space left on device (os error 28)";
/** And where an agent has no more files to open: it starts nothing, and reads nothing. */
const NO_FILES = "Too many open files (os error 24)";
/** What each command takes. */
const COMMAND_MS = 2;

interface Options {
  readonly args?: string[];
  readonly stdin?: string;
}

/** Commands that change nothing. */
export const LOOK = /^(?:nft -\S+ (?:-\S+ )?list|ip -j|wg show|ss|ip -o monitor|nft monitor)\b/;

/** Its programs and files are Deno's until it is disposed. */
export class ModelMachine implements Disposable {
  /** What was asked for, in order. */
  readonly asked: string[] = [];
  /** What was wrong, where something was. */
  readonly suffered: string[] = [];
  /** The log's lines. */
  readonly said: string[] = [];
  fault: Fault | undefined;
  /** Hears of each thing that is done. */
  onDone: (what: string) => void = () => {};
  /** When the fault is over. */
  #endMs = 0;
  readonly #real = new Map<string, PropertyDescriptor>();

  /** @param others files that are there, by name patterns */
  constructor(readonly host: ModelHost, readonly programs: ModelPrograms) {
    for (const [name, value] of Object.entries(this.#doubles())) {
      this.#real.set(name, Object.getOwnPropertyDescriptor(Deno, name)!);
      Object.defineProperty(Deno, name, { value, configurable: true, writable: true });
    }
  }

  [Symbol.dispose](): void {
    for (const [name, real] of this.#real) Object.defineProperty(Deno, name, real);
  }

  /** Counts it; the trouble that it is in. */
  #ask(what: string): Trouble | undefined {
    const number = this.asked.push(what) - 1;
    const { first, forMs, trouble } = this.fault ?? { first: Infinity, forMs: 0, trouble: undefined };
    if (number < first) return undefined;
    if (number === first) this.#endMs = performance.now() + forMs;
    else if (performance.now() >= this.#endMs) return undefined;
    this.suffered.push(`${number} ${what}`);
    return trouble;
  }

  get #hasNoFiles(): boolean {
    const isLasting = this.fault?.trouble === "cannot be started" && this.fault.forMs > 0;
    return isLasting && this.asked.length > this.fault!.first && performance.now() < this.#endMs;
  }

  #doubles(): Record<string, unknown> {
    // deno-lint-ignore no-this-alias -- the class below has one of its own
    const machine = this;
    class Command {
      constructor(readonly path: string, readonly options: Options) {}
      spawn(): unknown {
        return machine.#spawn(this.path.split("/").at(-1)!, this.options);
      }
    }
    return {
      Command,
      ...this.#files(),
      permissions: { querySync: () => ({ state: "granted" }) },
      env: { get: () => undefined },
      stderr: { writeSync: (bytes: Uint8Array) => this.#hear(bytes) },
      unrefTimer: () => {},
      memoryUsage: () => ({ heapUsed: 0, rss: 0 }),
    };
  }

  #hear(bytes: Uint8Array): number {
    this.said.push(...new TextDecoder().decode(bytes).trimEnd().split("\n"));
    return bytes.length;
  }

  #spawn(program: string, { args = [], stdin }: Options): unknown {
    const what = `${program} ${args.join(" ")}`;
    const trouble = this.#ask(what);
    if (trouble === "cannot be started") throw new Error(NO_FILES);
    if (args.includes("monitor")) return follower(trouble !== undefined);
    let input = "";
    let end: (signal: string) => void = () => {};
    const killed = new Promise<string>((resolve) => end = resolve);
    const work = async (): Promise<unknown> => {
      if (trouble === "hangs") return output({ code: 137, stdout: "", stderr: "" }, await killed);
      await new Promise((resolve) => setTimeout(resolve, COMMAND_MS));
      const said = this.#suffer({ program, args, stdin: input }, trouble);
      this.onDone(what);
      return output(said, trouble === "crashes in the middle" ? "SIGSEGV" : null);
    };
    if (program === "wireguard-go") work();
    return {
      stdin: stdin === "piped"
        ? new WritableStream({
          write: (bytes: Uint8Array) => void (input += new TextDecoder().decode(bytes)),
        })
        : undefined,
      output: work,
      kill: (signal: string) => end(signal),
      unref: () => {},
    };
  }

  #suffer(start: Parameters<ModelPrograms["run"]>[0], trouble: Trouble | undefined): Said {
    const isLook = LOOK.test(`${start.program} ${start.args.join(" ")}`);
    const isUndone = !isLook && trouble !== undefined && trouble !== "fails when it is done" &&
      !/short|early/.test(trouble);
    const said = isUndone ? { code: 0, stdout: "", stderr: "" } : this.programs.run(start);
    const { stdout } = said;
    switch (trouble) {
      case undefined:
        return said;
      case "fails":
      case "fails when it is done":
        return { code: 1, stdout: "", stderr: "Error: Could not process rule: it was made to fail\n" };
      case "crashes in the middle":
        return { code: 139, stdout: stdout.slice(0, stdout.length / 2), stderr: "" };
      case "is cut short":
        return { ...said, stdout: stdout.slice(0, stdout.length / 2) };
      case "ends a line early":
        return { ...said, stdout: stdout.slice(0, stdout.trimEnd().lastIndexOf("\n") + 1) };
      case "does nothing and says it did":
        return { code: 0, stdout: "", stderr: "" };
      case "says that nothing is there":
        return { code: 1, stdout: "", stderr: "Error: No such file or directory\n" };
      case "prints nonsense":
        return { ...said, stdout: `\u0000\ufffd{]${stdout.toUpperCase()}` };
    }
    throw new Error(`nobody suffers ${trouble} here`);
  }

  #files(): Record<string, unknown> {
    const { files, links } = this.host;
    const change = <T>(what: string, act: () => T) => {
      if (this.#ask(what) !== undefined) return Promise.reject(new Error(NO_SPACE));
      const result = act();
      this.onDone(what);
      return Promise.resolve(result);
    };
    const absent = (path: string) => Promise.reject(new Deno.errors.NotFound(`${path} is not there`));
    const is = (path: string) =>
      files.has(path) || links.has(path) || /^\/(?:usr\/s?|opt\/cni\/)bin\//.test(path);
    const stat = (path: string) =>
      is(path) ? Promise.resolve({ isFile: true, mode: 0o600, mtime: null }) : absent(path);
    return {
      stat,
      lstat: stat,
      statSync: (path: string) => {
        if (is(path)) return { isFile: true };
        throw new Deno.errors.NotFound(path);
      },
      readTextFile: (path: string) => {
        if (this.#hasNoFiles) return Promise.reject(new Error(NO_FILES));
        const text = files.get(links.get(path) ?? path);
        return text === undefined ? absent(path) : Promise.resolve(text);
      },
      readLink: (path: string) => links.has(path) ? Promise.resolve(links.get(path)) : absent(path),
      readDir: async function* () {},
      mkdir: () => Promise.resolve(),
      writeTextFile: (path: string, text: string) => {
        return change(`write ${path}`, () => void files.set(path, text));
      },
      open: (path: string) => change(`open ${path}`, () => this.#openFile(path)),
      rename: (from: string, to: string) =>
        change(`rename ${from} ${to}`, () => {
          for (const entries of [files, links]) {
            if (!entries.has(from)) continue;
            const [value] = [entries.get(from)!, files.delete(to), links.delete(to), entries.delete(from)];
            entries.set(to, value);
          }
        }),
      remove: (path: string) => {
        if (path.endsWith(".sock")) {
          this.host.network.pids.slice(0, 1).forEach((it) => this.host.network.end(it));
        }
        return files.delete(path) || links.delete(path) ? Promise.resolve() : absent(path);
      },
    };
  }

  #openFile(path: string): unknown {
    let text = "";
    return {
      write: (bytes: Uint8Array) => {
        text += new TextDecoder().decode(bytes);
        return Promise.resolve(bytes.length);
      },
      sync: () => Promise.resolve(void this.host.files.set(path, text)),
      close: () => {},
    };
  }
}

function output({ code, stdout, stderr }: Said, signal: string | null): unknown {
  const bytes = (text: string) => new TextEncoder().encode(text);
  return { code, signal, success: code === 0, stdout: bytes(stdout), stderr: bytes(stderr) };
}

/** A monitor that tells nothing, or ends. */
function follower(isOver: boolean): unknown {
  let end = () => {};
  const ended = new Promise<void>((resolve) => end = resolve);
  const stream = () => new ReadableStream({ start: (it) => void ended.then(() => it.close()) });
  if (isOver) setTimeout(end, COMMAND_MS);
  const status = ended.then(() => ({ code: 1, signal: null, success: false }));
  return { stdout: stream(), stderr: stream(), status, kill: end };
}
