// One pass over declared networks: what is there is read, what differs from what is wanted is done.

import type { DeclaredMoment, DeclaredPlan } from "../../core/declared/plan/diff_declared.ts";
import {
  diffEverywhere,
  type FoundPlace,
  type LostPlace,
  observedEverywhere,
} from "../../core/declared/plan/diff_everywhere.ts";
import type { DeclaredId } from "../../core/declared/declared_object.ts";
import type { ObservedInterfaces } from "../../core/declared/observed/observed_interfaces.ts";
import type { Wanted } from "../../core/declared/want/want_interfaces.ts";
import { isAliasOf, keyOf, type WantedInterface } from "../../core/declared/want/wanted_interface.ts";
import type { Part } from "../../core/plan/plan.ts";
import { isRemovable } from "../../core/declared/plan/diff_declared.ts";
import { apply, type Outcome } from "../apply.ts";
import { steadySeconds } from "../observe.ts";
import { ensureDeclaredKeys } from "./declared_keys.ts";
import type { HeldPlace, Places } from "./containers/places.ts";
import type { DeclaredObserver } from "./observe_declared.ts";

/** What a pass goes by. */
export interface Pass
  extends Pick<DeclaredMoment, "implementation" | "server" | "keyFolder" | "resolved" | "secrets"> {
  readonly wanted: Wanted;
  /** Objects that cannot be read. */
  readonly unread: readonly DeclaredId[];
  readonly observer: DeclaredObserver;
  /** Of containers; left out: nothing is put into any. */
  readonly places?: Places | undefined;
  /** What failed before and is not tried yet. */
  readonly held: ReadonlySet<Part>;
  readonly onKeyError: (name: string, error: Error) => void;
}

/** What a pass has found and done. */
export interface Passed {
  readonly moment: DeclaredMoment;
  readonly observed: ObservedInterfaces;
  readonly plan: DeclaredPlan;
  readonly outcomes: readonly Outcome[];
  /** Interfaces of ours were there. */
  readonly hasOurs: boolean;
}

/** Reads, compares, changes. */
export async function converge(
  { wanted, unread, observer, places, held, onKeyError, ...given }: Pass,
): Promise<Passed> {
  const { interfaces, refused } = wanted;
  const keyed = new Set(interfaces.filter(hasPreshared).map(keyOf));
  const host = await observer.read(keyed);
  const inside = await readPlaces({ observer, places }, interfaces, keyed);
  const used = new Set(interfaces.flatMap(({ link }) => ownKeyOf(link) ?? []));
  const keys = await ensureDeclaredKeys(given.keyFolder, keyHolders(interfaces, host), (name, error) => {
    // One that stands for the day on which its Secret is taken out is nobody's trouble yet.
    if (used.has(name)) onKeyError(name, error);
  });
  const desired = { interfaces, spared: [...refused, ...unread] };
  const moment = { ...given, keys, steadySeconds: steadySeconds() };
  const seen = { host, ...inside };
  const plan = diffEverywhere(desired, seen, moment);
  const observed = observedEverywhere(seen);
  const hasOurs = inside.left.length > 0 || observed.interfaces.values().some(({ isOurs }) => isOurs);
  if (plan.steps.length > 0 && await places?.areHeld() === false) {
    throw new Error(
      "a container's network namespace was let go while it was looked at: it is looked for again",
    );
  }
  const outcomes = await apply({ ...plan, rejected: [] }, held);
  observer.confirmed(outcomes.flatMap(({ step, error }) => error === undefined ? step : []));
  return { moment, observed, plan, outcomes, hasOurs };
}

/** What there is of containers. One in which nothing of ours is left is let go. */
async function readPlaces(
  { observer, places }: Pick<Pass, "observer" | "places">,
  wanted: readonly WantedInterface[],
  keyed: ReadonlySet<string>,
): Promise<{ containers: Map<string, FoundPlace | LostPlace>; left: FoundPlace[] }> {
  const containers = new Map<string, FoundPlace | LostPlace>();
  const left: FoundPlace[] = [];
  if (places === undefined) return { containers, left };
  const ids = wanted.flatMap(({ container, link }) => [
    container,
    link.kind === "veth" ? link.otherContainer : undefined,
  ]);
  const look = await places.look(new Set(ids.filter((id) => id !== undefined)));
  for (const [id, place] of look.found) {
    const names = new Set(wanted.flatMap(({ container, name }) => container === id ? name : []));
    containers.set(id, "reason" in place ? place : await readPlace(observer, place, { keyed, names }));
  }
  for (const place of look.left) {
    const found = await readPlace(observer, place, { keyed, names: new Set() });
    if ("reason" in found) await places.giveUp(place);
    else if (found.observed.interfaces.values().some(isRemovable)) left.push(found);
    else await places.release(place);
  }
  return { containers, left };
}

async function readPlace(
  observer: DeclaredObserver,
  place: HeldPlace,
  { keyed, names }: { readonly keyed: ReadonlySet<string>; readonly names: ReadonlySet<string> },
): Promise<FoundPlace | LostPlace> {
  try {
    return { ...place, observed: await observer.readIn(place, keyed, names) };
  } catch (error) {
    return { reason: `it cannot be read: ${(error as Error).message}`, next: "it is tried again by itself" };
  }
}

/**
 * Who has the key of a file that may be lost: an interface of ours that this object has made. That of somebody else is none of ours, and
 * with a Secret an own one is made as well: who takes the Secret out wants another key than that had.
 */
function keyHolders(
  wanted: readonly WantedInterface[],
  { interfaces }: ObservedInterfaces,
): ReadonlyMap<string, string | undefined> {
  const holders = new Map<string, string | undefined>();
  for (const { name, container, owner, link } of wanted) {
    if (link.kind !== "wireguard") continue;
    const has = interfaces.get(name);
    const isOwn = container === undefined && link.secret === undefined && has?.isOurs === true &&
      isAliasOf(has.alias, owner);
    holders.set(link.keyName, holders.get(link.keyName) ?? (isOwn ? name : undefined));
  }
  return holders;
}

/** The name of its key file, where no Secret has the key. */
function ownKeyOf(link: WantedInterface["link"]): string | undefined {
  return link.kind === "wireguard" && link.secret === undefined ? link.keyName : undefined;
}

function hasPreshared({ link }: WantedInterface): boolean {
  return link.kind === "wireguard" && link.peers.some(({ presharedSecret }) => presharedSecret !== undefined);
}
