// The other Nodes as WireGuard is to see them, and what keeps them from being reached.

import type { Endpoint } from "../net/endpoint.ts";
import { firstBehind } from "../net/first_behind.ts";
import { comparePrefixes, containsAddress, hostPrefix, type Prefix, withoutNested } from "../net/prefix.ts";
import { ANNOTATION, type Node, type Rejected } from "../nodes/node.ts";
import type { SettledNode } from "../nodes/settled_node.ts";
import { encryptsHosts } from "../settings/host_settings.ts";
import type { Settings } from "../settings/settings.ts";
import type { Peer, Waiting } from "./desired_state.ts";
import {
  candidatesOf,
  excludedOf,
  interfacesText,
  nameOf,
  overrideOf,
  refusedOverride,
  troubleWith,
} from "./endpoints.ts";
import type { HostFacts } from "./host_facts.ts";
import { KeptMap } from "./kept_map.ts";

/** What peers depend on beside their Nodes. */
export interface Surroundings {
  readonly facts: HostFacts;
  /** The names that are asked for. */
  readonly names: ReadonlySet<string>;
  /** All pod CIDRs: nothing there is an endpoint, for the way to it leads into the tunnel. */
  readonly podCidrs: () => readonly PodCidr[];
}

/** A pod CIDR; without an owner it is the cluster's. */
export interface PodCidr {
  readonly prefix: Prefix;
  readonly owner?: Node | undefined;
}

/** All peers, in the order of the Nodes, and what is told of them. */
export interface Prospects {
  readonly peers: readonly Peer[];
  readonly waiting: readonly Waiting[];
  readonly rejected: readonly Rejected[];
}

/** A Node as a peer, and what keeps it from being one. */
interface Prospect {
  readonly peer?: Peer;
  readonly waiting: readonly Waiting[];
  readonly rejected: readonly Rejected[];
}

const PROSPECTS = new KeptMap<SettledNode, Prospect>();
const NOBODY: Prospect = { waiting: [], rejected: [] };

/** The peers among the Nodes of others. */
export function desirePeers(
  settings: Settings,
  others: readonly SettledNode[],
  surroundings: Surroundings,
): Prospects {
  const { facts, names } = surroundings;
  const make = (settled: SettledNode) => prospectOf(settings, settled, { facts, names });
  const made = PROSPECTS.map(others, keyOf(settings, surroundings), make);
  let pods: Pods | undefined;
  const prospects = made.map((prospect, i) => {
    const isOverridden = prospect.peer !== undefined && others[i]!.node.endpoint !== undefined;
    if (!isOverridden) return prospect;
    pods ??= podsOf(surroundings.podCidrs());
    return withoutPods(prospect, { settled: others[i]!, settings, facts, pods });
  });
  return {
    peers: prospects.flatMap(({ peer }) => peer ?? []),
    waiting: prospects.flatMap(({ waiting }) => waiting),
    rejected: prospects.flatMap(({ rejected }) => rejected),
  };
}

/** All that prospects are made from beside their Nodes: facts are read anew for many reasons. */
function keyOf({ port, endpointFamily, hostEncryption }: Settings, { facts, names }: Surroundings): string {
  const { resolved } = facts;
  const answers = [...names].map((name) => {
    const { addresses = [], trouble } = resolved.get(name) ?? {};
    return [name, resolved.has(name), trouble, addresses.map((it) => it.text)];
  });
  return JSON.stringify([port, endpointFamily, hostEncryption, interfacesText(facts), answers]);
}

function prospectOf(
  settings: Settings,
  settled: SettledNode,
  { facts, names }: Pick<Surroundings, "facts" | "names">,
): Prospect {
  const { node, publicKey, podCidrs, addresses } = settled;
  if (publicKey === undefined) return NOBODY;
  const look = `look at Node ${node.name}`;
  const what = `peer ${node.name}`;
  const isReached = podCidrs.length > 0 || encryptsHosts(settings) && addresses.length > 0;
  if (!isReached) return { waiting: [{ what, why: "no pod CIDR", next: look }], rejected: [] };
  const candidates = candidatesOf(settings, settled, facts).map(({ text }) => text);
  const name = nameOf(node);
  const trouble = name && troubleWith(name, facts.resolved.get(name), names.has(name));
  const waiting: Waiting[] = trouble ? [{ what: `endpoint of ${node.name}`, ...trouble }] : [];
  const { rejected, isExcluded } = overrideOf(settings, node, facts);
  const family = `WG_IP_FAMILY=${settings.endpointFamily}`;
  if (isExcluded) {
    const why = `${ANNOTATION.endpoint} ${node.endpoint!.text} has no address for ${family}`;
    waiting.push({ what: `endpoint of ${node.name}`, why, next: look });
  }
  if (candidates.length === 0) {
    const why = `no address for ${family}: it must speak first`;
    waiting.push({ what, why, next: look });
  }
  const excluded = excludedOf(settings, settled);
  const isUnresolved = name !== undefined && (facts.resolved.get(name)?.addresses.length ?? 0) === 0;
  return {
    peer: {
      node: node.name,
      publicKey,
      endpoint: candidates[0],
      candidates,
      ...(excluded.length > 0 ? { excluded } : {}),
      ...(isUnresolved ? { isUnresolved } : {}),
      allowedIps: withoutNested([...podCidrs, ...addresses.map(hostPrefix)]).map(({ text }) => text).join(
        ",",
      ),
    },
    waiting: waiting.length === 0 ? NOBODY.waiting : waiting, // one for thousands
    rejected,
  };
}

interface Checked {
  readonly settled: SettledNode;
  readonly settings: Settings;
  readonly facts: HostFacts;
  readonly pods: Pods;
}

interface Pods {
  readonly all: readonly PodCidr[];
  /** Sorted, none inside another. */
  readonly prefixes: readonly Prefix[];
}

function podsOf(all: readonly PodCidr[]): Pods {
  return { all, prefixes: withoutNested(all.map(({ prefix }) => prefix)) };
}

/** The same, unless its annotation leads into the pod network: then without that. */
function withoutPods(prospect: Prospect, { settled, settings, facts, pods }: Checked): Prospect {
  const found = overrideOf(settings, settled.node, facts).endpoints.flatMap((endpoint) => {
    const pod = podCidrOf(endpoint, settled.node, pods);
    return pod === undefined ? [] : [{ endpoint, pod }];
  });
  if (found.length === 0) return prospect;
  const refused = new Set(found.map(({ endpoint }) => endpoint.text));
  const candidates = prospect.peer!.candidates.filter((text) => !refused.has(text));
  return {
    peer: { ...prospect.peer!, endpoint: candidates[0], candidates },
    waiting: prospect.waiting,
    rejected: [
      ...prospect.rejected,
      ...found.map(({ endpoint, pod }) =>
        refusedOverride(settled.node, `${endpoint.address.text} is inside the pod CIDR ${pod.text}`)
      ),
    ],
  };
}

/** The pod CIDR around an endpoint, of somebody whose word weighs more: a newcomer takes away nobody's endpoint. */
function podCidrOf({ address }: Endpoint, node: Node, { all, prefixes }: Pods): Prefix | undefined {
  const host = hostPrefix(address);
  const outer = prefixes[firstBehind(prefixes, (prefix) => comparePrefixes(prefix, host) > 0) - 1];
  if (outer === undefined || !containsAddress(outer, address)) return undefined;
  return all.find((pod) => containsAddress(pod.prefix, address) && outweighs(pod, node))?.prefix;
}

function outweighs({ prefix, owner }: PodCidr, node: Node): boolean {
  return owner === undefined || owner.createdMs < node.createdMs ||
    owner.podCidrs.some(({ value, origin }) => origin === "spec" && value.text === prefix.text);
}
