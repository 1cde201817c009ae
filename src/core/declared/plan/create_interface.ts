// Makes a dummy, a bridge, a VXLAN or a pair of veths: with its name and our group in one step, so that what is made is known for
// ours whenever the agent dies.

import { LINK_KIND } from "../../plan/diff_link.ts";
import { STAGE, type Step } from "../../plan/plan.ts";
import {
  DECLARED_GROUP,
  type ObservedInterface,
  type ObservedInterfaces,
} from "../observed/observed_interfaces.ts";
import type { WantedInterface } from "../want/wanted_interface.ts";
import { partOf } from "./configure_interface.ts";

/** Steps that make it where it is missing, or of another make. A VXLAN comes behind what it may stand on. */
export function createInterface(
  wanted: WantedInterface,
  all: readonly WantedInterface[],
  { interfaces }: ObservedInterfaces,
): Step[] {
  const { name, link } = wanted;
  const has = interfaces.get(name);
  if (!kindDiffers(wanted, has, "kernel") || link.kind === "veth" && !link.isFirst) return [];
  const reason = has === undefined ? "missing" : differenceOf(wanted, has);
  // What has the other end's name, and is no end of this one's pair, is ours as well.
  const isTaken = link.kind === "veth" && interfaces.has(link.other) && has?.other !== link.other;
  const removals = [has, isTaken ? interfaces.get(link.other) : undefined].filter((it) => it !== undefined);
  const removal = vxlansFirst(removals).map((it) => `link del dev ${it.name}\n`).join("");
  const text = link.kind === "vxlan"
    ? link.words
    : link.kind === "veth"
    ? `veth with ${link.other}`
    : link.kind;
  return [{
    part: partOf(name),
    stage: link.kind === "vxlan" ? STAGE.serve : STAGE.link,
    // Of a device that it does not know ip ends the whole batch.
    needs: link.kind === "vxlan" && all.some((it) => it.name === link.dev) ? [partOf(link.dev!)] : [],
    changes: [{ op: has === undefined ? "+" : "~", kind: "interface", target: name, text, reason }],
    actions: [{ kind: "run", program: "ip", args: ["-batch"], input: `${removal}${creation(wanted)}\n` }],
  }];
}

/** In the order in which they can be removed: a VXLAN goes along with what it stands on, and could not be found any more. */
export function vxlansFirst(all: readonly ObservedInterface[]): ObservedInterface[] {
  const rank = ({ kind }: ObservedInterface) => kind === "vxlan" ? 0 : 1;
  return all.toSorted((a, b) => rank(a) - rank(b));
}

function creation({ name, link }: WantedInterface): string {
  const made = `link add dev ${name} group ${DECLARED_GROUP} type`;
  if (link.kind === "veth") return `${made} veth peer name ${link.other} group ${DECLARED_GROUP}`;
  return `${made} ${link.kind === "vxlan" ? link.words : link.kind}`;
}

function differenceOf({ link }: WantedInterface, has: ObservedInterface): string {
  if (has.kind !== link.kind) return `it is of kind ${has.kind}`;
  return link.kind === "veth" ? `its other end is ${has.other ?? "elsewhere"}` : `it is ${has.words}`;
}

/** True where what is there cannot become what is wanted. */
export function kindDiffers(
  { link }: WantedInterface,
  has: ObservedInterface | undefined,
  implementation: keyof typeof LINK_KIND,
): boolean {
  if (has === undefined) return true;
  if (link.kind === "wireguard") return has.kind !== LINK_KIND[implementation];
  return !isOfKind(link, has.kind) || link.kind === "vxlan" && has.words !== link.words ||
    link.kind === "veth" && has.other !== link.other;
}

/** True for what has been one, whichever WireGuard it is. */
export function isOfKind({ kind }: WantedInterface["link"], found: string | undefined): boolean {
  return kind === "wireguard" ? Object.values<string | undefined>(LINK_KIND).includes(found) : found === kind;
}
