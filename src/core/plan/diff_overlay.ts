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

/** One step at most; the routes by it come behind. */
export function diffOverlay({ overlay }: DesiredState, { overlay: has }: ObservedState): Step[] {
  const { name, link } = overlay;
  if (link === undefined) {
    if (has?.kind !== KIND) return [];
    return [
      stepOf(STAGE.linkDeletion, [changeOf(name, ["-", KIND], "no transport uses it")], [
        `link del dev ${name}`,
      ]),
    ];
  }
  if (has !== undefined && has.kind !== KIND) return [];
  const isOther = has !== undefined && has.vxlanPort !== link.port;
  const { changes, lines } = configured(link, isOther ? undefined : has);
  if (has !== undefined && !isOther) {
    return changes.length === 0 ? [] : [stepOf(STAGE.overlay, changes, lines)];
  }
  const text = `${KIND}, UDP port ${link.port}`;
  const change = isOther
    ? changeOf(name, ["~", text], `it wraps otherwise, or by port ${has.vxlanPort ?? "of its own"}`)
    : changeOf(name, ["+", text], "missing");
  // Of IPv6 the kernel sends no checksum around packets that have their own, and takes none where it is told so (RFC 6935).
  const creation =
    `link add dev ${name} type ${KIND} external gpe dstport ${link.port} nolearning udp6zerocsumrx`;
  const removal = isOther ? [`link del dev ${name}`] : [];
  return [stepOf(STAGE.overlay, [change, ...changes], [...removal, creation, ...lines])];
}

interface Work {
  readonly changes: readonly Change[];
  readonly lines: readonly string[];
}

function configured(
  { name, mtuBytes, addresses }: NonNullable<DesiredOverlay["link"]>,
  has: ObservedLink | undefined,
): Work {
  const wanted = new Set(addresses);
  const missing = addresses.filter((text) => !has?.addresses.has(text));
  const surplus = [...has?.addresses ?? []].filter((text) => !wanted.has(text)).sort();
  const isUp = has?.isUp === true && has.mtuBytes === mtuBytes;
  const state = has === undefined ? "new" : `it is ${has.isUp ? "up" : "down"} with mtu ${has.mtuBytes}`;
  return {
    changes: [
      ...(isUp ? [] : [changeOf(name, ["~", `mtu ${mtuBytes}, up`], state)]),
      ...missing.map((text): Change => ({ op: "+", kind: "address", target: name, text, reason: "missing" })),
      ...surplus.map((text): Change => ({
        op: "-",
        kind: "address",
        target: name,
        text,
        reason: "not wanted",
      })),
    ],
    lines: [
      ...(isUp ? [] : [`link set dev ${name} mtu ${mtuBytes} up`]),
      ...missing.map((text) => `address replace ${text} dev ${name}`),
      ...surplus.map((text) => `address del ${text} dev ${name}`),
    ],
  };
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
