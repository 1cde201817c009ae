// By ESP from node to node, encrypted with AES-GCM by the kernel's XFRM: one interface, and for each other node its associations and
// policies (docs/decisions/0060).

import type { Address, Family } from "../../net/address.ts";
import { isOfSmallOrder } from "../../net/keys.ts";
import { isAllowed } from "../../desired/endpoints.ts";
import { DEFAULT_UNDERLAY_BYTES, IPV6_LEAST_BYTES, underlayMtu } from "../../desired/underlay_mtu.ts";
import { ANNOTATION, type Node } from "../../nodes/node.ts";
import type { SettledNode } from "../../nodes/settled_node.ts";
import { statedAddresses } from "../outer.ts";
import type { ClearWay, Here, Reach, Secured, Transport } from "../transport.ts";
import { commonPort, inUdp, isTranslated, type Wrapped } from "./in_udp.ts";
import { ipsecInterface, ipsecUdpPort } from "./names.ts";
import type { Pair } from "./rollover.ts";

const FAMILIES: readonly Family[] = [4, 6];
/** IP (20 or 40 bytes), SPI and number (8), the packet's own part of the number (8), proof (16). */
const AROUND_BYTES: Readonly<Record<Family, number>> = { 4: 52, 6: 72 };
/** Behind a packet: two bytes, and what fills up to four. */
const TRAILER_BYTES = 2;

/**
 * By family the first address that is a Node's own, as both ends see it, whatever else either of them has. What two Nodes say is the
 * older one's: by their addresses the kernel tells one node's associations and policies from another's.
 */
function firstOf({ settings }: Here, { node, addresses }: SettledNode, family: Family): Address | undefined {
  if (!isAllowed(settings, family)) return undefined;
  const stated = new Set(statedAddresses(node));
  return addresses.find((address) => address.family === family && stated.has(address));
}

type Outer = Wrapped["outer"];

/** IPv4 where both have it: both ends must decide alike. */
function outerOf(here: Here, other: SettledNode): Outer | undefined {
  if (isWrapped(here, other) && commonPort(here, other) === undefined) return undefined;
  for (const family of FAMILIES) {
    const [own, peer] = [firstOf(here, here.own, family), firstOf(here, other, family)];
    if (own !== undefined && peer !== undefined && own.text !== peer.text) return [own, peer];
  }
  return undefined;
}

function isWrapped({ own }: Here, other: SettledNode): boolean {
  return isTranslated(own) || isTranslated(other);
}

/** As they were last derived, by the other Node. */
const PAIRS = new WeakMap<Node, { readonly text: string; readonly pair: Pair }>();

function pairOf({ own, facts }: Here, other: SettledNode, outer: Outer | undefined): Pair | undefined {
  const publicKey = facts.publicKey ?? own.publicKey;
  const nonce = facts.ipsecNonce ?? own.node.ipsecNonce;
  const theirs = { publicKey: other.publicKey, nonce: other.node.ipsecNonce };
  if (publicKey === undefined || nonce === undefined || outer === undefined) return undefined;
  if (theirs.publicKey === undefined || theirs.nonce === undefined) return undefined;
  // Whoever says this host's own key is nobody whom a key could prove.
  if (theirs.publicKey === publicKey || isOfSmallOrder(theirs.publicKey)) return undefined;
  const pair = {
    own: { publicKey, nonce, address: outer[0].text },
    peer: { publicKey: theirs.publicKey, nonce: theirs.nonce, address: outer[1].text },
  };
  const text = JSON.stringify(pair);
  const last = PAIRS.get(other.node);
  if (last?.text === text) return last.pair;
  PAIRS.set(other.node, { text, pair });
  return pair;
}

function reachByIpsec(here: Here): Reach {
  const families = FAMILIES.filter((family) => firstOf(here, here.own, family) !== undefined);
  const secured: Secured = {
    name: ipsecInterface(here.settings),
    mtuBytes: mtuOf(here, AROUND_BYTES[families.includes(6) ? 6 : 4]),
  };
  return {
    wayTo: (other): ClearWay | undefined => {
      const outer = outerOf(here, other);
      const pair = pairOf(here, other, outer);
      // As in the tunnel, a pod's address is a pod's.
      const way = {
        route: `dev ${secured.name}`,
        dev: secured.name,
        mtuBytes: secured.mtuBytes,
        addresses: [],
      };
      if (pair === undefined || !isWrapped(here, other)) return pair && { ...way, pair };
      const port = commonPort(here, other)!;
      const wrapped = inUdp(here, { other, port, outer: outer!, underlayBytes: underlayOf(here) });
      const fits = roomIn(wrapped.overlay.mtuBytes, AROUND_BYTES[outer![0].family]);
      const mtuBytes = here.settings.mtu === "auto" ? fits : secured.mtuBytes;
      return { ...way, mtuBytes, pair, ...wrapped };
    },
    devices: [secured.name],
    condition: `a key, ${ANNOTATION.ipsecNonce}, an InternalIP of a family that this node has (${
      families.map((family) => `IPv${family}`).join(", ") || "none"
    }), and both no ${ANNOTATION.endpoint} beyond a NAT, or the same ${ANNOTATION.ipsecUdpPort}`,
    secured,
    waiting: absentAddresses(here, families),
  };
}

function mtuOf(here: Here, aroundBytes: number): number {
  const { settings } = here;
  if (settings.mtu !== "auto") return Math.max(settings.mtu, IPV6_LEAST_BYTES);
  return roomIn(underlayOf(here), aroundBytes);
}

function underlayOf({ own, facts }: Here): number {
  return underlayMtu(statedAddresses(own.node), facts) ?? DEFAULT_UNDERLAY_BYTES;
}

function roomIn(bytes: number, aroundBytes: number): number {
  const room = bytes - aroundBytes;
  return Math.max(room - room % 4 - TRAILER_BYTES, IPV6_LEAST_BYTES);
}

/** What others send to, and take from, must be on this host. */
function absentAddresses(here: Here, families: readonly Family[]): Reach["waiting"] {
  const { own, facts, family: inner } = here;
  const present = new Set(facts.interfaces.flatMap(({ addresses }) => addresses).map(({ text }) => text));
  const stated = families.map((family) => firstOf(here, own, family)!.text);
  const absent = stated.filter((text) => present.size > 0 && !present.has(text));
  if (stated.length > 0 && absent.length === 0) return [];
  return [{
    what: `IPv${inner} from ${own.node.name}`,
    why: stated.length === 0
      ? "its Node says no address that others could send to"
      : `its Node says ${absent.join(", ")}, which is not on this host: others send there`,
    next: `mend the InternalIP of Node ${own.node.name}, or set NODE_IP_INTERFACES`,
    isTrouble: true,
  }];
}

/** Any two nodes reach each other that have addresses of one family, and know each other's key and nonce. */
export const IPSEC: Transport = {
  medium: "ipsec",
  reach: reachByIpsec,
  isEncrypted: true,
  portOf: (settings) => ipsecUdpPort(settings),
};
/** Who does not is reached by the tunnel, which stands for all: encrypted either way. */
export const IPSEC_OR_WIREGUARD: Transport = { ...IPSEC, isTunnelElse: true };
