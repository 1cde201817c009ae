// Much data between two machines, there and back: what does not fit somewhere stalls.

import type { Host } from "./host.ts";
import type { Process } from "./process.ts";
import { within } from "./until.ts";

const PROGRAM = new URL("bulk_program.ts", import.meta.url).pathname;
const PORT = 5201;
const STALLED_MS = 15_000;

function argvOf(...args: readonly string[]): string[] {
  return [
    Deno.execPath(),
    "run",
    "--quiet",
    "--no-config",
    "--unstable-net",
    "--allow-net",
    PROGRAM,
    ...args,
  ];
}

/** Gives back on this machine what comes by TCP and UDP. */
export async function serveBulk(host: Host): Promise<Process> {
  const process = host.start(argvOf("serve", `${PORT}`));
  await process.line("stdout", /^serving/);
  return process;
}

/** What came back. */
export interface Bulk {
  /** Bytes by TCP. */
  readonly streamed: number;
  /** Bytes of the one UDP datagram. */
  readonly echoed: number;
}

/** How much is sent. */
export interface BulkOptions {
  readonly address: string;
  readonly bytes: number;
  /** Payload of one UDP datagram with DF; 0: none. */
  readonly datagramBytes?: number;
}

/** Sends to a machine that serves until it is ended, or all of it is back. */
export function startBulk(host: Host, { address, bytes }: BulkOptions): Process {
  return host.start(argvOf("fetch", address, `${PORT}`, `${bytes}`, "0"));
}

/** Sends to a machine that serves, and waits for all of it to come back; throws when it stalls. */
export async function fetchBulk(
  host: Host,
  { address, bytes, datagramBytes = 0 }: BulkOptions,
): Promise<Bulk> {
  const fetching = host.run(argvOf("fetch", address, `${PORT}`, `${bytes}`, `${datagramBytes}`));
  return JSON.parse(
    await within(`${bytes} bytes from ${host.name} to ${address} and back`, STALLED_MS, fetching),
  ) as Bulk;
}
