// A node as the original (Go Wigglenet v0.7.0) leaves it: its table, interface, routes and CNI file as captured on n1 of a
// real cluster (test/fixtures/original), whose addresses are those of this laboratory. Nothing of it runs.

import conflist from "../fixtures/original/10-wigglenet.conflist" with { type: "text" };
import captured from "../fixtures/original/node-n1.txt" with { type: "text" };
import sync from "../fixtures/original/sync.nft" with { type: "text" };
import { parsePrefix, type Prefix, summarise } from "../../src/core/net/prefix.ts";
import { addressesOf, type Manifest } from "./manifest.ts";
import { HAS_KERNEL_WIREGUARD } from "./kernel.ts";
import type { Node } from "./node.ts";
import { until } from "./until.ts";

/** A section of the capture: what a command printed. */
function section(command: string): string {
  const found = captured.split(/^## /m).find((part) => part.startsWith(`n1: ${command}\n`));
  if (found === undefined) throw new Error(`node-n1.txt has no section "${command}"`);
  return found.slice(found.indexOf("\n") + 1);
}

/** The annotations that the original gives its Node. */
export function annotated(manifest: Manifest): Manifest {
  const podCidrs = [...manifest.spec.podCIDRs ?? []].sort((a, b) => b.indexOf(":") - a.indexOf(":"));
  const annotations = {
    ...manifest.metadata.annotations,
    "wigglenet/node-ips": "[]",
    "wigglenet/pod-cidrs": JSON.stringify(podCidrs),
  };
  return { ...manifest, metadata: { ...manifest.metadata, annotations } };
}

/** Makes of a node, number i of the laboratory, one that the original has run on beside the others. */
export async function installOriginal(node: Node, others: readonly Node[]): Promise<void> {
  if (HAS_KERNEL_WIREGUARD) await node.run(["ip", "link", "add", "wigglenet", "type", "wireguard"]);
  else node.start(["wireguard-go", "-f", "wigglenet"]);
  await until("the interface", async () => (await node.attempt(["wg", "show", "wigglenet"])).code === 0);
  const peers = others.flatMap(({ manifest }) => [
    ...["peer", manifest.metadata.annotations!["wigglenet/public-key"]!],
    ...["endpoint", `${addressesOf(manifest)[0]}:24601`],
    ...["allowed-ips", [...manifest.spec.podCIDRs ?? [], ...addressesOf(manifest)].join(",")],
  ]);
  const key = ["private-key", `${node.folder}/private.key`];
  await node.run(["wg", "set", "wigglenet", "listen-port", "24601", ...key, ...peers]);
  const own = node.podCIDRs.map((cidr) => cidr.replace(/0\/24$/, "1/32").replace(/\/64$/, "1/128"));
  await node.ip([
    ...own.map((address) => `address add ${address} dev wigglenet`),
    "link set wigglenet mtu 1420 up",
    ...own.filter((address) => !address.includes(":")).map((to) =>
      `route add ${to} dev wigglenet scope host`
    ),
    ...routesTo(others).map((prefix) => `route add ${prefix} dev wigglenet`),
  ]);
  await node.run(["nft", "-f", "-"], { stdin: section("nft list ruleset") });
  await writeConflist(node);
}

/** The original is started on a node that another agent has run on. */
export async function syncOriginal(node: Node): Promise<void> {
  await node.run(["nft", "-f", "-"], { stdin: sync });
  await writeConflist(node);
}

/** Routes to the pods of others, two neighbours as one. */
export function routesTo(others: readonly Node[]): string[] {
  const prefixes = others.flatMap(({ podCIDRs }) => podCIDRs.map((cidr) => parsePrefix(cidr) as Prefix));
  return summarise(prefixes).map(({ text }) => text);
}

async function writeConflist(node: Node): Promise<void> {
  const [v4, v6] = node.podCIDRs as [string, string];
  const text = conflist.replace("10.244.1.0/24", v4).replace("fd00:10:244:1::/64", v6);
  await node.run(["tee", `${node.conflistPath}.temp`], { stdin: text });
  await node.run(["mv", `${node.conflistPath}.temp`, node.conflistPath]);
}
