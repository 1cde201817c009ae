// WireGuard in user space. The process belongs to nobody: the agent starts it when nobody serves the interface,
// adopts it when somebody does, and ends it only when its interface is gone.

import { locate, run, startDetached } from "./command.ts";
import { removeFile } from "./files.ts";

/** Process ids of the wireguard-go that serves an interface of this network namespace. */
export async function findServers(interfaceName: string): Promise<number[]> {
  const namespace = await namespaceOf("self");
  const pids: number[] = [];
  for await (const entry of Deno.readDir("/proc")) {
    if (!/^\d+$/.test(entry.name)) continue;
    if (await serves(entry.name, interfaceName) && await namespaceOf(entry.name) === namespace) {
      pids.push(Number(entry.name));
    }
  }
  return pids.sort((a, b) => a - b);
}

async function namespaceOf(pid: string): Promise<string | undefined> {
  return await Deno.readLink(`/proc/${pid}/ns/net`).catch(() => undefined);
}

async function serves(pid: string, interfaceName: string): Promise<boolean> {
  const argv = (await Deno.readTextFile(`/proc/${pid}/cmdline`).catch(() => "")).split("\0");
  return /(^|\/)wireguard-go$/.test(argv[0] ?? "") && argv.includes(interfaceName);
}

const START_MS = 5_000;

/**
 * Starts wireguard-go on the existing TUN device and waits until it answers.
 * @throws Error when it does not within five seconds
 */
export async function serve(interfaceName: string): Promise<void> {
  if (locate("wireguard-go") === undefined) {
    throw new Error(
      "this kernel has no WireGuard and wireguard-go is not installed: install the package wireguard-go",
    );
  }
  // A socket without a process makes the new one wait for a peer that never answers.
  await removeFile(socketOf(interfaceName));
  startDetached("wireguard-go", ["-f", interfaceName]);
  const deadline = performance.now() + START_MS;
  for (;;) {
    try {
      await run({ program: "wg", args: ["show", interfaceName, "listen-port"] });
      return;
    } catch (error) {
      if (performance.now() > deadline) {
        throw new Error(`wireguard-go -f ${interfaceName} does not answer after ${START_MS} ms`, {
          cause: error,
        });
      }
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
  }
}

/** Ends a server at once and waits until it is gone. */
export async function endServer(pid: number, interfaceName: string): Promise<void> {
  if (!await serves(String(pid), interfaceName)) return;
  Deno.kill(pid, "SIGKILL");
  for (let tries = 0; tries < 100 && await serves(String(pid), interfaceName); tries++) {
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
  // wg would ask it before the kernel.
  await removeFile(socketOf(interfaceName));
}

/** Where wireguard-go answers. */
export function socketOf(interfaceName: string): string {
  return `/var/run/wireguard/${interfaceName}.sock`;
}
