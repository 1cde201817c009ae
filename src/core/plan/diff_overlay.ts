// The interface that wraps packets in the clear: there, with its port, its MTU and its addresses, and up.

import type { DesiredOverlay, DesiredState, Waiting } from "../desired/desired_state.ts";
import type { ObservedLink, ObservedState } from "../observed/observed_state.ts";
import { type Change, STAGE, type Step } from "./plan.ts";

const KIND = "vxlan";

/** An interface of its name that is nothing of ours. */
export function foreignOverlay(
  { overlay: { name, link } }: DesiredState,
  { overlay }: ObservedState,
): Waiting | undefined {
  if (link === undefined || overlay === undefined || overlay.kind === KIND) return undefined;
  return {
    what: `interface ${name}`,
    why: `it exists with kind ${overlay.kind}, wanted is ${KIND}`,
    next: `remove it (ip link del ${name}) or choose another WIGGLENET_IFACE_NAME`,
    isBlocking: true,
    isTrouble: true,
  };
}

/** Without routes by an interface that is nothing of ours. */
export function withoutForeign<T extends DesiredState>(desired: T, observed: ObservedState): T {
  if (foreignOverlay(desired, observed) === undefined) return desired;
  const by = ` dev ${desired.overlay.name} `;
  return { ...desired, routes: desired.routes.filter(({ text }) => !text.includes(by)) };
}

/** The interface, and its addresses for themselves: a host may have one family switched off. The routes by it come behind. */
export function diffOverlay({ overlay }: DesiredState, { overlay: has }: ObservedState): Step[] {
  const { name, link } = overlay;
  if (link === undefined) {
    if (has?.kind !== KIND || has.vxlanPort === undefined) return []; // somebody else's
    return [
      stepOf(STAGE.linkDeletion, [changeOf(name, ["-", KIND], "no transport uses it")], [
        `link del dev ${name}`,
      ]),
    ];
  }
  if (has !== undefined && has.kind !== KIND) return [];
  // Whoever is in the group of the tunnel's next interface is believed as that.
  const isOther = has !== undefined && (has.vxlanPort !== link.port || has.isNext === true);
  const addressing = addressed(link, isOther ? undefined : has);
  if (has !== undefined && !isOther) {
    if (has.isUp && has.mtuBytes === link.mtuBytes) return addressing;
    const state = `it is ${has.isUp ? "up" : "down"} with mtu ${has.mtuBytes}`;
    return [stepOf(STAGE.overlay, [upOf(link, state)], [upLine(link)]), ...addressing];
  }
  const text = `${KIND}, UDP port ${link.port}`;
  const change = isOther
    ? changeOf(name, ["~", text], `it wraps otherwise, or by port ${has.vxlanPort ?? "of its own"}`)
    : changeOf(name, ["+", text], "missing");
  // Of IPv6 the kernel sends no checksum around packets that have their own, and takes none where it is told so (RFC 6935).
  const creation =
    `link add dev ${name} type ${KIND} external gpe dstport ${link.port} nolearning udp6zerocsumrx`;
  const removal = isOther ? [`link del dev ${name}`] : [];
  return [
    stepOf(STAGE.overlay, [change, upOf(link, "new")], [...removal, creation, upLine(link)]),
    ...addressing,
  ];
}

type Link = NonNullable<DesiredOverlay["link"]>;

function upOf({ name, mtuBytes }: Link, state: string): Change {
  return changeOf(name, ["~", `mtu ${mtuBytes}, up`], state);
}

function upLine({ name, mtuBytes }: Link): string {
  return `link set dev ${name} mtu ${mtuBytes} up`;
}

function addressed({ name, addresses }: Link, has: ObservedLink | undefined): Step[] {
  const wanted = new Set(addresses);
  const missing = addresses.filter((text) => !has?.addresses.has(text));
  const surplus = [...has?.addresses ?? []].filter((text) => !wanted.has(text)).sort();
  return ([4, 6] as const).flatMap((family): Step[] => {
    const isOurs = (text: string) => text.includes(":") === (family === 6);
    const [added, gone] = [missing.filter(isOurs), surplus.filter(isOurs)];
    if (added.length + gone.length === 0) return [];
    const change = (op: Change["op"], text: string, reason: string): Change => ({
      ...{ op, kind: "address", target: name, text, reason },
    });
    const changes = [
      ...added.map((text) => change("+", text, "missing")),
      ...gone.map((text) => change("-", text, "not wanted")),
    ];
    const lines = [
      ...added.map((text) => `address replace ${text} dev ${name}`),
      ...gone.map((text) => `address del ${text} dev ${name}`),
    ];
    return [{ ...stepOf(STAGE.link, changes, lines), part: `overlay-v${family}`, needs: ["overlay"] }];
  });
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
