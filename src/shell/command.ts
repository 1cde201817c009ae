// The only place that starts programs: argv arrays, never a shell; LC_ALL=C, UTC; a timeout; stderr kept in the error.

import { Fingerprinter } from "../core/kubernetes/fingerprint.ts";
import { type Program, PROGRAM_PATHS } from "../core/shipped/programs.ts";
import { discard } from "./relieve.ts";
import { SEED } from "./seed.ts";

const FOLDERS = ["/usr/sbin", "/usr/bin", "/sbin", "/bin", "/usr/local/sbin", "/usr/local/bin"];
const paths = new Map<Program, string>();

/** Absolute path of a program; undefined when the host does not have it, or not where it may be started from. */
export function locate(program: Program): string | undefined {
  const known = paths.get(program);
  if (known !== undefined) return known;
  const path = placesOf(program).find(mayRun);
  if (path !== undefined) paths.set(program, path);
  return path;
}

/** Where a program stands that may not be started from there; undefined when it may, or is nowhere. */
export function locateForbidden(program: Program): string | undefined {
  return locate(program) === undefined ? placesOf(program)[0] : undefined;
}

/** Where a program stands: its usual paths first, which are those that are allowed as shipped. */
function placesOf(program: Program): string[] {
  const folders = [...FOLDERS, ...(Deno.env.get("PATH") ?? "").split(":")];
  const others = folders.filter((folder) => folder.startsWith("/")).map((folder) => `${folder}/${program}`);
  return [...PROGRAM_PATHS[program], ...others].filter(isFile);
}

/** Deno compares what is written, not where a link leads: /sbin/ip may be forbidden where /usr/sbin/ip is allowed. */
function mayRun(path: string): boolean {
  return Deno.permissions.querySync({ name: "run", command: path }).state === "granted";
}

function isFile(path: string): boolean {
  try {
    return Deno.statSync(path).isFile;
  } catch {
    return false;
  }
}

/** A program that failed, did not end in time or is not there. */
export class CommandError extends Error {
  override readonly name = "CommandError";

  constructor(readonly command: string, readonly stderr: string, why: string) {
    super(`${command} ${why}${stderr === "" ? "" : `: ${firstLineOf(stderr)}`}`);
  }
}

function firstLineOf(text: string): string {
  return text.split("\n").find((line) => line.trim() !== "")?.trim() ?? "";
}

/** How to run a program. */
export interface Run {
  readonly program: Program;
  readonly args: readonly string[];
  /** For its standard input; some lines. What is long goes by a file (files.ts). */
  readonly input?: string;
  readonly timeoutMs?: number;
}

const TIMEOUT_MS = 15_000;
const BOUNDED_MS = 5_000;

/**
 * Runs a program to its end.
 * @returns its standard output
 * @throws CommandError with the first line of its stderr
 */
export async function run(command: Run): Promise<string> {
  const { stdout, stderr, failure } = await attempt(command);
  if (failure !== undefined) throw new CommandError(shownOf(command), stderr, failure);
  return stdout;
}

/**
 * Runs a program to its end.
 * @returns its standard output, to be {@link discard}ed
 * @throws CommandError with the first line of its stderr
 */
export async function runForBytes(command: Run): Promise<Uint8Array<ArrayBuffer>> {
  const { stdout, stderr, failure } = await execute(command);
  if (failure !== undefined) throw new CommandError(shownOf(command), stderr, failure);
  return stdout;
}

/**
 * Runs a program of whose output somebody else has the length.
 * @throws CommandError when it prints more, fails, or takes longer than five seconds
 */
export async function runBounded(command: Run, mostBytes: number): Promise<string> {
  const { program, args } = command;
  const child = spawn(program, { args, stdin: "null", stdout: "piped", stderr: "piped" });
  const timer = setTimeout(() => endQuietly(child, "SIGKILL"), BOUNDED_MS);
  const decoder = new TextDecoder();
  let [text, bytes] = ["", 0];
  for await (const chunk of child.stdout) {
    bytes += chunk.length;
    if (bytes > mostBytes) endQuietly(child, "SIGKILL");
    else text += decoder.decode(chunk, { stream: true });
  }
  clearTimeout(timer);
  const stderr = await new Response(child.stderr).text();
  const { success, code, signal } = await child.status;
  if (success && bytes <= mostBytes) return text + decoder.decode();
  const end = signal === null ? `exited ${code}` : `ended by ${signal}, at the latest after ${BOUNDED_MS} ms`;
  const why = bytes > mostBytes ? `printed more than ${mostBytes} bytes` : end;
  throw new CommandError(shownOf(command), stderr, why);
}

/** What a program printed this time. */
export interface Print {
  readonly print: number;
  /** Undefined: the same as it did before. */
  readonly stdout: string | undefined;
}

const PRINTS = new Fingerprinter(SEED);

/**
 * Runs a program to its end. What it prints is made a text of only where it is not that of this fingerprint. Not by Web
 * Crypto: it copies what it is given, megabytes outside of the heap that nobody hurries to collect (2.9.6).
 * @throws CommandError with the first line of its stderr
 */
export async function runAnew(command: Run, last: number | undefined): Promise<Print> {
  const stdout = await runForBytes(command);
  const print = PRINTS.of(stdout, 0, stdout.length);
  return { print, stdout: print === last ? discard(stdout.buffer) : textOf(stdout) };
}

/** What came of a program that ended. */
export interface Output {
  readonly stdout: string;
  readonly stderr: string;
  /** How it ended, where that is no success: `exited 1`. */
  readonly failure: string | undefined;
}

function shownOf({ program, args }: Run): string {
  return `${program} ${args.join(" ")}`.slice(0, 200);
}

/**
 * Runs a program to its end, whatever it says of its success.
 * @throws CommandError when it is not there or does not end in time
 */
export async function attempt(command: Run): Promise<Output> {
  const { stdout, ...rest } = await execute(command);
  return { stdout: textOf(stdout), ...rest };
}

interface Execution extends Omit<Output, "stdout"> {
  readonly stdout: Uint8Array<ArrayBuffer>;
}

async function execute({ program, args, input, timeoutMs = TIMEOUT_MS }: Run): Promise<Execution> {
  const stdin = input === undefined ? "null" : "piped";
  const child = spawn(program, { args, stdin, stdout: "piped", stderr: "piped" });
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    endQuietly(child, "SIGKILL");
  }, timeoutMs);
  // Behind the timer: who hangs may not have read it.
  if (input !== undefined) await tell(child.stdin, input);
  const output = await child.output().finally(() => clearTimeout(timer));
  const stderr = new TextDecoder().decode(output.stderr);
  if (isLate) {
    throw new CommandError(shownOf({ program, args }), stderr, `did not end within ${timeoutMs} ms`);
  }
  const failure = output.success ? undefined : `exited ${output.signal ?? output.code}`;
  return { stdout: output.stdout, stderr, failure };
}

function textOf(stdout: Uint8Array<ArrayBuffer>): string {
  const text = new TextDecoder().decode(stdout);
  discard(stdout.buffer);
  return text;
}

/** To somebody who may have ended without reading it: his output says why. */
async function tell(stdin: WritableStream<Uint8Array>, text: string, isAll = true): Promise<void> {
  const writer = stdin.getWriter();
  const bytes = new TextEncoder().encode(text);
  await writer.write(bytes).then(() => isAll ? writer.close() : undefined).catch(() => {});
  writer.releaseLock();
}

interface Streams {
  readonly args: readonly string[];
  readonly stdin: "null" | "piped";
  readonly stdout: "piped" | "null";
  readonly stderr: "piped" | "null";
  readonly detached?: boolean;
}

function spawn(program: Program, options: Streams): Deno.ChildProcess {
  const path = locate(program);
  if (path === undefined) throw new CommandError(program, "", "is not installed");
  return new Deno.Command(path, {
    ...options,
    args: [...options.args],
    clearEnv: true,
    env: { LC_ALL: "C", TZ: "UTC", PATH: FOLDERS.join(":") },
  }).spawn();
}

/** A program's run in another network namespace, of which this is a file. */
export function runIn(path: string, { program, args, ...rest }: Run): Run {
  return { ...rest, program: "nsenter", args: [`--net=${path}`, "--", program, ...args] };
}

/** A process that does nothing but be there. */
export interface Holder {
  readonly pid: number;
  close(): void;
}

/**
 * Has a child of ours stay in a network namespace, which lives as long as it; its id is nobody else's as long. It ends with this agent.
 * @throws CommandError when the namespace cannot be entered
 */
export async function holdIn(path: string): Promise<Holder> {
  const args = [`--net=${path}`, "--", "cat"];
  const child = spawn("nsenter", { args, stdin: "piped", stdout: "piped", stderr: "piped" });
  await tell(child.stdin, "\n", false);
  const reader = child.stdout.getReader();
  const timer = setTimeout(() => endQuietly(child, "SIGKILL"), TIMEOUT_MS);
  // What it gives back it has read there.
  const { done } = await reader.read().finally(() => clearTimeout(timer));
  // A stream that nobody closes is a descriptor until the collector comes by.
  const close = () => {
    endQuietly(child, "SIGKILL");
    child.stdin.close().catch(() => {});
  };
  if (done) {
    close();
    const stderr = await new Response(child.stderr).text();
    throw new CommandError(shownOf({ program: "nsenter", args }), stderr, "failed");
  }
  await Promise.all([reader.cancel(), child.stderr.cancel()]);
  return { pid: child.pid, close };
}

/**
 * Starts a program that outlives the agent: a session of its own, no streams.
 * @returns its exit code, should it end while the agent runs
 */
export function startDetached(program: Program, args: readonly string[]): Promise<number> {
  const child = spawn(program, { args, stdin: "null", stdout: "null", stderr: "null", detached: true });
  child.unref();
  return child.status.then(({ code }) => code);
}

/** A program that reports lines until it is closed or dies. */
export interface Follower {
  /** Resolves when the program has ended, with the first line of its stderr. */
  readonly ended: Promise<string>;
  close(): void;
}

const MOST_COMPLAINTS = 100;

/** Runs a program that prints for as long as it lives, and hands over its output line by line. */
export function follow({ program, args }: Run, onLine: (line: string) => void): Follower {
  const child = spawn(program, { args, stdin: "null", stdout: "piped", stderr: "piped" });
  const reports = eachLine(child.stdout, onLine);
  const complaints: string[] = [];
  const ended = Promise.all([
    child.status,
    reports,
    eachLine(child.stderr, (line) => complaints.length < MOST_COMPLAINTS && complaints.push(line)),
  ]).then(([status]) => firstLineOf(complaints.join("\n")) || `exited ${status.signal ?? status.code}`);
  return { ended, close: () => endQuietly(child, "SIGTERM") };
}

/** Without the runtime's classes of streams, which take a start longer to load than two programs take (2.9.6). */
async function eachLine(stream: ReadableStream<Uint8Array>, onLine: (line: string) => void): Promise<void> {
  const decoder = new TextDecoder();
  let rest = "";
  for await (const chunk of stream) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n");
    rest = parts.pop()!;
    parts.forEach(onLine);
  }
  if (rest !== "") onLine(rest);
}

function endQuietly(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch {
    // It has ended by itself.
  }
}
