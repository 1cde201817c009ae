// What somebody wraps by hand, in a node's name or another's: does it get to a pod of the first node?

import { type Body, frameOf, ipPacket, udp } from "../lab/craft.ts";
import type { Host } from "../lab/host.ts";
import type { Family } from "../lab/manifest.ts";
import type { Pod } from "../lab/pod.ts";
import { until } from "../lab/until.ts";
import { Wire } from "../lab/wire.ts";
import type { Mesh } from "./mesh.ts";

/** Of a packet's addresses, and of those of the packet in it. */
export interface ShotFamilies {
  readonly outer: Family;
  readonly inner: Family;
}

/** Both in both. */
export const EITHER_WAY: readonly ShotFamilies[] = ([4, 6] as const).flatMap((outer) =>
  ([4, 6] as const).map((inner) => ({ outer, inner }))
);

/** A packet in a packet. */
export interface Shot {
  /** Left out: the outsider. */
  readonly from?: Host;
  readonly outer: string;
  /** Left out: the first node's address. */
  readonly to?: string;
  readonly inner: string;
  /** Left out: its pod. */
  readonly target?: string;
}

/** Where a frame of this place must be sent to so that it gets to an address. */
export async function neighbourOf(place: Host, address: string): Promise<string> {
  await place.ping(address);
  const [known] = JSON.parse(await place.run(["ip", "-j", "neigh", "show", address])) as [{ lladdr: string }];
  return known.lladdr;
}

/** The same of whatever it sends far away. */
export async function routerOf(place: Host): Promise<string> {
  const routes = await place.run(["ip", "-j", "route", "show", "default"]);
  return neighbourOf(place, (JSON.parse(routes) as [{ gateway: string }])[0].gateway);
}

/** How packets are wrapped: what stands behind the outer IP header of the shot with this number. */
export interface Wrapping<T extends Shot> extends ShotFamilies {
  readonly wrap: (shot: T, packet: Uint8Array<ArrayBuffer>, i: number) => Body;
}

/** Which of these reach the pod by the time that the last of them, which does, has for some times. */
export async function arrivingWrapped<T extends Shot>(
  { lab, nodes: [node], pods }: Mesh,
  shots: Readonly<Record<string, T>>,
  { outer: outerFamily, inner: innerFamily, wrap }: Wrapping<T>,
): Promise<string[]> {
  const pod = pods[0] as Pod;
  const [destination, near] = [pod.address(innerFamily)!, node!.address(outerFamily)!];
  const wires = new Map<Host, { readonly wire: Wire; readonly lladdr: string }>();
  for (const place of new Set(Object.values(shots).map(({ from = lab.outsider }) => from))) {
    const lladdr = place === lab.outsider ? await neighbourOf(place, near) : await routerOf(place);
    wires.set(place, { wire: new Wire(place, "eth0"), lladdr });
  }
  const there = new Wire(pod, "eth0");
  const seen: string[] = [];
  const names = Object.keys(shots);
  const shoot = (name: string, i: number) => {
    const shot = shots[name]!;
    const { from = lab.outsider, outer, to = near, inner, target = destination } = shot;
    const { wire, lladdr } = wires.get(from)!;
    const ends = { source: inner, destination: target };
    const body = wrap(shot, ipPacket(ends, udp(20_000 + i, 9_999, new Uint8Array(8))), i);
    wire.send(frameOf(ipPacket({ source: outer, destination: to }, body), lladdr));
  };
  try {
    await until("what nobody can tell from a node's to arrive", () => {
      names.forEach(shoot);
      for (const { destinationPort, sourcePort } of there.receive()) {
        if (destinationPort === 9_999) seen.push(names[sourcePort! - 20_000]!);
      }
      return seen.filter((name) => name === names.at(-1)).length > 5;
    });
  } finally {
    for (const { wire } of wires.values()) wire.close();
    there.close();
  }
  return [...new Set(seen)];
}

/** How many packets the rules of a node have dropped with this comment. */
export async function droppedBy(node: Host, comment: string): Promise<number> {
  const rules = await node.run(["nft", "list", "table", "inet", "wigglenet"]);
  const counts = [...rules.matchAll(/packets (\d+) bytes \d+ drop comment "([^"]*)"/g)];
  const found = counts.filter(([, , said]) => said === comment);
  if (found.length === 0) throw new Error(`no rule says "${comment}":\n${rules}`);
  return found.reduce((total, [, packets]) => total + Number(packets), 0);
}
