// Ways that are encrypted by IPsec -> what is wanted of the kernel's XFRM: an interface, policies, and pairs to have associations for.

import type { HostFacts } from "../../desired/host_facts.ts";
import type { Family } from "../../net/address.ts";
import { firstAddress, hostPrefix, summarise } from "../../net/prefix.ts";
import type { SettledNode } from "../../nodes/settled_node.ts";
import type { Settings } from "../../settings/settings.ts";
import type { Secured } from "../transport.ts";
import type { ClearPeer, Ways } from "../ways.ts";
import type { Nonce } from "./association.ts";
import { ipsecInterface, leavesIpsec } from "./names.ts";
import type { Pair } from "./rollover.ts";
import { greetingPolicy, policiesOf, type PolicyText } from "./xfrm_text.ts";

const FAMILIES: readonly Family[] = [4, 6];

/** Another Node as IPsec sees it. */
export interface IpsecPeer {
  readonly node: string;
  /** The same object for as long as nothing of it changes: what is derived from it is kept too. */
  readonly pair: Pair;
  readonly policies: readonly PolicyText[];
  /** Its first pod address, to which greetings go. */
  readonly greetedAt: string | undefined;
}

/** What is wanted of the kernel's XFRM. No key is in it, nor comes of it: `association.ts` says what each is derived from. */
export interface DesiredIpsec {
  /** Of the interface, wanted or not: what is left of it goes. */
  readonly name: string;
  /** One of that name stands. */
  readonly isStanding: boolean;
  /** Of the key that the others know this host by. */
  readonly privateKeyPath: string;
  /** That this agent has drawn; left out: it needs none, or who looks is no agent. */
  readonly nonce?: Nonce;
  /** All that the kernel has of it is left as it is for a while: this host goes another way, and others may not have heard of that. */
  readonly isLeft?: true;
  /** Left out: no transport uses it. */
  readonly link?: Secured & { readonly addresses: readonly string[] };
  /** In the order of the Nodes' names. */
  readonly peers: readonly IpsecPeer[];
}

/** What the interface and its associations depend on. */
interface Parts {
  readonly ways: Ways;
  readonly own: SettledNode;
  readonly facts: HostFacts;
  readonly addresses: readonly string[];
}

/** Who is near has associations before it says that it takes what comes by them: they are there when it begins. */
export function desireIpsec(settings: Settings, { ways, facts, addresses }: Parts): DesiredIpsec {
  const secured = ways[4].secured ?? ways[6].secured;
  const isLeft = secured === undefined && leavesIpsec(facts);
  const peers = new Map<string, IpsecPeer>();
  for (const family of FAMILIES) {
    for (const { settled, way: { pair } } of [...ways[family].clear, ...ways[family].near]) {
      if (pair === undefined) continue;
      const last = peers.get(settled.node.name);
      peers.set(settled.node.name, withFamily(last ?? emptyPeer(settled, pair), { settled, pair }, family));
    }
  }
  const byName = (a: IpsecPeer, b: IpsecPeer) => a.node < b.node ? -1 : 1;
  return {
    name: ipsecInterface(settings),
    isStanding: facts.hasIpsec === true,
    privateKeyPath: settings.privateKeyPath,
    ...(facts.ipsecNonce && { nonce: facts.ipsecNonce }),
    ...(isLeft && { isLeft }),
    ...(secured && { link: { ...secured, addresses } }),
    peers: isLeft ? [] : [...peers.values()].sort(byName),
  };
}

function emptyPeer({ node }: SettledNode, pair: Pair): IpsecPeer {
  return { node: node.name, pair, policies: [], greetedAt: undefined };
}

function withFamily(
  peer: IpsecPeer,
  { settled, pair }: Pick<ClearPeer, "settled"> & { readonly pair: Pair },
  family: Family,
): IpsecPeer {
  const outer = { own: pair.own.address, peer: pair.peer.address };
  const prefixes = summarise(settled.podCidrs.filter((prefix) => prefix.family === family));
  const [first] = prefixes;
  const policies = prefixes.flatMap(({ text }) => policiesOf(outer, family, text));
  if (first === undefined) return peer;
  // By one family: the associations are the same.
  const greetedAt = peer.greetedAt ?? firstAddress(first).text;
  const greeting = peer.greetedAt === undefined
    ? [greetingPolicy(outer, family, hostPrefix(firstAddress(first)).text)]
    : [];
  return { ...peer, policies: [...peer.policies, ...greeting, ...policies], greetedAt };
}
