// What an operator does with nodes that have the package, and what is measured of one that boots.

import { manifestOf } from "../lab/manifest.ts";
import type { BootedNode } from "./booted_node.ts";

/** Where manifests stand on a node. */
export const FOLDER = "/etc/wigglenet/nodes.d";

/** Gives each node its prefixes, and copies its manifest to all. */
export async function shareManifests(nodes: readonly BootedNode[]): Promise<void> {
  for (const [i, node] of nodes.entries()) {
    const path = `${node.root}${FOLDER}/${node.name}.yaml`;
    const prefixes = `podCIDRs: ${JSON.stringify(manifestOf(i + 1).spec.podCIDRs)}`;
    const text = (await Deno.readTextFile(path)).replace("podCIDRs: []", prefixes);
    for (const other of nodes) {
      await other.write(`/srv/${node.name}.yaml`, text);
      await other.run(["mv", `/srv/${node.name}.yaml`, FOLDER]);
    }
  }
}

/** Of a node's last boot, in milliseconds. */
export interface StartTimes {
  /** From systemd's own start to the agent's. */
  readonly bootMs: number;
  /** From there to its first complete apply. */
  readonly agentMs: number;
  /** From network-online to that; it may begin after the agent's start. Undefined: nothing asked for network-online. */
  readonly onlineMs: number | undefined;
  /** When that was, since the kernel's start. */
  readonly onlineAtMs: number;
  /** What of it is the runtime's own: `wigglenet version`, now. */
  readonly runtimeMs: number;
}

/** As systemd has noted them. */
export async function startTimes(node: BootedNode): Promise<StartTimes> {
  const at = async (what: string, unit = "wigglenet") => {
    return Number(await node.property(unit, `${what}Monotonic`)) / 1_000;
  };
  const [bornText, started, ready, online] = await Promise.all([
    node.run(["systemctl", "show", "--property=UserspaceTimestampMonotonic", "--value"]),
    at("ExecMainStartTimestamp"),
    at("ActiveEnterTimestamp"),
    at("ActiveEnterTimestamp", "network-online.target"),
  ]);
  const before = performance.now();
  await node.run(["wigglenet", "version"]);
  return {
    bootMs: Math.round(started - Number(bornText) / 1_000),
    agentMs: Math.round(ready - started),
    onlineMs: online === 0 ? undefined : Math.round(ready - online),
    onlineAtMs: online,
    runtimeMs: Math.round(performance.now() - before),
  };
}
