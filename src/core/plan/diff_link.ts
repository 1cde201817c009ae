// The interface of the tunnel: there, of the right kind, served, with our key and port, addressed and up.

import {
  type DesiredLink,
  type DesiredState,
  ROUTE_PROTOCOL,
  type Waiting,
} from "../desired/desired_state.ts";
import type { ObservedState } from "../observed/observed_state.ts";
import { replaceAddresses } from "./diff_addresses.ts";
import { type Action, type Change, STAGE, type Step } from "./plan.ts";

/** The kind of interface that each implementation uses, as `ip -d link` names it. */
export const LINK_KIND = { kernel: "wireguard", userspace: "tun" } as const;

/** What an interface of ours is known by. */
export type WantedLink = Pick<DesiredLink, "name" | "implementation" | "publicKey">;

/** What is wanted of an interface, whichever it is. */
export type LinkWish = Pick<DesiredState, "link" | "interfaceName"> & {
  readonly rotation: Pick<DesiredState["rotation"], "name">;
};

/** What tells whose an interface is. */
export type Evidence = Pick<ObservedState, "link" | "wireguard" | "userspacePids" | "routes">;

/**
 * True for an interface of the other kind that is our own: WIREGUARD_MODE has changed. A tun device is ours when
 * wireguard-go serves it, a kernel's interface when it has our key, each when a route of ours leads there.
 */
export function isOtherOfOurs(
  { name, implementation, publicKey }: WantedLink,
  { link, wireguard, userspacePids, routes }: Evidence,
): boolean {
  const other = implementation === "kernel" ? LINK_KIND.userspace : LINK_KIND.kernel;
  if (link?.kind !== other) return false;
  const isKernels = link.kind === LINK_KIND.kernel;
  const isServed = wireguard !== undefined || userspacePids.length > 0;
  const isOwn = isKernels ? publicKey !== undefined && wireguard?.publicKey === publicKey : isServed;
  // As an agent leaves it that is killed before it has set a key.
  const isBlank = isKernels ? wireguard?.publicKey === "(none)" : !isServed && !link.isUp;
  return isOwn || isBlank ||
    [...routes[4], ...routes[6]].some((text) => leadsTo(text, name) && text.includes(OURS));
}

const OURS = ` proto ${ROUTE_PROTOCOL}`;

function leadsTo(route: string, name: string): boolean {
  return route.includes(` dev ${name} `);
}

/** An interface of our name that is not ours to use, or not ours to change yet. */
export function foreignKind({ link, spared }: DesiredState, observed: ObservedState): Waiting | undefined {
  if (link === undefined || observed.link === undefined) return undefined;
  const kind = LINK_KIND[link.implementation];
  if (observed.link.kind === kind) return undefined;
  const foreign = foreignInterface(link.name, observed.link.kind, kind);
  if (isOtherOfOurs(link, observed)) {
    if (spared === undefined || spared.peers.size + spared.routes.size === 0) return undefined;
    const next = "mend the file: until then it keeps the peers that may be wanted there";
    return { ...foreign, why: `${foreign.why}, and a file was never read`, next };
  }
  return foreign;
}

/** An interface of a name of ours that somebody else has made. */
export function foreignInterface(name: string, kind: string, wanted: string): Waiting {
  return {
    what: `interface ${name}`,
    why: `it exists with kind ${kind}, wanted is ${wanted}`,
    next: `remove it (ip link del ${name}) or choose another WIGGLENET_IFACE_NAME`,
    isBlocking: true,
  };
}

/**
 * What is left when the other implementation's interface has gone, and its routes with it. WireGuard's state stays known:
 * where a peer has shown itself is where it still is.
 */
export function withoutOther<T extends Evidence>({ link }: Pick<DesiredState, "link">, observed: T): T {
  if (link === undefined || !isOtherOfOurs(link, observed)) return observed;
  const others = (family: 4 | 6) =>
    new Set([...observed.routes[family]].filter((text) => !leadsTo(text, link.name)));
  return { ...observed, link: undefined, userspacePids: [], routes: { 4: others(4), 6: others(6) } };
}

/** True when the interface has the key that all others know it by, and the file another one. */
function keepsKey({ publicKey, publishedKey }: DesiredLink, observed: Evidence): boolean {
  const has = observed.link === undefined ? undefined : observed.wireguard?.publicKey;
  return has !== undefined && has === publishedKey && publicKey !== undefined && has !== publicKey;
}

/** A key file that was replaced before its key was published: taken up at once it would cut this node off. */
export function keptKey({ node, link }: DesiredState, observed: ObservedState): Waiting | undefined {
  if (link === undefined || !keepsKey(link, observed)) return undefined;
  return {
    what: `key of ${link.name}`,
    why: `it has the key that Node ${node} says, ${link.privateKeyPath} holds that of ${link.publicKey}`,
    next: `publish that one with Node ${node}: then it is taken up; or restore the file`,
  };
}

/** WIREGUARD_GO=awaited, and nobody serves the interface yet: it is made, and goes no further. */
export function awaitedServer({ link }: DesiredState, observed: ObservedState): Waiting | undefined {
  if (link?.implementation !== "userspace" || link.server !== "awaited") return undefined;
  if (observed.link !== undefined && observed.wireguard !== undefined) return undefined;
  return {
    what: `interface ${link.name}`,
    why: "this kernel has no WireGuard, and no wireguard-go serves it (WIREGUARD_GO=awaited)",
    next:
      `run wireguard-go -f ${link.name}: in a cluster apply deploy/kubernetes/userspace and label the node ` +
      "wigglenet/wireguard=userspace",
    isBlocking: true,
  };
}

/** Steps that make the interface where it is missing. */
export function makeLink({ link }: Pick<DesiredState, "link">, observed: Evidence): Step[] {
  return link === undefined ? [] : createLink(link, observed);
}

/** Steps for the interface itself, once it is made. */
export function diffLink(desired: LinkWish, observed: Evidence): Step[] {
  const { link } = desired;
  if (link === undefined) return removeLink(desired, observed);
  const standing = withoutOther(desired, observed);
  return [
    ...serveLink(link, standing),
    ...configureWireguard(link, standing),
    ...configureLink(link, standing),
    ...configureAddresses(link, standing),
  ];
}

/** What a tunnel left behind when no family uses it any more, or a rotation that has ended. */
function removeLink({ interfaceName: name, rotation }: LinkWish, observed: Evidence): Step[] {
  const kinds: readonly string[] = Object.values(LINK_KIND);
  if (observed.link === undefined || !kinds.includes(observed.link.kind)) return [];
  const ends = endServers(name, observed);
  const change: Change = {
    op: "-",
    kind: "interface",
    target: name,
    text: observed.link.kind,
    reason: name === rotation.name ? "no key rotates" : "no family is tunnelled",
  };
  return [
    linkStep(STAGE.linkDeletion, [change], [
      deleteLink(name),
      ...ends,
    ]),
  ];
}

function deleteLink(name: string): Action {
  return { kind: "run", program: "ip", args: ["link", "del", "dev", name] };
}

function endServers(interfaceName: string, { userspacePids }: Evidence): Action[] {
  return userspacePids.map((pid) => ({ kind: "end", pid, interfaceName }));
}

function linkStep(stage: number, changes: readonly Change[], actions: readonly Action[]): Step {
  return { part: "link", stage, needs: stage <= STAGE.link ? [] : ["link"], changes, actions };
}

function createLink({ name, implementation, group }: DesiredLink, observed: Evidence): Step[] {
  const kind = LINK_KIND[implementation];
  const other = observed.link;
  if (other?.kind === kind) return [];
  // An old wireguard-go takes over a second to notice that its interface is gone: end it first.
  const ends = endServers(name, observed);
  const input = implementation === "kernel"
    ? `link add dev ${name}${group === undefined ? "" : ` group ${group}`} type wireguard\n`
    : `tuntap add dev ${name} mode tun\n${
      group === undefined ? "" : `link set dev ${name} group ${group}\n`
    }`;
  // First of all: killed behind it, the next agent finds an interface that is missing, and not one that nobody serves.
  const removal = other === undefined ? [] : [deleteLink(name)];
  const change: Change = {
    op: other === undefined ? "+" : "~",
    kind: "interface",
    target: name,
    text: kind,
    reason: other === undefined ? "missing" : `it is of kind ${other.kind}`,
  };
  const creation: Action = { kind: "run", program: "ip", args: ["-batch"], input };
  // One that is down and has no address carries nothing: where none has to go first, it comes with what guards.
  const stage = removal.length + ends.length === 0 ? STAGE.table : STAGE.link;
  return [linkStep(stage, [change], [...removal, ...ends, creation])];
}

function serveLink({ name, implementation, server }: DesiredLink, observed: Evidence): Step[] {
  if (
    implementation === "kernel" || server === "awaited" ||
    (observed.wireguard !== undefined && observed.link !== undefined)
  ) {
    return [];
  }
  const ends = observed.link === undefined ? [] : endServers(name, observed);
  const change: Change = {
    op: "+",
    kind: "process",
    target: name,
    text: `wireguard-go -f ${name}`,
    reason: "not running",
  };
  return [linkStep(STAGE.serve, [change], [...ends, { kind: "serve", interfaceName: name }])];
}

function configureWireguard(
  link: DesiredLink,
  observed: Evidence,
): Step[] {
  const { name, port, publicKey, privateKeyPath } = link;
  const has = observed.link === undefined ? undefined : observed.wireguard;
  const isKept = keepsKey(link, observed);
  const isKeyWrong = publicKey !== undefined && has?.publicKey !== publicKey && !isKept;
  if (has?.port === port && !isKeyWrong && !has.hasMark) return [];
  const reason = has === undefined
    ? "not configured"
    : isKeyWrong
    ? "its key differs"
    : has.hasMark
    ? "it has a firewall mark"
    : `it listens on ${has.port}`;
  const text = `listen port ${port}, ${isKept ? "its own key" : `key of ${privateKeyPath}`}`;
  const key = isKept ? [] : ["private-key", privateKeyPath];
  const args = ["set", name, "listen-port", String(port), "fwmark", "0", ...key];
  const change: Change = { op: "~", kind: "interface", target: name, text, reason };
  return [linkStep(STAGE.configure, [change], [{ kind: "run", program: "wg", args }])];
}

function configureLink({ name, mtuBytes, mtuReason }: DesiredLink, observed: Evidence): Step[] {
  // wireguard-go sets an MTU of its own when it starts.
  const isNew = observed.link === undefined || observed.wireguard === undefined;
  if (!isNew && observed.link?.mtuBytes === mtuBytes && observed.link.isUp) return [];
  const { isUp, mtuBytes: last } = observed.link ?? {};
  const why = last === mtuBytes ? "" : `; ${mtuReason}`;
  const reason = isNew ? "new" : `it is ${isUp ? "up" : "down"} with mtu ${last}${why}`;
  const change: Change = { op: "~", kind: "interface", target: name, text: `mtu ${mtuBytes}, up`, reason };
  const input = `link set dev ${name} mtu ${mtuBytes} up\n`;
  return [linkStep(STAGE.up, [change], [{ kind: "run", program: "ip", args: ["-batch"], input }])];
}

function configureAddresses({ name, addresses }: DesiredLink, observed: Evidence): Step[] {
  return replaceAddresses({ name, wanted: addresses, found: observed.link?.addresses }, (family) => ({
    part: `addresses-v${family}`,
    stage: STAGE.up,
    needs: ["link"],
  }));
}
