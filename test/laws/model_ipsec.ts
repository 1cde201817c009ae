// Hosts that have associations by the rules of the agent, and a kernel that keeps what it is given: packets go by the newest one to the
// other end, and are lost where that one is not there.

import { keyOf } from "../cluster.ts";
import type { Association, End, Nonce } from "../../src/core/transport/ipsec/association.ts";
import {
  type ObservedAssociation,
  placeIn,
  placeOf,
  rollOver,
  type Turn,
} from "../../src/core/transport/ipsec/rollover.ts";

interface Kept extends ObservedAssociation {
  packets: number;
  usedSeconds: number;
  isMarked?: true;
}

/** One host. */
export class ModelIpsecHost {
  readonly end: Omit<End, "nonce">;
  /** Of the agent that runs now. */
  nonce: Nonce;
  /** As its facts have it: the last one again, while they cannot be read. */
  known: Nonce;
  areFactsRead = true;
  /** What its Node says. */
  stated: Nonce;
  /** What the agent has read of the others, by name. */
  readonly views = new Map<string, Nonce>();
  used = new Set<string>();
  retired = new Set<string>();
  readonly kernel = new Map<number, Kept>();
  /** Whatever has been there. */
  readonly history = new Set<number>();
  /** When it last drew for another's sake. */
  obligedAt = -Infinity;
  turns: readonly Turn[] = [];

  constructor(readonly name: string, n: number, private readonly cluster: ModelIpsec) {
    this.end = { publicKey: keyOf(n), address: `10.9.1.${n}` };
    this.nonce = this.known = this.stated = cluster.draw();
  }

  /** The agent ends and starts anew; the kernel goes on. */
  restart(): void {
    this.nonce = this.known = this.cluster.draw();
    this.areFactsRead = true;
    this.used = new Set();
    this.retired = new Set();
    this.obligedAt = -Infinity;
  }

  /** Instead of the one that was planned with. */
  draw(spent: Nonce): void {
    if (spent === this.nonce) this.nonce = this.cluster.draw();
  }

  remove(it: ObservedAssociation): void {
    this.retired.add(placeOf(it));
    this.kernel.delete(it.spi);
  }

  /** As the shell does, or refuses. */
  add(association: Association): void {
    const { from, to, purpose, spi } = association;
    const own = from.publicKey === this.end.publicKey ? from : to;
    if (own.nonce !== this.nonce || this.used.has(placeIn(association))) return;
    this.used.add(placeIn(association));
    if (this.history.has(spi)) this.cluster.broken.push(`${this.name} installs ${spi} twice`);
    this.history.add(spi);
    this.kernel.set(spi, {
      spi,
      purpose,
      source: from.address,
      destination: to.address,
      packets: 0,
      usedSeconds: 0,
      addedSeconds: this.cluster.seconds,
      ...(from === own && { isMarked: true }),
    });
  }

  /** What its kernel would send by: the newest, of those of one second the first. */
  sentBy(peer: ModelIpsecHost, purpose: Purpose): Kept | undefined {
    let best: Kept | undefined;
    for (const it of this.kernel.values()) {
      const isThere = it.purpose === purpose && it.source === this.end.address &&
        it.destination === peer.end.address;
      if (isThere && (best === undefined || it.addedSeconds > best.addedSeconds)) best = it;
    }
    return best;
  }
}

type Purpose = Association["purpose"];

/** All hosts, and the network between them. */
export class ModelIpsec {
  readonly hosts: ModelIpsecHost[] = [];
  /** Packets that nobody could read, as `n1 -> n2`. */
  readonly lost: string[] = [];
  /** Rules that were broken. */
  readonly broken: string[] = [];
  seconds = 1_000;
  #drawn = 0;
  /** Ordered pairs between which packets need not arrive now: one of the two has lost what it had. */
  readonly excused = new Set<string>();
  /** Of ordered pairs: what is sent does not arrive. */
  readonly cut = new Set<string>();

  constructor(count: number) {
    for (let n = 1; n <= count; n++) this.hosts.push(new ModelIpsecHost(`n${n}`, n, this));
  }

  draw(): Nonce {
    const bytes = new Uint8Array(32);
    new DataView(bytes.buffer).setUint32(0, ++this.#drawn);
    return bytes.toBase64() as Nonce;
  }

  /** Its Node, or its key or address there, is gone for all others; its agent goes on. */
  leave(host: ModelIpsecHost): void {
    for (const other of this.hosts) other.views.delete(host.name);
  }

  learn(host: ModelIpsecHost, other: ModelIpsecHost): void {
    host.views.set(other.name, other.stated);
  }

  /** One pass of its agent, which is killed behind so many actions. */
  pass(host: ModelIpsecHost, killedBehind = Infinity): void {
    if (host.areFactsRead) host.known = host.nonce;
    const own: End = { ...host.end, nonce: host.known };
    const pairs = this.hosts.flatMap((other) => {
      const nonce = host.views.get(other.name);
      return other === host || nonce === undefined ? [] : [{ own, peer: { ...other.end, nonce } }];
    });
    const { turns, strays } = rollOver(pairs, {
      associations: [...host.kernel.values()],
      used: host.used,
      retired: host.retired,
      patientSeconds: this.seconds - host.obligedAt,
      wallSeconds: this.seconds,
    });
    host.turns = turns;
    const actions = [
      ...turns.flatMap(({ added, removed }) => [
        ...added.map((it) => () => host.add(it)),
        ...removed.map((it) => () => host.remove(it)),
      ]),
      ...strays.map((it) => () => host.remove(it)),
    ];
    actions.slice(0, killedBehind).forEach((act) => act());
    if (killedBehind < actions.length) return host.restart();
    for (const { peer, isGreeted } of turns) {
      const other = this.hosts.find(({ end }) => end.publicKey === peer.publicKey)!;
      if (!isGreeted) continue;
      this.#send(host, other, "greeting");
      // The other's kernel says that nobody listens there.
      if (this.#send(host, other, "data")) this.#send(other, host, "data");
    }
    const isSpent = turns.some((turn) => turn.isSpent);
    const isObliged = !isSpent && turns.some((turn) => turn.isObliged);
    if (isObliged) host.obligedAt = this.seconds;
    if (isSpent || isObliged) host.draw(own.nonce);
  }

  /** A packet of a pod from everybody to everybody. */
  tick(): void {
    for (const from of this.hosts) {
      for (const to of this.hosts) {
        if (from === to) continue;
        const way = `${from.name} -> ${to.name}`;
        if (!this.#send(from, to, "data") && !this.excused.has(way)) this.lost.push(way);
      }
    }
  }

  #send(from: ModelIpsecHost, to: ModelIpsecHost, purpose: Purpose): boolean {
    const by = from.sentBy(to, purpose);
    if (by === undefined) return false;
    by.packets++;
    by.usedSeconds ||= this.seconds;
    if (this.cut.has(`${from.name} -> ${to.name}`)) return true; // the network's loss, not ours
    const there = to.kernel.get(by.spi);
    if (there === undefined) return false;
    there.packets++;
    there.usedSeconds ||= this.seconds;
    return true;
  }

  /** Its pods and it may be unreachable until it has rolled over with everybody. */
  excuse(host: ModelIpsecHost): void {
    for (const other of this.hosts) {
      this.excused.add(`${host.name} -> ${other.name}`).add(`${other.name} -> ${host.name}`);
    }
  }

  /** All agents hear of everything, and have passes, so many times. */
  rounds(count: number): void {
    for (let i = 0; i < count; i++) {
      for (const host of this.hosts) {
        host.stated = host.nonce;
        for (const other of this.hosts) this.learn(host, other);
        this.pass(host);
      }
      this.seconds++;
    }
  }
}
