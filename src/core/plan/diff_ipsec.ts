// What IPsec needs of the kernel: its interface, policies, and associations as far as each roll-over has come. Keys are no part of
// a plan: an association says what its own is derived from.

import type { DesiredState, Waiting } from "../desired/desired_state.ts";
import type { ObservedIpsec, ObservedState } from "../observed/observed_state.ts";
import type { Nonce } from "../transport/ipsec/association.ts";
import type { DesiredIpsec } from "../transport/ipsec/desire_ipsec.ts";
import type { ObservedAssociation, Turn } from "../transport/ipsec/rollover.ts";
import { MOST_USED, rollOver } from "../transport/ipsec/rollover.ts";
import { IF_ID, isOurXfrm, KIND } from "../transport/ipsec/xfrm_text.ts";
import { replaceAddresses } from "./diff_addresses.ts";
import { foreignInterface } from "./diff_link.ts";
import { type Action, type Change, type Greeted, STAGE, type Step } from "./plan.ts";

/** Steps, and who is to be told that it can send. */
export interface IpsecPlan {
  readonly steps: readonly Step[];
  readonly greeted: readonly Greeted[];
  readonly waiting: readonly Waiting[];
}

const NONE: ReadonlySet<string> = new Set();
const NOTHING: IpsecPlan = { steps: [], greeted: [], waiting: [] };

/** What is to be done; what is spared keeps all that may be others', and who only looks does not know what an agent keeps. */
export function diffIpsec({ ipsec, spared }: DesiredState, { ipsec: has }: ObservedState): IpsecPlan {
  if (has === undefined || ipsec.isLeft) return NOTHING;
  const { link, peers, nonce } = ipsec;
  const foreign = foreignLink(ipsec, has);
  if (foreign !== undefined) return { ...NOTHING, waiting: [foreign] };
  // Who leaves IPsec leaves nothing of it.
  const standing = link === undefined ? { ...has, used: NONE } : has;
  const { turns, strays } = rollOver(peers.map(({ pair }) => pair), standing);
  const isKept = spared !== undefined || link !== undefined && nonce === undefined;
  const gone = isKept ? [] : strays;
  const full = has.used.size > MOST_USED ? ["everybody"] : [];
  const spent = [...turns.flatMap(({ isSpent }, i) => isSpent ? [peers[i]!.node] : []), ...full];
  const obliging = turns.flatMap(({ isObliged }, i) => isObliged ? [peers[i]!.node] : []);
  return {
    steps: [
      ...associationSteps(ipsec, turns, gone),
      ...networkSteps(ipsec, has, policyWork(peers, has, spared !== undefined)),
      ...(link === undefined ? [] : addressSteps(link, has.link?.addresses)),
      ...drawing({ spent, obliging }, nonce),
    ],
    greeted: turns.flatMap(({ isGreeted }, i) => {
      const { greetedAt: address } = peers[i]!;
      return isGreeted && address !== undefined ? [{ address }] : [];
    }),
    waiting: [
      ...link === undefined ? [] : has.unchecked.map(unchecked),
      ...turns.flatMap(({ isCrowded, isRetired, isCut }, i) => {
        const { node } = peers[i]!;
        return isCrowded ? [crowded(node)] : isRetired ? [outdated(node, isCut)] : [];
      }),
    ],
  };
}

/** A part of their own: one that the kernel refuses holds up no route to others. While there is none for a policy its packets are dropped. */
function associationSteps(
  { link, peers, privateKeyPath }: DesiredIpsec,
  turns: readonly Turn[],
  gone: readonly ObservedAssociation[],
): Step[] {
  const added = turns.flatMap((turn) => turn.added);
  const removed = [...turns.flatMap((turn) => turn.removed), ...gone];
  if (added.length + removed.length === 0) return [];
  return [{
    part: "associations",
    stage: link === undefined ? STAGE.deletions : STAGE.overlay,
    needs: [],
    changes: [
      ...turns.flatMap((turn, i) => turnChanges(peers[i]!.node, turn)),
      ...gone.map((it) => associationChange("-", [it.source, textOf(it)], "not wanted")),
    ],
    actions: [{ kind: "associate", added, removed, privateKeyPath }],
  }];
}

/** The interface goes behind all else: while it is there a killed agent finds what is left. */
function networkSteps(ipsec: DesiredIpsec, has: ObservedIpsec, policies: Work): Step[] {
  const isLeaving = ipsec.link === undefined;
  const own = ipsec.link === undefined ? removal(ipsec, has) : linkLines(ipsec.link, has);
  const actions = [
    ...batch(["-batch"], isLeaving ? [] : own.lines),
    // One that the kernel refuses ends it, -force or not (iproute2 6.1): IPv4 goes before IPv6, which a kernel may lack.
    ...batch(["-batch"], policies.lines),
    ...batch(["-batch"], isLeaving ? own.lines : []),
  ];
  if (actions.length === 0) return [];
  const changes = [...own.changes, ...policies.changes];
  return [
    isLeaving
      ? { part: "ipsec", stage: STAGE.linkDeletion, needs: ["associations"], changes, actions }
      : { part: "ipsec", stage: STAGE.overlay, needs: [], changes, actions },
  ];
}

function batch(args: readonly string[], lines: readonly string[]): Action[] {
  return lines.length === 0 ? [] : [{ kind: "run", program: "ip", args, input: lines.join("") }];
}

/** Without routes by an interface that is nothing of ours, or that was left and is gone. */
export function withoutForeignXfrm<T extends DesiredState>(desired: T, { ipsec }: ObservedState): T {
  const isGone = desired.ipsec.isLeft && !(ipsec?.link && isOurXfrm(ipsec.link));
  if (!isGone && (ipsec === undefined || foreignLink(desired.ipsec, ipsec) === undefined)) return desired;
  const by = ` dev ${desired.ipsec.name} `;
  return { ...desired, routes: desired.routes.filter(({ text }) => !text.includes(by)) };
}

function foreignLink({ name, link }: DesiredIpsec, { link: has }: ObservedIpsec): Waiting | undefined {
  if (link === undefined || has === undefined || isOurXfrm(has)) return undefined;
  const kind = has.kind === KIND ? `${KIND} of if_id ${has.ifId}` : has.kind;
  return { ...foreignInterface(name, kind, `${KIND} of if_id ${IF_ID}`), isTrouble: true };
}

function addressSteps(
  { name, addresses }: NonNullable<DesiredIpsec["link"]>,
  found: ReadonlySet<string> | undefined,
): Step[] {
  return replaceAddresses({ name, wanted: addresses, found }, (family) => ({
    part: `ipsec-v${family}`,
    stage: STAGE.link,
    needs: ["ipsec"],
  }));
}

/** No route depends on it: what leaves is encrypted all the same. */
function unchecked(name: string): Waiting {
  return {
    what: "proof of who sends by IPsec",
    why: `${name} is not 0: each node's pods can send in the name of all others'`,
    next: `on the host: sysctl -w ${name}=0, and out of the file in /etc/sysctl.d that sets it`,
    isTrouble: true,
  };
}

function crowded(node: string): Waiting {
  return {
    what: `IPsec with ${node}`,
    why: "one of its associations would have the number of another node's",
    next: "nothing: within ten minutes another nonce is drawn",
  };
}

function outdated(node: string, isCut: boolean): Waiting {
  const told: Waiting = {
    what: `IPsec with ${node}`,
    why: "its Node says a nonce that it has had before: what was made of that one is over",
    next: isCut
      ? "nothing: within ten minutes another nonce is drawn here"
      : `nothing, if the agent of ${node} runs: it puts its own there`,
  };
  return isCut ? told : { ...told, isRemark: true };
}

interface Work {
  readonly changes: readonly Change[];
  readonly lines: readonly string[];
}

function linkLines(
  { name, mtuBytes }: NonNullable<DesiredIpsec["link"]>,
  { link: has }: ObservedIpsec,
): Work {
  if (has?.isUp && has.mtuBytes === mtuBytes) return { changes: [], lines: [] };
  const reason = has === undefined ? "new" : `it is ${has.isUp ? "up" : "down"} with mtu ${has.mtuBytes}`;
  const up: Work = {
    changes: [{ op: "~", kind: "interface", target: name, text: `mtu ${mtuBytes}, up`, reason }],
    lines: [`link set dev ${name} mtu ${mtuBytes} up\n`],
  };
  if (has !== undefined) return up;
  const text = `${KIND}, if_id ${IF_ID}`;
  return {
    changes: [{ op: "+", kind: "interface", target: name, text, reason: "missing" }, ...up.changes],
    lines: [
      `link add dev ${name} type ${KIND} if_id ${IF_ID}\n`,
      // Nobody speaks to a neighbour there.
      `link set dev ${name} addrgenmode none\n`,
      ...up.lines,
    ],
  };
}

function removal({ name }: DesiredIpsec, { link }: ObservedIpsec): Work {
  if (link === undefined || !isOurXfrm(link)) return { changes: [], lines: [] };
  const reason = "no transport uses it";
  return {
    changes: [{ op: "-", kind: "interface", target: name, text: KIND, reason }],
    lines: [`link del dev ${name}\n`],
  };
}

/** What is missing or otherwise is written over; none of it is without a policy for a moment. */
function policyWork(peers: DesiredIpsec["peers"], has: ObservedIpsec, isSpared: boolean): Work {
  const wanted = new Map<string, string>(
    peers.flatMap(({ policies }) => policies.map(({ selector, rest }) => [selector, rest] as const)),
  );
  const missing = [...wanted].filter(([selector, rest]) => has.policies.get(selector) !== rest);
  const surplus = isSpared ? [] : [...has.policies.keys()].filter((selector) => !wanted.has(selector)).sort();
  const change = (op: Change["op"], text: string, reason: string): Change => ({
    op,
    kind: "policy",
    target: "",
    text,
    reason,
  });
  return {
    changes: [
      ...missing.map(([selector, rest]) =>
        has.policies.has(selector)
          ? change("~", selector, `it says ${has.policies.get(selector)}, wanted is ${rest}`)
          : change("+", selector, "missing")
      ),
      ...surplus.map((selector) => change("-", selector, "not wanted")),
    ],
    lines: [
      ...v4First(missing).map(([selector, rest]) => `xfrm policy update ${selector} ${rest}\n`),
      ...surplus.map((selector) => `xfrm policy delete ${selector}\n`),
    ],
  };
}

function v4First(policies: readonly (readonly [selector: string, rest: string])[]) {
  const isV6 = ([selector]: readonly [string, string]) => selector.includes(":");
  return [...policies.filter((policy) => !isV6(policy)), ...policies.filter(isV6)];
}

function turnChanges(node: string, { added, removed }: Turn): Change[] {
  return [
    ...added.map(({ from, to, purpose, spi }) =>
      associationChange(
        "+",
        [node, textOf({ source: from.address, destination: to.address, purpose, spi })],
        "missing",
      )
    ),
    ...removed.map((it) => associationChange("-", [node, textOf(it)], "nobody uses it any more")),
  ];
}

function associationChange(op: "+" | "-", [target, text]: readonly [string, string], reason: string): Change {
  return { op, kind: "association", target, text, reason };
}

function textOf(
  { source, destination, purpose, spi }: Pick<
    ObservedAssociation,
    "source" | "destination" | "purpose" | "spi"
  >,
): string {
  return `${purpose} from ${source} to ${destination}, spi 0x${spi.toString(16).padStart(8, "0")}`;
}

/** One for all: a nonce is of the node. */
function drawing(
  { spent, obliging }: Readonly<Record<"spent" | "obliging", readonly string[]>>,
  nonce: Nonce | undefined,
): Step[] {
  const [first] = [...spent, ...obliging];
  if (first === undefined || nonce === undefined) return [];
  const change: Change = {
    op: "~",
    kind: "nonce",
    target: "",
    text: "another one",
    reason:
      `what ${first} is sent to by, or heard by, was taken away, is used up, or has another node's number`,
  };
  return [{
    part: "nonce",
    stage: STAGE.key,
    needs: [],
    changes: [change],
    actions: [{ kind: "drawNonce", spent: nonce, isObliged: spent.length === 0 }],
  }];
}
