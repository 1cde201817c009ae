// Hosts whose keys rotate: what the real plan asks for is carried out action by action, and after each action a packet is sent
// from everybody to everybody.

import { desire } from "../../src/core/desired/desire.ts";
import type { DesiredState } from "../../src/core/desired/desired_state.ts";
import { NO_FACTS } from "../../src/core/desired/host_facts.ts";
import { ANNOTATION } from "../../src/core/nodes/node.ts";
import { parseNode } from "../../src/core/nodes/parse_node.ts";
import { SESSION_SECONDS } from "../../src/core/observed/follow_peer.ts";
import type { ObservedState } from "../../src/core/observed/observed_state.ts";
import { diff } from "../../src/core/plan/diff.ts";
import { wantedAnnotations } from "../../src/core/publish/annotations.ts";
import { hear } from "../../src/core/rotation/heard.ts";
import { keyOf, nodeJson, type NodeWords, ordinaryNode, settingsOf } from "../cluster.ts";
import { hostOf } from "../host_state.ts";
import {
  type Annotations,
  type Device,
  ModelNode,
  observedDevice,
  type Peer,
  wayTo,
} from "./model_rotating_node.ts";

const MAIN = "wigglenet";
const SECOND = "wigglenet-next";
const DEVICES = [MAIN, SECOND];
const DATA_BYTES = 128;
const KEEPALIVE_BYTES = 32;
const HANDSHAKE_BYTES = 92;
/** Of January: others are older or younger. */
export const FIRST_DAY = 10;
/** Of WireGuard: then a session is renewed. */
const REKEY_SECONDS = 120;

/** All nodes, the API, and the time. */
export class ModelCluster {
  readonly nodes: readonly ModelNode[];
  /** What each Node says. */
  readonly api = new Map<string, Annotations>();
  /** Nodes without a machine, by their names, as they are now. */
  readonly strangers = new Map<string, NodeWords>();
  seconds = 1_000_000;
  /** Packets that did not arrive, in words. */
  readonly lost: string[] = [];
  isCounting = false;
  /** Nobody has anything to send: what is sent all the same, to see whether it would arrive, nobody hears. */
  isIdle = false;
  #keys = 100;
  /** By which interface packets went last, by sender and receiver. */
  readonly #ways = new Map<string, string | undefined>();

  constructor(count: number, originals = 0) {
    this.nodes = Array.from({ length: count }, (_, i) => new ModelNode(i + 1, i >= count - originals));
  }

  /** As `wigglenet rotate-key`. */
  request({ files }: ModelNode): void {
    if (files.next === undefined) files.requested ??= keyOf(this.#keys++);
  }

  /**
   * The node hears what the Nodes without a machine say now, or that there are none, and so all that was said before: an API
   * server tells in order, and nobody can say a next key before he has heard it.
   */
  learnStrangers(node: ModelNode): void {
    for (const other of this.nodes) this.learn(node, other);
    if (!node.isCutOff) node.strangers = [...this.strangers.values()];
  }

  /** The node hears what the Node of another one, or its own, says now. */
  learn(node: ModelNode, of: ModelNode): void {
    const said = this.api.get(of.name);
    if (said !== undefined && !node.isCutOff) {
      node.view.set(of.name, node.isOriginal ? withoutNext(said) : said);
    }
  }

  /** The agent dies, and another one starts that has seen nothing. */
  restart(node: ModelNode): void {
    node.heard = undefined;
    node.secondSinceSeconds = undefined;
  }

  /** The machine loses all but its files. */
  reboot(node: ModelNode): void {
    node.devices.clear();
    node.routes.clear();
    this.restart(node);
  }

  /** One pass of an agent; killed behind so many actions. */
  pass(node: ModelNode, most = Infinity): void {
    const desired = this.#desired(node);
    node.plan = diff(desired, this.#observe(node, desired), this.seconds);
    const actions = node.plan.steps.flatMap((step) => step.actions);
    const read = this.#alive();
    for (const action of actions.slice(0, most)) {
      node.act(action, () => keyOf(this.#keys++));
      this.#send(read);
    }
    if (most < actions.length) this.restart(node);
  }

  /** A second passes: packets, keepalives, handshakes. */
  tick(): void {
    this.seconds++;
    const arrived = this.#send();
    for (const [x, dx, y, dy] of this.#pairs()) {
      const [there, back] = [dx.peers.get(dy.publicKey), dy.peers.get(dx.publicKey)];
      if (there === undefined || back === undefined || there.session === undefined) continue;
      const isDue = there.keepalive > 0 && (this.seconds + phaseOf(x, y)) % there.keepalive === 0;
      // What was received last pushes the next keepalive off: of two alike one comes first always where the way is long.
      const isFirst = back.keepalive === 0 || there.keepalive < back.keepalive ||
        there.keepalive === back.keepalive && x.number < y.number;
      if (isDue && isFirst && !arrived.has(`${y.name} ${x.name} ${dx.port}`)) {
        back.receivedBytes += KEEPALIVE_BYTES;
      }
    }
    for (const { devices } of this.nodes) {
      for (const { peers } of devices.values()) for (const peer of peers.values()) peer.askingSeconds--;
    }
  }

  #desired(node: ModelNode): DesiredState {
    const settings = settingsOf({ NODE_NAME: node.name, KEY_ROTATION: node.setting });
    const parsed = this.nodes.map((other) => {
      const annotations = node.view.get(other.name) ?? {};
      const { key: _, ...words } = { ...ordinaryNode(other.number), day: FIRST_DAY + other.number };
      const json = nodeJson(words) as { metadata: { annotations: Annotations } };
      json.metadata.annotations = { ...annotations };
      return parseNode(json, other.name);
    });
    parsed.push(...node.strangers.map((words) => parseNode(nodeJson(words), "stranger")));
    const { key, next, requested } = node.files;
    const facts = {
      ...NO_FACTS,
      publicKey: key,
      isPublished: true,
      ...(next === undefined ? {} : { nextKey: next }),
      ...(requested === undefined || next !== undefined ? {} : { isRotationDue: true }),
      ...(node.devices.has(SECOND) ? { second: "ours" as const } : {}),
    };
    const own = parsed[node.number - 1]!.node!;
    const wanted = [...wantedAnnotations(settings, own, facts)].filter(([, text]) => text !== undefined);
    const said = Object.fromEntries(wanted) as Annotations;
    if (!node.isCutOff) this.api.set(node.name, node.isOriginal ? withoutNext(said) : said);
    return desire(settings, parsed, facts)!;
  }

  #observe(node: ModelNode, desired: DesiredState): ObservedState {
    const routes = (family: 4 | 6) =>
      new Set([...node.routes].filter((text) => text.includes(":") === (family === 6)));
    const second = observedDevice(node.devices.get(SECOND));
    const peers = second.wireguard?.peers.values() ?? [];
    const heard = hear(node.heard, peers, this.seconds);
    node.heard = second.link === undefined ? undefined : heard;
    node.secondSinceSeconds = second.link && (node.secondSinceSeconds ?? this.seconds);
    const sinceSeconds = node.secondSinceSeconds ?? this.seconds;
    const isRead = desired.rotation.isOn || desired.rotation.isStanding;
    return {
      ...hostOf(desired),
      ...observedDevice(node.devices.get(MAIN)),
      routes: { 4: routes(4), 6: routes(6) },
      second: isRead && second.link !== undefined ? { ...second, heard, sinceSeconds } : undefined,
    };
  }

  /** All pairs of devices that could talk, in both orders. */
  *#pairs(): Iterable<[ModelNode, Device, ModelNode, Device]> {
    for (const x of this.nodes) {
      for (const y of this.nodes) {
        for (const name of x === y ? [] : DEVICES) {
          const [dx, dy] = [x.devices.get(name), y.devices.get(name)];
          if (x.isOut || y.isOut) continue;
          if (dx?.isUp && dy?.isUp && dx.port === dy.port) yield [x, dx, y, dy];
        }
      }
    }
  }

  /** Entries with a session: what is sent to another one waits for a handshake. */
  #alive(): Set<Peer | undefined> {
    const alive = new Set<Peer | undefined>();
    for (const [, dx, , dy] of this.#pairs()) {
      const [there, back] = [dx.peers.get(dy.publicKey), dy.peers.get(dx.publicKey)];
      if (there?.session === undefined || there.session !== back?.session) continue;
      if (this.seconds - there.stamp < SESSION_SECONDS) alive.add(there);
    }
    return alive;
  }

  /** True where it leaves an interface that has a session, and had one when that was decided, for one that has none. */
  #isHasty({ x, y }: Pick<Packet, "x" | "y">, name: string | undefined, { alive, read }: Sessions): boolean {
    const pair = `${x.name} ${y.name}`;
    const last = this.#ways.get(pair);
    this.#ways.set(pair, name);
    const peerBy = (by = "") => x.devices.get(by)?.peers.get(y.devices.get(by)?.publicKey ?? "");
    return last !== name && alive.has(peerBy(last)) && read.has(peerBy(last)) && !alive.has(peerBy(name));
  }

  /**
   * Everybody to everybody; what had to wait for a handshake has it now. Returns who was heard by whom.
   * @param read sessions that the agent which acts has seen; by default those of now
   */
  #send(read?: Sessions["read"]): Set<string> {
    const alive = this.#alive();
    for (const [x, dx, y, dy] of this.#pairs()) {
      const [there, back] = [dx.peers.get(dy.publicKey), dy.peers.get(dx.publicKey)];
      if (there === undefined || back === undefined) continue;
      const isOld = this.seconds - Math.max(there.stamp, back.stamp) >= REKEY_SECONDS;
      if (!isOld && there.session !== undefined && there.session === back.session) continue;
      const isUsed = !this.isIdle && x.devices.get(wayTo(x, y.number) ?? "") === dx;
      if (!isUsed && there.keepalive === 0 && there.askingSeconds <= 0) continue;
      there.session = back.session = {};
      there.stamp = back.stamp = this.seconds;
      for (const peer of [there, back]) {
        peer.receivedBytes += HANDSHAKE_BYTES;
        peer.askingSeconds = 0;
      }
    }
    const arrived = new Set<string>();
    for (const x of this.nodes) {
      for (const y of this.nodes) {
        if (x === y) continue;
        const name = wayTo(x, y.number);
        const isHasty = this.#isHasty({ x, y }, name, { alive, read: read ?? alive });
        if (x.isOut || y.isOut) continue;
        const way = name === undefined ? undefined : deliver({ x, y, name });
        if (isHasty || way === undefined) {
          if (this.isCounting) this.lost.push(`${this.seconds}: ${x.name} -> ${y.name} by ${name}`);
        } else if (!this.isIdle) {
          way.source.receivedBytes += DATA_BYTES;
          arrived.add(`${x.name} ${y.name} ${way.port}`);
        }
      }
    }
    return arrived;
  }
}

/** Of a pair's keepalives: nobody's come with another's. */
function phaseOf(x: ModelNode, y: ModelNode): number {
  return 7 * (x.number + y.number);
}

function withoutNext({ [ANNOTATION.nextKey]: _, ...rest }: Annotations): Annotations {
  return rest;
}

interface Sessions {
  readonly alive: ReadonlySet<Peer | undefined>;
  readonly read: ReadonlySet<Peer | undefined>;
}

interface Packet {
  readonly x: ModelNode;
  readonly y: ModelNode;
  readonly name: string;
}

/** Where it has come, and by which peer; undefined: it was dropped. Where there is no session it waits for a handshake. */
function deliver({ x, y, name }: Packet): { readonly port: number; readonly source: Peer } | undefined {
  const [dx, dy] = [x.devices.get(name), y.devices.get(name)];
  const [to, from] = [y, x].map(({ number }) => `10.244.${number}.0/24`);
  const found = [...dx?.peers ?? []].find(([, { allowedIps }]) => allowedIps.split(",").includes(to!));
  if (!dx?.isUp || !dy?.isUp || found?.[0] !== dy.publicKey) return undefined;
  const source = dy.peers.get(dx.publicKey);
  return source?.allowedIps.split(",").includes(from!) ? { port: dy.port, source } : undefined;
}
