// WireGuard in user space. The process belongs to nobody: the agent starts it when nobody serves the interface,
// adopts it when somebody does, and ends it only when its interface is gone.
// It is known by its socket, and ends with it: Deno gives /proc and signals only to who may do everything.

import { locate, run, startDetached } from "./command.ts";
import { removeFile } from "./files.ts";
import { sleep } from "./sleep.ts";

/** Where wireguard-go listens for `wg`. */
export function socketOf(interfaceName: string): string {
  return `/var/run/wireguard/${interfaceName}.sock`;
}

/**
 * Process ids of the wireguard-go that serves an interface of this network namespace: the kernel lists its sockets to
 * `ss`. 0 stands for one that a namespace of processes hides.
 */
export async function findServers(interfaceName: string): Promise<number[]> {
  if (locate("ss") === undefined) return []; // without it no wireguard-go is started here
  const filter = ["src", `*/wireguard/${interfaceName}.sock`];
  const listing = await run({ program: "ss", args: ["-xlpH", ...filter] });
  const pids = listing.split("\n").filter((line) => line !== "").flatMap((line) => {
    const found = [...line.matchAll(/\bpid=(\d+)/g)].map(([, pid]) => Number(pid));
    return found.length === 0 ? [0] : found;
  });
  return [...new Set(pids)].sort((a, b) => a - b);
}

const START_MS = 5_000;
/** Between two questions whether it serves: each time longer, for one that never does need not be asked 250 times. */
const FIRST_PAUSE_MS = 20;
const LONGEST_PAUSE_MS = 250;

/**
 * Starts wireguard-go on the existing TUN device and waits until it answers.
 * @throws Error when it does not within five seconds, or ends
 */
export async function serve(interfaceName: string): Promise<void> {
  if (locate("wireguard-go") === undefined) {
    throw new Error(
      "this kernel has no WireGuard and wireguard-go is not installed: install the package wireguard-go",
    );
  }
  // A socket without a process makes the new one wait for a peer that never answers.
  await removeFile(socketOf(interfaceName));
  let exitCode: number | undefined;
  startDetached("wireguard-go", ["-f", interfaceName]).then((code) => exitCode = code, () => {});
  const deadline = performance.now() + START_MS;
  for (let pauseMs = FIRST_PAUSE_MS;; pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 1.25)) {
    try {
      await run({ program: "wg", args: ["show", interfaceName, "listen-port"] });
      return;
    } catch (error) {
      if (exitCode !== undefined) {
        throw new Error(
          `wireguard-go -f ${interfaceName} has ended with exit code ${exitCode}: run it by hand to see why; ` +
            "each takes one of fs.inotify.max_user_instances",
        );
      }
      if (performance.now() > deadline) {
        throw new Error(`wireguard-go -f ${interfaceName} does not answer after ${START_MS} ms`, {
          cause: error,
        });
      }
      await sleep(pauseMs);
    }
  }
}

const END_MS = 2_000;

/**
 * Ends a server and waits until it is gone: wireguard-go ends when its socket is removed, in 40 ms with 5,000 peers
 * (0.0.20220316, 2026-11-21).
 * @throws Error when it does not within two seconds: it is stopped, or hangs
 */
export async function endServer(pid: number, interfaceName: string): Promise<void> {
  await removeFile(socketOf(interfaceName));
  const deadline = Date.now() + END_MS;
  while ((await findServers(interfaceName)).includes(pid)) {
    if (Date.now() > deadline) {
      throw new Error(
        `wireguard-go of ${interfaceName}, process ${pid}, does not end: end it by hand (kill -9 ${pid})`,
      );
    }
    await sleep(10);
  }
}
