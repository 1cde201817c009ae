// A cluster changes its transport: whatever its nodes have come to, and whoever has heard of it, each pair has a way that both take.
// What a host does between two wishes is no part of this; nor are clocks: what stands for ten seconds stands until all have heard.

import assert from "node:assert/strict";
import { desireOf, interfaceOf, keyOf, ordinaryNode, settingsOf } from "../../../test/cluster.ts";
import { hostOf } from "../../../test/host_state.ts";
import type { DesiredState } from "../desired/desired_state.ts";
import { type Former, formerTransports } from "./former.ts";
import { mediumTo } from "../../../test/medium_to.ts";
import type { TransportName } from "./transport.ts";

const NUMBERS = [1, 2, 3] as const;
type Number = typeof NUMBERS[number];

/** How far a node has come: it has the old transport, or the new one beside what it came from, or the new one alone. */
interface Progress {
  readonly phase: "old" | "changing" | "new";
  readonly former?: Former;
  /** Who has heard that its Node says the new one: itself first. */
  readonly heard: readonly Number[];
}

type Cluster = Readonly<Record<Number, Progress>>;

const UNCHANGED: Cluster = Object.fromEntries(
  NUMBERS.map((i) => [i, { phase: "old", heard: [] }]),
) as unknown as Cluster;

/** A change from one transport to another one, with what its nodes want at any time. */
class Change {
  readonly #wishes = new Map<string, DesiredState>();
  /** Pairs of what two nodes want that were asked already. */
  readonly #asked = new Set<string>();

  constructor(readonly from: TransportName, readonly to: TransportName) {}

  #environment(i: Number, name: TransportName) {
    return { NODE_NAME: `n${i}`, TRANSPORT_IPV4: name, TRANSPORT_IPV6: name };
  }

  /** What a node knows, in short. */
  #known(i: Number, cluster: Cluster): string {
    const { phase, former } = cluster[i];
    const isSilent = (j: Number) => isIpsec(this.from) && cluster[j].phase === "new";
    const others = NUMBERS.map((j) => `${cluster[j].heard.includes(i)} ${isSilent(j)}`);
    return `${i} ${phase} ${former?.[4]} ${former?.[6]} ${others}`;
  }

  wish(i: Number, cluster: Cluster): DesiredState {
    const { phase, former } = cluster[i];
    const text = this.#known(i, cluster);
    const last = this.#wishes.get(text);
    if (last !== undefined) return last;
    const said = NUMBERS.map((j) => cluster[j].heard.includes(i) ? this.to : this.from);
    const nodes = said.map((name, j) => ({
      ...ordinaryNode(j + 1),
      transport: name === "wireguard" ? undefined : `ipv4=${name},ipv6=${name}`,
      // It is there with the word that the Node takes what comes by it, and goes when its agent has nothing of that any more.
      ipsecNonce: isIpsec(name) || isIpsec(this.to) && i === j + 1 ||
          isIpsec(this.from) && cluster[j + 1 as Number].phase !== "new"
        ? keyOf(j + 1)
        : undefined,
    }));
    const interfaces = [interfaceOf("eth0", [`10.9.1.${i}/24`, `fd09::${i}/64`], { hasDefaultRoute: true })];
    const wish = desireOf(nodes, this.#environment(i, phase === "old" ? this.from : this.to), {
      ...{ interfaces, publicKey: keyOf(i) },
      ...(former && { former }),
    });
    this.#wishes.set(text, wish);
    return wish;
  }

  /** What may happen next. */
  next(cluster: Cluster): Cluster[] {
    return NUMBERS.flatMap((i) => {
      const { phase, heard } = cluster[i];
      const as = (progress: Progress): Cluster => ({ ...cluster, [i]: progress });
      if (phase === "old") return [as({ phase: "changing", ...this.#found(i, cluster), heard: [] })];
      if (phase === "new") return [];
      const deaf = heard.length === 0 ? [i] : NUMBERS.filter((j) => !heard.includes(j));
      return deaf.length === 0
        ? [as({ phase: "new", heard })]
        : deaf.map((j) => as({ ...cluster[i], heard: [...heard, j].sort() }));
    });
  }

  /** What its new agent finds. */
  #found(i: Number, cluster: Cluster): Pick<Progress, "former"> {
    const former = formerTransports(
      settingsOf(this.#environment(i, this.to)),
      hostOf(this.wish(i, cluster)),
    );
    return former ? { former } : {};
  }

  /**
   * The tunnel that a node does not need any more stands until the others have heard of it. One that comes to IPsec sends by it until it has
   * come there, while those that have heard of it let theirs stand.
   */
  tunnel([from, to]: readonly [Number, Number], cluster: Cluster): DesiredState["peers"] {
    const wish = this.wish(to, cluster);
    if (wish.link !== undefined) return wish.peers;
    const isHeard = cluster[to].heard.length === NUMBERS.length;
    const moved = cluster[to].phase === "changing" && !isHeard
      ? to
      : cluster[from].phase === "changing" && isIpsec(this.to)
      ? from
      : undefined;
    if (moved === undefined) return [];
    return this.wish(to, { ...cluster, [moved]: { ...cluster[moved], heard: [] } }).peers;
  }

  /** How one node's pods send to those of another; throws where that one does not take it. */
  assertTaken([from, to]: readonly [Number, Number], cluster: Cluster): void {
    const { heard } = cluster[to];
    const text = `${this.#known(from, cluster)} ${this.#known(to, cluster)} ${heard.length}`;
    if (this.#asked.has(text)) return;
    this.#asked.add(text);
    const [sender, taker] = [this.wish(from, cluster), this.wish(to, cluster)];
    for (const [family, podsOf] of [[4, v4Pods], [6, v6Pods]] as const) {
      const [own, theirs] = [podsOf(from), podsOf(to)];
      const medium = mediumTo(theirs, sender);
      const isTaken = medium === "tunnel"
        ? this.tunnel([from, to], cluster).some(({ node, allowedIps }) =>
          node === `n${from}` && allowedIps.includes(own)
        )
        : takes(taker, { node: `n${from}`, pods: own, address: `10.9.1.${from}/32`, medium }, family);
      assert.ok(isTaken, `n${from} to n${to}, IPv${family}, by ${medium}: ${JSON.stringify(cluster)}`);
    }
  }
}

const v4Pods = (i: Number) => `10.244.${i}.0/24`;
const v6Pods = (i: Number) => `fd00:10:244:${i}::/64`;
const DEVICES: Readonly<Record<string, string>> = {
  direct: "eth0",
  vxlan: "wigglenet-vx",
  gre: "wigglenet-gre",
  ipsec: "wigglenet-ipsec",
};

interface Sent {
  readonly node: string;
  readonly pods: string;
  readonly address: string;
  readonly medium: string;
}

function takes(
  wish: DesiredState,
  { node, pods, address, medium }: Sent,
  family: 4 | 6,
): boolean {
  const { sets, defines, templates } = wish.table;
  const dev = DEVICES[medium];
  if (dev === undefined || defines[`clear_v${family}`]?.includes(`"${dev}"`) !== true) return false;
  const { link, left } = wish.overlay;
  const isUnwrapped = [link, left?.link].some((overlay) => overlay?.name === dev) &&
    sets["outer-v4"].includes(address) && templates.includes(medium) &&
    templates.includes(`unwrapped-v${family}`) && defines["overlay"]?.includes(`"${dev}"`);
  const isBelieved = sets[`near-v${family}`].includes(pods) || sets[`late-v${family}`].includes(pods) ||
    sets[`clear-v${family}`].includes(pods) && mediumTo(pods, wish) === medium;
  const { isLeft, peers } = wish.ipsec;
  const isProven = dev === wish.ipsec.name && (isLeft || peers.some((peer) => peer.node === node));
  return isBelieved && (medium === "direct" || isUnwrapped === true || isProven);
}

/** All that a change can come to. */
function statesOf(change: Change): Cluster[] {
  const seen = new Map<string, Cluster>();
  const open = [UNCHANGED];
  for (let state = open.pop(); state !== undefined; state = open.pop()) {
    const text = NUMBERS.map((i) => {
      const { phase, former, heard } = state[i];
      return `${phase} ${former?.[4]} ${former?.[6]} ${heard}`;
    }).join();
    if (seen.has(text)) continue;
    seen.set(text, state);
    open.push(...change.next(state));
  }
  return [...seen.values()];
}

const IN_THE_CLEAR: readonly TransportName[] = [
  "direct",
  "direct-or-wireguard",
  "vxlan",
  "vxlan-or-wireguard",
  "gre",
  "gre-or-wireguard",
];
const isIpsec = (name: TransportName) => name.startsWith("ipsec");
const CHANGES: readonly (readonly [TransportName, TransportName])[] = [
  ...IN_THE_CLEAR.flatMap((from) =>
    IN_THE_CLEAR.filter((to) => to !== from).map((to) => [from, to] as const)
  ),
  ...IN_THE_CLEAR.map((to) => ["wireguard", to] as const),
  // Where no tunnel stands nobody takes what is sent by one before it is made (docs/decisions/0055).
  ...IN_THE_CLEAR.filter((from) => from.endsWith("-or-wireguard")).map((from) =>
    [from, "wireguard"] as const
  ),
  ...(["ipsec", "ipsec-or-wireguard"] as const).map((to) => ["wireguard", to] as const),
  // What is encrypted may go on so.
  ...(["ipsec", "ipsec-or-wireguard"] as const).flatMap((from) =>
    [...IN_THE_CLEAR, "wireguard" as const].map((to) => [from, to] as const)
  ),
];

for (const [from, to] of CHANGES) {
  Deno.test(`from ${from} to ${to}, in any order and whoever has heard of it: each node takes what each other one sends`, () => {
    const change = new Change(from, to);
    const states = statesOf(change);
    assert.ok(states.length >= 343, `${states.length} states`);
    for (const state of states) {
      for (const i of NUMBERS) {
        for (const j of NUMBERS) if (i !== j) change.assertTaken([i, j], state);
      }
    }
  });
}
