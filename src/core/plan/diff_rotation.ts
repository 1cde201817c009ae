// The second interface and the key files, while a key rotates (docs/decisions/0050).

import type { DesiredState, RotationPeer, Waiting } from "../desired/desired_state.ts";
import type { ObservedState } from "../observed/observed_state.ts";
import { wasTold } from "../rotation/heard.ts";
import { nextKeyPath } from "../rotation/names.ts";
import { secondDesired, secondObserved } from "../rotation/interfaces.ts";
import type { KeyMove, Turn } from "../rotation/turn.ts";
import { diffLink, foreignKind, makeLink, withoutOther } from "./diff_link.ts";
import { diffPeers } from "./diff_peers.ts";
import { type Part, STAGE, type Step } from "./plan.ts";

/** What a rotation asks for. */
export interface RotationPlan {
  readonly steps: readonly Step[];
  /** Why the second interface cannot be had. */
  readonly waiting: Waiting | undefined;
}

/** Steps for the second interface, and for what the key files are moved on to. */
export function diffRotation(
  desired: DesiredState,
  observed: ObservedState,
  { turn, steadySeconds }: { readonly turn: Turn; readonly steadySeconds: number },
): RotationPlan {
  const move = moveSteps(desired, turn.move);
  const [second, has] = [secondDesired(desired, observed, turn), secondObserved(observed)];
  if (second.link === undefined && has.link === undefined) return { steps: move, waiting: undefined };
  // It has come a moment ago: the next facts tell of it.
  if (has.link !== undefined && !has.link.isNext) return { steps: move, waiting: undefined };
  const foreign = foreignKind(second, has);
  if (foreign !== undefined) {
    const { isBlocking: _, ...waiting } = foreign;
    return { steps: move, waiting };
  }
  const steps = [
    ...diffLink(second, has),
    ...diffPeers(second, withoutOther(second, has), steadySeconds),
    ...makeLink(second, has),
  ].map((step) =>
    ofSecond(step, {
      needs: neededBy(step, second, observed),
      isRepair: isRepair(step, { wanted: second.link?.publicKey, has: has.wireguard?.publicKey }),
    })
  );
  return { steps: [...steps, ...move], waiting: undefined };
}

/** With it go the routes that lead there still: those of a family that cannot be led elsewhere keep it. */
function neededBy(
  { stage, needs }: Step,
  { interfaceName }: DesiredState,
  { routes }: ObservedState,
): Part[] {
  if (needs.length === 0) return [];
  if (stage !== STAGE.linkDeletion) return ["second"];
  const leadsThere = (text: string) => text.includes(` dev ${interfaceName} `);
  const families = ([4, 6] as const).filter((family) => routes[family].values().some(leadsThere));
  return ["second", ...families.map((family) => `routes-v${family}` as const)];
}

/** What was there, unless Nodes or facts are new. Keepalives, keys and what goes change with what is heard and said. */
function isRepair(
  { part, stage }: Step,
  { wanted, has }: { readonly wanted: string | undefined; readonly has: string | undefined },
): boolean {
  const isKey = part === "link" && stage === STAGE.configure && has !== undefined && has !== wanted;
  return stage < STAGE.deletions && !isKey;
}

interface Circumstances {
  readonly needs: readonly Part[];
  readonly isRepair: boolean;
}

/** Each family is a part of its own. */
const ADDRESSES: Partial<Readonly<Record<Part, Part>>> = {
  "addresses-v4": "second-v4",
  "addresses-v6": "second-v6",
};

/** What fails of it costs the first interface nothing, and one family nothing of the other. */
function ofSecond(step: Step, { needs, isRepair }: Circumstances): Step {
  const { confirms: _, ...rest } = step;
  return {
    ...rest,
    part: ADDRESSES[step.part] ?? "second",
    needs,
    ...(!isRepair && { cause: "session" as const }),
  };
}

/**
 * Steps that sessions on the second interface are the reason for: those that lead its peers, and nobody else, from one interface to the
 * other. Somebody else has taken away the routes to those who were led there a moment ago.
 */
export function becauseOf(
  { members, carried }: Turn,
  steps: readonly Step[],
  second: ObservedState["second"],
): readonly Step[] {
  if (steps.length === 0 || members.length === 0) return steps;
  const isLed = ({ publicKey }: RotationPeer) =>
    !carried.has(publicKey) || !wasTold(second?.heard.get(publicKey));
  const theirs = new Set<string>(
    members.filter(isLed).flatMap(({ routes }) => routes.map(({ destination }) => destination)),
  );
  const isTheirs = ({ changes }: Step) => changes.every(({ text }) => theirs.has(text.split(" ")[0]!));
  return steps.map((step) => isTheirs(step) ? { ...step, cause: "session" } : step);
}

const TEXTS: Readonly<Record<KeyMove, string>> = {
  begin: "the next key is made and announced",
  takeOver: "the next key takes the place of this one: all others have come over to it",
  end: "the rotation has ended: all others use the key on the first interface",
};

function moveSteps({ link }: DesiredState, move: KeyMove | undefined): Step[] {
  if (move === undefined || link === undefined) return [];
  const { privateKeyPath } = link;
  const target = move === "takeOver" ? privateKeyPath : nextKeyPath(privateKeyPath);
  return [{
    part: "key",
    stage: STAGE.key,
    needs: [],
    changes: [{
      op: move === "begin" ? "+" : move === "end" ? "-" : "~",
      kind: "key",
      target,
      text: TEXTS[move],
      reason: "key rotation",
    }],
    actions: [{ kind: "moveKey", move, privateKeyPath }],
    cause: "session",
    confirms: {},
  }];
}
