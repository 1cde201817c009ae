// The interface that wraps packets in the clear, or ESP in UDP: there, as it is to wrap, with its MTU and its addresses, and up.

import type { ClearPeerText, DesiredState, OverlayLink, Waiting } from "../desired/desired_state.ts";
import type { ObservedLink, ObservedState } from "../observed/observed_state.ts";
import type { Family } from "../net/address.ts";
import type { Overlay } from "../transport/transport.ts";
import { replaceAddresses } from "./diff_addresses.ts";
import { foreignInterface } from "./diff_link.ts";
import { type Change, STAGE, type Step } from "./plan.ts";

/** One that is wanted, and what there is of it. */
interface Wanted {
  readonly link: OverlayLink;
  readonly has: ObservedLink | undefined;
}

/** That of this host's transport, and behind it that of the former one. */
function wantedOf(
  { overlay: { link, left } }: Pick<DesiredState, "overlay">,
  { overlay, leftOverlay }: Pick<ObservedState, "overlay" | "leftOverlay">,
): Wanted[] {
  return [
    ...link === undefined ? [] : [{ link, has: overlay }],
    ...left?.link === undefined ? [] : [{ link: left.link, has: leftOverlay }],
  ];
}

/** True where none of those that are wanted is about to come up. */
export function areUp(
  desired: Pick<DesiredState, "overlay">,
  observed: Pick<ObservedState, "overlay" | "leftOverlay">,
): boolean {
  return wantedOf(desired, observed).every(({ has }) => has?.isUp === true);
}

/** By its name, where it is ours to wrap by. */
export function isUpOverlay(
  desired: Pick<DesiredState, "overlay">,
  observed: Pick<ObservedState, "overlay" | "leftOverlay">,
  dev: string,
): boolean {
  return wantedOf(desired, observed).some(({ link, has }) => link.name === dev && has?.isUp === true);
}

/** Interfaces of their names that are nothing of ours. */
export function foreignOverlays(desired: DesiredState, observed: ObservedState): Waiting[] {
  return wantedOf(desired, observed).filter(isForeign).map(({ link, has }) => ({
    ...foreignInterface(link.name, has!.kind, link.kind),
    isTrouble: true,
  }));
}

function isForeign({ link, has }: Wanted): boolean {
  return has !== undefined && !isKindred(has, link);
}

/**
 * What a kernel lacks that refuses the interface, or all of its routes, or what another one has taken, and what that costs.
 * @param failing by part, as the programs told it
 */
export function lackingOverlay(
  { overlay: { name, link }, clear = [] }: DesiredState,
  failing: Readonly<Record<string, { readonly error: string }>>,
): Waiting[] {
  if (link === undefined) return [];
  const parts = ["overlay", "clear-v4", "clear-v6", "host-v4", "host-v6"];
  const [interfaceError = "", ...routeErrors] = parts.map((part) => failing[part]?.error);
  const { instead, module } = link;
  const otherKernel =
    `modprobe ${module}, take a kernel with it and CONFIG_LWTUNNEL, or set ${instead.lacking}`;
  const [lacking, next] = UNKNOWN_KIND.test(interfaceError)
    ? [`this kernel has no ${link.kind}`, otherKernel]
    : TAKEN.test(interfaceError)
    ? taken(link)
    : routeErrors.some((error = "") => NO_WRAPPING.test(error))
    ? ["this kernel does not wrap by routes", otherKernel]
    : [];
  if (lacking === undefined || next === undefined) return [];
  const isBy = ({ route, inUdpTo }: ClearPeerText) => inUdpTo !== undefined || route.endsWith(` dev ${name}`);
  const nodes = new Set(clear.filter(isBy).map(({ node }) => node));
  return [{
    what: `interface ${name}`,
    why: `${lacking}: pods of ${nodes.size} nodes are not reached`,
    next,
    isTrouble: true,
  }];
}

/** An interface that wraps by routes has its port, or its whole protocol, for itself. */
function taken({ kind, port, instead }: Overlay): readonly [why: string, next: string] {
  const showing = `ip -d link show type ${kind}`;
  return port === undefined
    ? [`another interface takes all of ${kind}`, `delete the one that \`${showing}\` shows as external`]
    : [
      `UDP port ${port} is another's`,
      `\`ss -ulpn sport = ${port}\` and \`${showing}\` tell whose: stop that, or set ${instead.taken}`,
    ];
}

/** As the kernel says it by ip: of a link, and of routes. */
const UNKNOWN_KIND = /Unknown device type|Operation not supported/i;
/** Of a port by its socket; of an interface that is made alike. */
const TAKEN = /Address already in use|File exists|already exists/;
const NO_WRAPPING = /LWTUNNEL|LWT encapsulation|encapsulation type not supported/i;

/** Without routes by an interface that is nothing of ours. */
export function withoutForeign<T extends DesiredState>(desired: T, observed: ObservedState): T {
  const foreign = wantedOf(desired, observed).filter(isForeign);
  if (foreign.length === 0) return desired;
  const isOther = (text: string) => !foreign.some(({ link }) => text.includes(` dev ${link.name} `));
  const { routes, hostRouting } = desired;
  return {
    ...desired,
    routes: routes.filter(({ text }) => isOther(text)),
    ...(hostRouting && {
      hostRouting: { 4: hostRouting[4].filter(isOther), 6: hostRouting[6].filter(isOther) },
    }),
  };
}

/**
 * What another transport has left goes. The interface, and its addresses for themselves: a host may have one family switched off. The
 * routes by it come behind.
 */
export function diffOverlay(desired: DesiredState, observed: ObservedState): Step[] {
  const { name, link, left } = desired.overlay;
  return [
    ...left === undefined || left.link ? [] : removal(left.name, observed.leftOverlay),
    ...link === undefined ? removal(name, observed.overlay) : [],
    ...wantedOf(desired, observed).flatMap(configured),
  ];
}

/** Of nothing that is somebody else's. */
function removal(name: string, has: ObservedLink | undefined): Step[] {
  if (has?.isExternal !== true) return [];
  return [
    stepOf(STAGE.linkDeletion, [changeOf(name, ["-", has.kind], "no transport uses it")], [
      `link del dev ${name}`,
    ]),
  ];
}

function configured({ link, has }: Wanted): Step[] {
  const { name, kind, port } = link;
  if (has !== undefined && !isKindred(has, link)) return [];
  const isOther = has !== undefined && isOtherwise(has, link);
  const addressing = addressed(link, isOther ? undefined : has);
  if (has !== undefined && !isOther) {
    if (has.isUp && has.mtuBytes === link.mtuBytes) return addressing;
    const state = `it is ${has.isUp ? "up" : "down"} with mtu ${has.mtuBytes}`;
    return [stepOf(STAGE.overlay, [upOf(link, state)], [upLine(link)]), ...addressing];
  }
  const text = port === undefined ? kind : `${kind}, UDP port ${port}`;
  const change = isOther
    ? changeOf(name, ["~", text], otherwise(has))
    : changeOf(name, ["+", text], "missing");
  const first = isOther ? [`link del dev ${name}`] : [];
  return [
    stepOf(STAGE.overlay, [change, upOf(link, "new")], [...first, creationOf(link), upLine(link)]),
    ...addressing,
  ];
}

function isKindred({ kind }: ObservedLink, wanted: Overlay): boolean {
  return wanted.kinds.includes(kind);
}

function creationOf({ name, kind, words }: Overlay): string {
  return `link add dev ${name} type ${kind} ${words}`;
}

/** It must be made anew. Whoever is in the group of the tunnel's next interface is believed as that. */
function isOtherwise(has: ObservedLink, { kind, port }: Overlay): boolean {
  return has.kind !== kind || has.isExternal !== true || has.vxlanPort !== port || has.isNext === true ||
    has.isOdd === true;
}

/** Without interfaces that are made anew, and the routes that go with them. */
export function withoutOtherOverlays(desired: DesiredState, observed: ObservedState): ObservedState {
  const anew = wantedOf(desired, observed).filter(({ link, has }) =>
    has !== undefined && isKindred(has, link) && isOtherwise(has, link)
  );
  if (anew.length === 0) return observed;
  const others = (family: Family) =>
    new Set(
      [...observed.routes[family]].filter((text) =>
        !anew.some(({ link }) => text.includes(` dev ${link.name} `))
      ),
    );
  const isAnew = (has: ObservedLink | undefined) => anew.some((it) => it.has === has);
  return {
    ...observed,
    ...(isAnew(observed.overlay) && { overlay: undefined }),
    ...(isAnew(observed.leftOverlay) && { leftOverlay: undefined }),
    routes: { 4: others(4), 6: others(6) },
  };
}

function otherwise({ isNext, isOdd, vxlanPort }: ObservedLink): string {
  if (isNext) return "it is in the group of the tunnel's next interface";
  return isOdd
    ? "it has a master, or other flags"
    : `it wraps otherwise, or by port ${vxlanPort ?? "of its own"}`;
}

function upOf({ name, mtuBytes }: Overlay, state: string): Change {
  return changeOf(name, ["~", `mtu ${mtuBytes}, up`], state);
}

function upLine({ name, mtuBytes }: Overlay): string {
  return `link set dev ${name} mtu ${mtuBytes} up`;
}

function addressed({ name, addresses }: OverlayLink, has: ObservedLink | undefined): Step[] {
  return replaceAddresses({ name, wanted: addresses, found: has?.addresses }, (family) => ({
    part: `overlay-v${family}`,
    stage: STAGE.link,
    needs: ["overlay"],
  }));
}

function changeOf(target: string, [op, text]: readonly [Change["op"], string], reason: string): Change {
  return { op, kind: "interface", target, text, reason };
}

function stepOf(stage: number, changes: readonly Change[], lines: readonly string[]): Step {
  const input = lines.map((line) => `${line}\n`).join("");
  return {
    part: "overlay",
    stage,
    needs: [],
    changes,
    actions: [{ kind: "run", program: "ip", args: ["-batch"], input }],
  };
}
