// `wigglenet node`: this host's own Node manifest, to be put into the folder of Nodes of every node.

import { dump } from "js-yaml";
import { ownNode } from "../core/desired/own_node.ts";
import type { HostFacts } from "../core/desired/host_facts.ts";
import type { Address } from "../core/net/address.ts";
import type { ParsedNode } from "../core/nodes/node.ts";
import { ownMetadata } from "../core/nodes/node_parser.ts";
import { parseNode } from "../core/nodes/parse_node.ts";
import { nodeManifest } from "../core/render/render_manifest.ts";
import { ownTransports } from "../core/transport/own_transports.ts";
import { encryptsHosts } from "../core/settings/host_settings.ts";
import { type Settings, usesTunnel } from "../core/settings/settings.ts";
import { ensureKey } from "../shell/key_file.ts";
import { PodCidrExpression } from "../shell/pod_cidr_expression.ts";
import { readFacts } from "../shell/read_facts.ts";
import { missingSource } from "../shell/sources/open_source.ts";
import { parseArguments } from "./arguments.ts";
import { nameNode } from "./name_node.ts";
import { readNodes } from "./read_nodes.ts";

/** Prints the manifest, making the key on first use; 0, or 1 when the key file is broken or an expression gives no CIDR. */
export async function nodeVerb(args: readonly string[]): Promise<number> {
  const { settings: unnamed, given } = await parseArguments(args, ["json"]);
  const settings = await nameNode(unnamed);
  const nodes = await knownNodes(settings);
  const known = nodes.find(({ node }) => node?.name === settings.nodeName)?.node;
  const readKey = async () => usesTunnel(settings) ? await ensureKey(settings) : undefined;
  const facts = await readFacts(settings, {
    readKey,
    expression: await PodCidrExpression.load(settings),
    metadata: ownMetadata(settings, nodes),
    wireguard: "kernel",
    dropChains: [],
    resolved: new Map(),
  });
  const bare = parseNode({ metadata: { name: settings.nodeName } }, settings.nodeName).node!;
  const own = ownNode(settings, known ?? bare, facts);
  const podCidrs = own.podCidrs.map(({ value }) => value);
  const addresses = own.addresses.length > 0
    ? own.addresses
    : uplinkAddresses(facts).map((value) => ({ value }));
  const createdMs = known?.createdMs ?? secondsNow() * 1000;
  const { publicKey, nextKey } = facts;
  const isHostEncrypted = encryptsHosts(settings) || undefined;
  const transports = ownTransports(settings);
  const said = { createdMs, publicKey, nextKey, isHostEncrypted, transports, podCidrs, addresses };
  const manifest = nodeManifest({ ...own, ...said });
  console.log(given.has("json") ? JSON.stringify(manifest, null, 2) : dump(manifest).trimEnd());
  if (podCidrs.length === 0) {
    console.error("wigglenet: spec.podCIDRs is empty: give this node prefixes that no other node has");
  }
  if (addresses.length === 0) {
    console.error("wigglenet: no address: say which interfaces the others reach it by, NODE_IP_INTERFACES");
  }
  return 0;
}

function secondsNow(): number {
  return Math.floor(Date.now() / 1000);
}

/** The Nodes of the source, where there is one. */
async function knownNodes(settings: Settings): Promise<readonly ParsedNode[]> {
  if (missingSource(settings) !== undefined) return [];
  return (await readNodes(settings, { isOwnNeeded: false })).items;
}

/** Where nobody says by what others reach this host: what holds a default route. */
function uplinkAddresses({ interfaces }: HostFacts): readonly Address[] {
  return interfaces.filter(({ hasDefaultRoute }) => hasDefaultRoute).flatMap(({ addresses }) => addresses);
}
