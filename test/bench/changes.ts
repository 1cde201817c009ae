// One Node joins or leaves five thousand others: the time from the change in the folder or in the API to the kernel.
//
// Joined: its prefixes are in the nft set (nft monitor), its four routes are there (ip monitor), and the first
// packet to its endpoint has left (tcpdump): WireGuard sends it as soon as the peer is on the interface.
// Left: the routes and the elements are gone. The peer goes beside them, sooner than nft has read its sets back;
// that it is gone by then is looked up at once, each time.

import { type Member, memberOf, smallNode } from "./cluster.ts";
import type { Crowd, Writer } from "./crowd.ts";
import { undisturbed } from "./processor.ts";
import { Sightings } from "./sightings.ts";

/** Milliseconds, one for each change. */
export interface Changes {
  readonly joins: number[];
  readonly leaves: number[];
}

/** Who makes a Node come and go; each resolves with the time of `performance.now` from which on it was so. */
export interface Hand {
  readonly join: (member: Member) => Promise<number>;
  readonly leave: (member: Member) => Promise<number>;
}

const LONGEST_PAUSE_MS = 700;

/** The hand that changes a folder of manifests. */
export function folderHand({ lab }: Crowd, folder: string, write: Writer = smallNode): Hand {
  const pathOf = ({ name }: Member) => `${folder}/${name}.yaml`;
  const draft = `${lab.folder}/draft`;
  return {
    join: async (member) => {
      await Deno.writeTextFile(draft, write(member));
      const start = performance.now();
      Deno.renameSync(draft, pathOf(member));
      return start;
    },
    leave: (member) => {
      const start = performance.now();
      Deno.removeSync(pathOf(member));
      return Promise.resolve(start);
    },
  };
}

/** Lets a Node that was not there join and leave, again and again. */
export async function measureChanges(crowd: Crowd, hand: Hand, count: number): Promise<Changes> {
  const { lab, node } = crowd;
  const changes: Changes = { joins: [], leaves: [] };
  const sightings = new Sightings();
  await sightings.follow(node, ["nft", "monitor"]);
  await sightings.follow(node, ["ip", "-o", "monitor", "route"]);
  const capture = ["tcpdump", "-lnq", "--immediate-mode", "-Z", "root", "-i", "underlay", "udp"];
  await sightings.follow(lab.underlay, capture, /listening on/);
  for (let i = 0; i < count; i++) {
    const member = memberOf(6_000 + i);
    changes.joins.push(await timed(sightings.allOf(joined(member)), hand.join(member)));
    await verifyPeer(crowd, member, true);
    changes.leaves.push(await timed(sightings.allOf(left(member)), hand.leave(member)));
    await verifyPeer(crowd, member, false);
  }
  await sightings.close();
  return changes;
}

/** Milliseconds from what is done to what is seen of it. */
export async function timed(seen: Promise<number>, done: Promise<number>): Promise<number> {
  const [end, start] = await Promise.all([seen, done]);
  return end - start;
}

/** Lines of monitors by what they show. */
export type Expected = Record<string, (line: string) => boolean>;

function joined({ podCidrs, addresses }: Member): Expected {
  return {
    ...ofEach(podCidrs, "element", (cidr) => (line) => isElement(line, "add", cidr)),
    ...ofEach(podCidrs, "route", (cidr) => (line) => line.startsWith(`${cidr} dev wigglenet`)),
    ...ofEach(podCidrs, "unreachable route", (cidr) => (line) => line.startsWith(`unreachable ${cidr} `)),
    "packet to the endpoint": (line) => line.includes(` > ${addresses[0]}.24601:`),
  };
}

function left({ podCidrs }: Member): Expected {
  return {
    ...ofEach(podCidrs, "element", (cidr) => (line) => isElement(line, "delete", cidr)),
    ...ofEach(podCidrs, "route", (cidr) => (line) => line.startsWith(`Deleted ${cidr} dev wigglenet`)),
    ...ofEach(
      podCidrs,
      "unreachable route",
      (cidr) => (line) => line.startsWith(`Deleted unreachable ${cidr} `),
    ),
  };
}

/** One expectation for each prefix. */
export function ofEach(
  cidrs: readonly string[],
  what: string,
  test: (cidr: string) => (line: string) => boolean,
): Expected {
  return Object.fromEntries(cidrs.map((cidr) => [`${what} ${cidr}`, test(cidr)]));
}

/** True for a line of nft monitor about a pod CIDR. */
export function isElement(line: string, verb: string, cidr: string): boolean {
  return line.startsWith(`${verb} element inet wigglenet pod-cidrs-`) && line.includes(`{ ${cidr} }`);
}

/** Looks the peer up. Then waits for a while, so that changes meet polls and audits as they fall, but not other people. */
async function verifyPeer({ node }: Crowd, { name, publicKey }: Member, isWanted: boolean): Promise<void> {
  const peers = await node.run(["wg", "show", "wigglenet", "peers"]);
  if (peers.includes(publicKey) !== isWanted) {
    throw new Error(`The peer of ${name} is ${isWanted ? "not there" : "still there"}`);
  }
  await undisturbed({ limitMs: 5_000, lookMs: 100 + Math.random() * LONGEST_PAUSE_MS, looks: 1 });
}
