// Steps for an interface of the host -> the same for one of a container. What programs do there they do by nsenter; nothing is
// ever made on the host and moved, so that an agent that dies leaves nothing in the wrong place.

import { type Action, type Part, STAGE, type Step } from "../../plan/plan.ts";
import { type ContainerId, keyIn } from "../containers/container.ts";
import { sha256 } from "../../policy/sha256.ts";
import { DECLARED_GROUP } from "../observed/observed_interfaces.ts";
import { interfaceOf, partOf } from "./configure_interface.ts";
import type { DeclaredPlan } from "./diff_declared.ts";

/** A container's network namespace. */
export interface Place {
  /** By which its interfaces are known on the host. */
  readonly id: ContainerId;
  /** A file that is this namespace for as long as the pass lasts, whatever becomes of the container. */
  readonly path: string;
}

/** How a place is called, and what is in the way. */
export interface Naming {
  /** By which container an interface is known, where the place has several names; left out: the place's. */
  readonly idOf?: (name: string) => ContainerId;
  /** True for names of the host; left out: it has none. */
  readonly isHosts?: (name: string) => boolean;
}

/** The same steps and waits, there. */
export function inContainer(
  { steps, waiting }: DeclaredPlan,
  place: Place,
  naming: Naming = {},
): DeclaredPlan {
  const { idOf = () => place.id, isHosts = () => false } = naming;
  const isDeletion = ({ stage }: Step) => stage === STAGE.linkDeletion;
  return {
    steps: [...steps.filter((step) => !isDeletion(step)), ...inOne(steps.filter(isDeletion))].map((step) => {
      const name = interfaceOf(step.part);
      return stepInside(step, { ...place, id: name === undefined ? place.id : idOf(name), isHosts });
    }),
    waiting: waiting.map((it) => ({
      ...it,
      what: `${it.what} in ${place.id}`,
      next: it.next.replaceAll(/\b(ip|wg) (?=link|show|set)/g, "nsenter --net=... $1 "),
    })),
  };
}

/** What root of a container makes in our group it may make by thousands: one program deletes so many, and the next pass more. */
const MOST_DELETIONS = 64;
/** Names such as objects may ask for. Others would be commands in a batch, and none of them is ours. */
export function isDeclarable(name: string): boolean {
  return /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,14}$/.test(name);
}

function inOne(deletions: readonly Step[]): Step[] {
  const all = deletions.filter(({ part }) => isDeclarable(interfaceOf(part) ?? "")).slice(0, MOST_DELETIONS);
  const [first] = all;
  if (first === undefined) return [];
  const input = all.map(({ part }) => `link del dev ${interfaceOf(part)}\n`).join("");
  return [{
    ...first,
    changes: all.flatMap(({ changes }) => changes),
    actions: [{ kind: "run", program: "ip", args: ["-force", "-batch"], input, mayBeGone: true }],
  }];
}

/** The part of an interface there; an undefined place is the host. */
export function partIn(place: Place | undefined, name: string): Part {
  return partOf(keyIn(place?.id, name));
}

function stepInside(step: Step, place: Place & Required<Pick<Naming, "isHosts">>): Step {
  return {
    ...step,
    part: renamed(step.part, place),
    needs: step.needs.map((part) => renamed(part, place)),
    changes: step.changes.map((change) => ({ ...change, target: keyIn(place.id, change.target) })),
    actions: step.actions.flatMap((action) => actionsInside(action, place)),
  };
}

function renamed(part: Part, { id }: Place): Part {
  const name = interfaceOf(part);
  if (name === undefined) return part;
  return `declared ${keyIn(id, name)}${part.slice(`declared ${name}`.length)}`;
}

/** Batches and commands; a handshake begins with the first packet there. */
function actionsInside(
  action: Action,
  { path, isHosts }: Pick<Place, "path"> & Required<Pick<Naming, "isHosts">>,
): Action[] {
  if (action.kind !== "run") return [];
  const { program, args, input } = action;
  const inside = { ...action, program: "nsenter", args: [`--net=${path}`, "--", program, ...args] } as const;
  if (input === undefined) return [inside];
  const lines = input.split("\n").filter((line) => line !== "");
  const [creation] = lines.flatMap((line) => CREATES_WIREGUARD.exec(line) ?? []).slice(1);
  const rest = lines.filter((line) => !CREATES_WIREGUARD.test(line));
  const before = rest.length === 0 ? [] : [{ ...inside, input: textOf(rest) }];
  if (creation === undefined) return before;
  const made = isHosts(creation) ? interimName(creation) : creation;
  const line = `link add dev ${made} netns ${path} group ${DECLARED_GROUP} type wireguard`;
  const renaming = made === creation
    ? []
    : [{ ...inside, input: textOf([`link set dev ${made} name ${creation}`]) }];
  return [...before, { ...action, input: textOf([line]) }, ...renaming];
}

/**
 * WireGuard's socket stays in the namespace that asks for the interface: it is asked for from the host, with its place in the same
 * message (IFLA_NET_NS_FD of RTM_NEWLINK; drivers/net/wireguard/device.c, `creating_net`).
 */
const CREATES_WIREGUARD = /^link add dev (\S+) group \d+ type wireguard$/;

/** Kernels before 6.15 look the new name up among those of who asks. What is left of that name is nobody's, and goes. */
function interimName(name: string): string {
  return `wgi${sha256(name).toHex().slice(0, 12)}`;
}

function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}
