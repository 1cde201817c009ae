// Steps for an interface of the host -> the same for one of a container. What programs do there they do by nsenter; nothing is
// ever made on the host and moved, so that an agent that dies leaves nothing in the wrong place.

import { type Action, type Part, STAGE, type Step } from "../../plan/plan.ts";
import { type ContainerId, keyIn } from "../containers/container.ts";
import { interfaceOf, partOf } from "./configure_interface.ts";
import type { DeclaredPlan } from "./diff_declared.ts";

/** A container's network namespace. */
export interface Place {
  /** By which its interfaces are known on the host. */
  readonly id: ContainerId;
  /** A file that is this namespace for as long as the pass lasts, whatever becomes of the container. */
  readonly path: string;
}

/**
 * The same steps and waits, there.
 * @param idOf by which container an interface is known, where the place has several names
 */
export function inContainer(
  { steps, waiting }: DeclaredPlan,
  place: Place,
  idOf: (name: string) => ContainerId = () => place.id,
): DeclaredPlan {
  return {
    steps: steps.map((step) => {
      const name = interfaceOf(step.part);
      return stepInside(step, { ...place, id: name === undefined ? place.id : idOf(name) });
    }),
    waiting: waiting.map((it) => ({
      ...it,
      what: `${it.what} in ${place.id}`,
      next: it.next.replaceAll(/\b(ip|wg) (?=link|show|set)/g, "nsenter --net=... $1 "),
    })),
  };
}

/** The part of an interface there; an undefined place is the host. */
export function partIn(place: Place | undefined, name: string): Part {
  return partOf(keyIn(place?.id, name));
}

function stepInside(step: Step, place: Place): Step {
  return {
    ...step,
    part: renamed(step.part, place),
    needs: step.needs.map((part) => renamed(part, place)),
    changes: step.changes.map((change) => ({ ...change, target: keyIn(place.id, change.target) })),
    actions: step.actions.flatMap((action) => actionsInside(action, place)).map((action) =>
      step.stage === STAGE.linkDeletion && action.kind === "run" ? { ...action, mayBeGone: true } : action
    ),
  };
}

function renamed(part: Part, { id }: Place): Part {
  const name = interfaceOf(part);
  if (name === undefined) return part;
  return `declared ${keyIn(id, name)}${part.slice(`declared ${name}`.length)}`;
}

/** Batches and commands; a handshake begins with the first packet there. */
function actionsInside(action: Action, { path }: Place): Action[] {
  if (action.kind !== "run") return [];
  const { program, args, input } = action;
  const inside = { ...action, program: "nsenter", args: [`--net=${path}`, "--", program, ...args] } as const;
  if (input === undefined) return [inside];
  const lines = input.split("\n").filter((line) => line !== "");
  const outside = lines.filter((line) => CREATES_WIREGUARD.test(line));
  const rest = lines.filter((line) => !outside.includes(line));
  return [
    ...rest.length === 0 ? [] : [{ ...inside, input: textOf(rest) }],
    ...outside.length === 0
      ? []
      : [{ ...action, input: textOf(outside.map((line) => line.replace(/ group/, ` netns ${path} group`))) }],
  ];
}

/**
 * WireGuard's socket stays in the namespace that asks for the interface: it is asked for from the host, with its place in the same
 * message (IFLA_NET_NS_FD of RTM_NEWLINK; drivers/net/wireguard/device.c, `creating_net`).
 */
const CREATES_WIREGUARD = /^link add dev \S+ group \d+ type wireguard$/;

function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join("");
}
