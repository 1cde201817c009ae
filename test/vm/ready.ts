// What every program in the virtual machine does first.

import { run } from "../lab/process.ts";

/** By its own clock everything takes about so many times as long. */
const PATIENCE = "3";

/** Makes a bare machine one that laboratories, and nodes that boot in them, can live on. */
export async function getReady(): Promise<void> {
  Deno.env.set("WIGGLENET_LAB_PATIENCE", PATIENCE);
  // As shipped: it starts in half the time.
  Deno.env.set("WIGGLENET_AGENT", "bundle");
  await run(["ip", "link", "set", "lo", "up"]);
  // For the systemd of nodes that boot.
  await run(["mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup"]);
  // A program may have no processor for a while: what arrives meanwhile waits, so that only the network loses.
  await run(["sysctl", "-q", "-w", "net.core.rmem_default=16777216", "net.core.rmem_max=16777216"]);
  for (const module of ["wireguard", "tun", "overlay"]) await run(["modprobe", module]);
}
