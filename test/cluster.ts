// Small clusters as tests write them down: Nodes in a few words, settings by their variables.

import { desire } from "../src/core/desired/desire.ts";
import type { DesiredState } from "../src/core/desired/desired_state.ts";
import { type HostFacts, type HostInterface, NO_FACTS } from "../src/core/desired/host_facts.ts";
import { type Address, parseAddress } from "../src/core/net/address.ts";
import type { PublicKey } from "../src/core/net/keys.ts";
import { prefixOf } from "../src/core/net/prefix.ts";
import { ANNOTATION } from "../src/core/nodes/node.ts";
import { parseNode } from "../src/core/nodes/parse_node.ts";
import { parseSettings, type RawSettings } from "../src/core/settings/parse_settings.ts";
import { isNamed, type Settings } from "../src/core/settings/settings.ts";

/** What a test says of a Node; what it leaves out is missing in the object. */
export interface NodeWords {
  readonly name?: unknown;
  /** Day of January 2026. */
  readonly day?: number;
  readonly key?: unknown;
  readonly podCIDRs?: unknown;
  readonly internal?: readonly unknown[];
  readonly external?: readonly unknown[];
  /** `wigglenet/pod-cidrs` and `wigglenet/node-ips`, as values. */
  readonly said?: { readonly podCidrs?: unknown; readonly nodeIps?: unknown };
  /** `wigglenet/endpoint` and `wigglenet/persistent-keepalive`, as they stand there. */
  readonly endpoint?: unknown;
  readonly keepalive?: unknown;
  /** `wigglenet/next-key`. */
  readonly nextKey?: unknown;
  /** `wigglenet/transport`. */
  readonly transport?: unknown;
  /** `wigglenet/ipsec-nonce`. */
  readonly ipsecNonce?: unknown;
  /** `wigglenet/ipsec-udp-port`. */
  readonly ipsecUdpPort?: unknown;
}

/** A valid public key, another one for each number. */
export function keyOf(number: number): PublicKey {
  return `${String(number).padStart(42, "K")}A=` as PublicKey;
}

/** The core/v1 Node object. */
export function nodeJson(words: NodeWords): unknown {
  const { name = "n1", day, key, nextKey, podCIDRs, internal, external, said = {} } = words;
  const { endpoint, keepalive, transport, ipsecNonce, ipsecUdpPort } = words;
  const addresses = (type: string, list: readonly unknown[] = []) =>
    list.map((address) => ({ type, address }));
  return {
    apiVersion: "v1",
    kind: "Node",
    metadata: {
      name,
      ...(day === undefined
        ? {}
        : { creationTimestamp: `2026-01-${String(day).padStart(2, "0")}T00:00:00Z` }),
      annotations: {
        ...(key === undefined ? {} : { [ANNOTATION.publicKey]: key }),
        ...(nextKey === undefined ? {} : { [ANNOTATION.nextKey]: nextKey }),
        ...(said.podCidrs === undefined ? {} : { [ANNOTATION.podCidrs]: JSON.stringify(said.podCidrs) }),
        ...(said.nodeIps === undefined ? {} : { [ANNOTATION.nodeIps]: JSON.stringify(said.nodeIps) }),
        ...(endpoint === undefined ? {} : { [ANNOTATION.endpoint]: endpoint }),
        ...(transport === undefined ? {} : { [ANNOTATION.transport]: transport }),
        ...(ipsecNonce === undefined ? {} : { [ANNOTATION.ipsecNonce]: ipsecNonce }),
        ...(ipsecUdpPort === undefined ? {} : { [ANNOTATION.ipsecUdpPort]: ipsecUdpPort }),
        ...(keepalive === undefined ? {} : { [ANNOTATION.keepalive]: keepalive }),
      },
    },
    spec: { ...(podCIDRs === undefined ? {} : { podCIDRs }) },
    status: {
      ...(internal === undefined && external === undefined
        ? {}
        : { addresses: [...addresses("InternalIP", internal), ...addresses("ExternalIP", external)] }),
    },
  };
}

/** The i-th node of an ordinary dual-stack cluster. */
export function ordinaryNode(i: number): NodeWords {
  return {
    name: `n${i}`,
    day: i,
    key: keyOf(i),
    podCIDRs: [`10.244.${i}.0/24`, `fd00:10:244:${i}::/64`],
    internal: [`10.9.1.${i}`, `fd09::${i}`],
  };
}

/** An interface that is up, with addresses as `ip` takes them: `10.9.1.1/24`. */
export function interfaceOf(
  name: string,
  addressTexts: readonly string[],
  rest: Partial<HostInterface> = {},
): HostInterface {
  const parts = addressTexts.map((text) => text.split("/") as [string, string]);
  const addresses = parts.map(([address]) => parseAddress(address) as Address);
  const prefixes = parts.map(([, length], i) => prefixOf(addresses[i]!, Number(length)));
  return { name, mtuBytes: 1500, addresses, prefixes, hasDefaultRoute: false, ...rest };
}

/** Settings of n1. Throws when they are bad. */
export function settingsOf(environment: RawSettings = {}): Settings {
  const settings = parseSettings({ NODE_NAME: "n1", ...environment }, {});
  if (!("nodeName" in settings)) throw new Error(settings.join("\n"));
  if (!isNamed(settings)) throw new Error("NODE_NAME is empty");
  return settings;
}

/** What n1 wants. */
export function desireOf(
  nodes: readonly NodeWords[],
  environment: RawSettings = {},
  facts: Partial<HostFacts> = {},
): DesiredState {
  const parsed = nodes.map((words, i) => parseNode(nodeJson(words), `nodes/${i}.yaml`));
  const desired = desire(settingsOf(environment), parsed, { ...NO_FACTS, ...facts });
  if (desired === undefined) throw new Error("n1 is not among the nodes");
  return desired;
}
