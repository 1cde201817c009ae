// A host whose key rotates, as small as it can be: key files, interfaces with their peers, routes. Who has whom as a peer, and by
// which interface packets go, is all that counts.

import type { PublicKey } from "../../src/core/net/keys.ts";
import type { ObservedPeer, ObservedSecond } from "../../src/core/observed/observed_state.ts";
import type { Action, Plan } from "../../src/core/plan/plan.ts";
import type { Heard } from "../../src/core/rotation/heard.ts";
import { keyOf, type NodeWords } from "../cluster.ts";

/** What a Node says. */
export type Annotations = Record<string, string>;

/** A peer of an interface. */
export interface Peer {
  allowedIps: string;
  keepalive: number;
  /** As WireGuard shows it: it stays when the interface's key changes. */
  stamp: number;
  receivedBytes: number;
  /** Seconds for which it goes on to ask for a handshake that nobody answers. */
  askingSeconds: number;
  /** Shared with the other side while both can use it. */
  session: object | undefined;
}

/** An interface. */
export interface Device {
  publicKey: string;
  port: number;
  mtuBytes: number;
  isUp: boolean;
  /** It was made in our group. */
  readonly isNext: boolean;
  readonly addresses: Set<string>;
  readonly peers: Map<string, Peer>;
}

const NEW: Peer = {
  allowedIps: "",
  keepalive: 0,
  stamp: 0,
  receivedBytes: 0,
  askingSeconds: 0,
  session: undefined,
};
/** Of WireGuard: a handshake is tried so long. */
const ASKING_SECONDS = 90;

/** One node, and its agent. */
export class ModelNode {
  readonly name: string;
  readonly devices = new Map<string, Device>();
  readonly routes = new Set<string>();
  readonly files: { key: PublicKey; next?: PublicKey; requested?: PublicKey };
  /** What it has heard that the Nodes say. */
  readonly view = new Map<string, Annotations>();
  /** The same of Nodes without a machine. */
  strangers: readonly NodeWords[] = [];
  heard: ReadonlyMap<string, Heard> | undefined;
  secondSinceSeconds: number | undefined;
  plan: Plan | undefined;
  /** KEY_ROTATION. */
  setting: "manual" | "off" = "manual";
  /** IPv6 is switched off on the host. */
  lacksIpv6 = false;
  /** Nothing comes to it from other nodes, nor from it to them. */
  isOut = false;
  /** Nor from the API, nor from it to that. */
  isCutOff = false;

  /** @param isOriginal its agent knows nothing of rotations */
  constructor(readonly number: number, readonly isOriginal = false) {
    this.name = `n${number}`;
    this.files = { key: keyOf(number) };
  }

  /** Carries out one action. Throws Error for one that is not modelled. */
  act(action: Action, makeKey: () => PublicKey): void {
    if (action.kind === "moveKey") return moveFiles(this, action.move, makeKey);
    if (action.kind === "greet") return greet(this, action);
    if (action.kind !== "run" || action.program === "nft") return;
    if (action.program === "wg") return wg(this, action.args);
    const lines = action.input === undefined ? [action.args.join(" ")] : action.input.trim().split("\n");
    for (const line of lines) ip(this, line);
  }
}

function greet({ devices }: ModelNode, { interfaceName, peers }: Extract<Action, { kind: "greet" }>): void {
  for (const { publicKey } of peers) {
    const peer = devices.get(interfaceName)?.peers.get(publicKey);
    if (peer !== undefined) peer.askingSeconds = ASKING_SECONDS;
  }
}

/** `wg set NAME ...`. */
function wg({ devices, files }: ModelNode, [verb, name, ...args]: readonly string[]): void {
  if (verb !== "set") throw new Error(`unknown: wg ${verb}`);
  const device = devices.get(name!)!;
  const words = [...args];
  let key = "";
  const peer = (): Peer => {
    if (!device.peers.has(key)) device.peers.set(key, { ...NEW });
    return device.peers.get(key)!;
  };
  while (words.length > 0) {
    const word = words.shift()!;
    if (word === "remove") {
      device.peers.delete(key);
      continue;
    }
    const value = words.shift()!;
    if (word === "peer") key = value;
    else if (word === "listen-port") device.port = Number(value);
    else if (word === "private-key") setKey(device, value.endsWith(".next") ? files.next! : files.key);
    else if (word === "allowed-ips") allow(device, peer(), value);
    else if (word === "persistent-keepalive") keepAlive(peer(), value === "off" ? 0 : Number(value));
  }
}

/** One that is turned on sends at once. */
function keepAlive(peer: Peer, seconds: number): void {
  if (peer.keepalive === 0 && seconds > 0) peer.askingSeconds = ASKING_SECONDS;
  peer.keepalive = seconds;
}

function setKey(device: Device, key: string): void {
  if (device.publicKey === key) return;
  device.publicKey = key;
  for (const peer of device.peers.values()) peer.session = undefined;
}

function allow(device: Device, peer: Peer, value: string): void {
  const wanted = value.split(",");
  for (const other of device.peers.values()) {
    other.allowedIps = other.allowedIps.split(",").filter((text) => !wanted.includes(text)).join(",");
  }
  peer.allowedIps = value;
}

function moveFiles({ files }: ModelNode, move: string, make: () => PublicKey): void {
  if (move === "begin") {
    files.next = files.requested ?? make();
    delete files.requested;
  } else if (move === "takeOver") files.key = files.next!;
  else delete files.next;
}

function ip(node: ModelNode, line: string): void {
  if (node.lacksIpv6 && /^(address|route) \S+ (unreachable )?\S*:/.test(line)) return;
  const words = line.split(" ");
  const name = words[words.indexOf("dev") + 1]!;
  const device = node.devices.get(name)!;
  if (line.startsWith("link add")) {
    node.devices.set(name, {
      publicKey: "(none)",
      port: 0,
      mtuBytes: 0,
      isUp: false,
      isNext: line.includes(" group 146 "),
      addresses: new Set(),
      peers: new Map(),
    });
  } else if (line.startsWith("link del")) {
    node.devices.delete(name);
    for (const route of node.routes) if (route.includes(` dev ${name} `)) node.routes.delete(route);
  } else if (line.startsWith("link set")) {
    Object.assign(device, { mtuBytes: Number(words[words.indexOf("mtu") + 1]), isUp: true });
  } else if (line.startsWith("address replace")) device.addresses.add(words[2]!);
  else if (line.startsWith("address del")) device.addresses.delete(words[2]!);
  else if (line.startsWith("route replace ")) replaceRoute(node, line.slice("route replace ".length));
  else if (line.startsWith("route del ")) node.routes.delete(line.slice("route del ".length));
  else throw new Error(`unknown: ip ${line}`);
}

/** In place of the one that has its place. */
function replaceRoute({ routes }: ModelNode, text: string): void {
  const placeOf = (route: string) => `${/\S+\/\d+/.exec(route)![0]} ${/ metric \d+/.exec(route)?.[0] ?? ""}`;
  for (const route of routes) if (placeOf(route) === placeOf(text)) routes.delete(route);
  routes.add(text);
}

/** The interface by which a packet to that pod network, `10.244.N.0/24`, leaves; undefined: none. */
export function wayTo({ routes }: ModelNode, number: number): string | undefined {
  const found = [...routes].flatMap((route) => {
    const [, third, length, dev] = /^10\.244\.(\d+)\.0\/(\d+) dev (\S+) /.exec(route) ?? [];
    const isIn = dev !== undefined && number >> 24 - Number(length) === Number(third) >> 24 - Number(length);
    return isIn ? [{ length: Number(length), dev }] : [];
  });
  return found.sort((a, b) => b.length - a.length)[0]?.dev;
}

/** What the agent sees of an interface. */
export function observedDevice(
  device: Device | undefined,
): Pick<ObservedSecond, "link" | "wireguard" | "userspacePids"> {
  if (device === undefined) return { link: undefined, wireguard: undefined, userspacePids: [] };
  const { publicKey, port, mtuBytes, isUp, isNext, addresses, peers } = device;
  return {
    link: {
      kind: "wireguard",
      mtuBytes,
      isUp,
      addresses: new Set(addresses),
      ...(isNext && { isNext }),
    },
    wireguard: {
      publicKey,
      port,
      hasMark: false,
      peers: new Map(
        [...peers].map(([key, peer]) => [key, observedPeer(key, { ...peer, port })]),
      ),
    },
    userspacePids: [],
  };
}

function observedPeer(publicKey: string, peer: Peer & { port: number }): ObservedPeer {
  const { allowedIps, keepalive, stamp, receivedBytes, port } = peer;
  const number = /\.(\d+)\.0\/24/.exec(allowedIps)?.[1] ?? "0";
  return {
    publicKey,
    endpoint: `10.9.1.${number}:${port}`,
    allowedIps,
    handshakeSeconds: stamp,
    aliveSeconds: stamp === 0 ? -Infinity : stamp,
    receivedBytes,
    sentBytes: 0,
    keepaliveSeconds: keepalive,
    hasPresharedKey: false,
    isRoamed: true,
    isProven: true,
    silence: undefined,
    choice: undefined,
  };
}
