// TCP by real connections between machines: a listener that greets, and one attempt to connect.

import type { Host } from "./host.ts";
import type { Process } from "./process.ts";

const PROGRAM = new URL("tcp_program.ts", import.meta.url).pathname;

/** What came of an attempt to connect: the listener's greeting, or why there was none. */
export type Connection =
  | { readonly isOpen: true; readonly greeting: string }
  | { readonly isOpen: false; readonly reason: "refused" | "timeout" | "unreachable" };

function argvOf(...args: readonly string[]): string[] {
  return [Deno.execPath(), "run", "--quiet", "--no-config", "--allow-net", PROGRAM, ...args];
}

/** Accepts connections on a port of both families and greets each with the machine's name. */
export async function listen(host: Host, port: number): Promise<Process> {
  const process = host.start(argvOf("listen", `${port}`, host.name));
  await process.line("stdout", /^listening/);
  return process;
}

/** Tries to connect once; silence for `timeoutMs` (default 1,000) is a timeout. */
export async function connect(
  host: Host,
  { address, port, timeoutMs = 1_000 }: { address: string; port: number; timeoutMs?: number },
): Promise<Connection> {
  return JSON.parse(await host.run(argvOf("connect", address, `${port}`, `${timeoutMs}`))) as Connection;
}
