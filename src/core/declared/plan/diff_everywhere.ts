// What is wanted on a host and in its containers -> steps. Each network namespace is compared by itself, as the host is; what two
// objects ask of one namespace by two names of it gets the first of them.

import { type DeclaredId, nameOf } from "../declared_object.ts";
import { type ContainerId, describeContainer, keyIn } from "../containers/container.ts";
import type { ObservedInterfaces } from "../observed/observed_interfaces.ts";
import { isTenant, toldTo } from "../want/grants.ts";
import { keyOf, type WantedInterface } from "../want/wanted_interface.ts";
import type { PortsElsewhere } from "./free_ports.ts";
import {
  type DeclaredMoment,
  type DeclaredPlan,
  type DeclaredWaiting,
  type DesiredInterfaces,
  diffDeclared,
} from "./diff_declared.ts";
import { diffPair, type PairEnd } from "./diff_pair.ts";
import { inContainer, type Place } from "./in_container.ts";

/** A network namespace that was entered. */
export interface FoundPlace extends Place {
  /** What it is known by: two containers may share one. */
  readonly namespace: string;
  readonly observed: ObservedInterfaces;
}

/** Why there is none. */
export interface LostPlace {
  readonly reason: string;
  readonly next: string;
}

/** What is there. */
export interface ObservedPlaces {
  readonly host: ObservedInterfaces;
  readonly containers: ReadonlyMap<ContainerId, FoundPlace | LostPlace>;
  /** Those in which interfaces of ours may be left: a container that has another namespace by now, or that no object names any more. */
  readonly left: readonly FoundPlace[];
}

/** All that was asked of one namespace. */
interface Gathered {
  readonly place: FoundPlace | undefined;
  readonly interfaces: WantedInterface[];
  /** Names of those that wait for something: what stands of them stays. */
  readonly awaited: string[];
}

/** Steps from what is there to what is wanted, everywhere. */
export function diffEverywhere(
  { interfaces, spared }: DesiredInterfaces,
  { host, containers, left }: ObservedPlaces,
  moment: DeclaredMoment,
): DeclaredPlan {
  const waiting: DeclaredWaiting[] = [];
  const gathered = new Map([["", gatherIn(undefined)]]);
  const placeOf = (id: ContainerId | undefined) =>
    id === undefined ? undefined : containers.get(id) ?? UNREAD;
  // Of a namespace that is left by one name and wanted by another the wanted one counts; of two wanted ones the first.
  for (const place of [...left, ...[...containers.values()].toReversed()]) {
    if ("observed" in place) gathered.set(place.namespace, gatherIn(place));
  }
  for (const wanted of interfaces) {
    const { container, name, link } = wanted;
    const place = placeOf(container);
    const other = link.kind === "veth" ? placeOf(link.otherContainer) : undefined;
    const lost = [place, other].find((it): it is LostPlace => it !== undefined && "reason" in it);
    const all = place !== undefined && "reason" in place ? undefined : gathered.get(place?.namespace ?? "")!;
    const holder = all?.interfaces.find((it) => it.name === name);
    const why = lost ?? (holder && sharedWith(holder, wanted));
    if (why === undefined) all?.interfaces.push(wanted);
    else {
      waiting.push(waitingFor(wanted, why));
      all?.awaited.push(name);
    }
  }
  const plans = [...gathered.values()].map((it) => diffPlace(it, { spared, host, moment, gathered }));
  return {
    steps: plans.flatMap(({ steps }) => steps).sort((a, b) => a.stage - b.stage),
    waiting: [...waiting, ...plans.flatMap((plan) => plan.waiting)],
  };
}

function gatherIn(place: FoundPlace | undefined): Gathered {
  return { place, interfaces: [], awaited: [] };
}

const UNREAD: LostPlace = { reason: "it was not looked for yet", next: "wait a second" };

interface Context {
  readonly spared: readonly DeclaredId[];
  readonly host: ObservedInterfaces;
  readonly moment: DeclaredMoment;
  readonly gathered: ReadonlyMap<string, Gathered>;
}

function diffPlace(
  { place, interfaces, awaited }: Gathered,
  { spared, host, moment, gathered }: Context,
): DeclaredPlan {
  const observed = place?.observed ?? host;
  const pairs = interfaces.flatMap((wanted) => {
    const other = otherEnd(wanted, gathered);
    return other === undefined || interfaces.includes(other.wanted) ? [] : [{ wanted, other }];
  });
  const crossing = new Set(pairs.map(({ wanted }) => wanted));
  const blocked = new Map(interfaces.flatMap((it) => {
    const why = hindrance(it, { place, moment, gathered });
    return why === undefined ? [] : [[it, why] as const];
  }));
  const served = interfaces.filter((it) => !crossing.has(it) && !blocked.has(it));
  const own = diffDeclared(
    {
      interfaces: served.map((it) => ({ ...it, container: undefined })),
      spared,
      elsewhere: [...[...crossing, ...blocked.keys()].map(({ name }) => name), ...awaited],
      coming: [...crossing],
      portsElsewhere: portsOf(
        [...gathered.values()].flatMap((it) => it.place === place ? [] : it.interfaces),
      ),
    },
    observed,
    moment,
  );
  const idOf = (name: string) => interfaces.find((it) => it.name === name)?.container ?? place!.id;
  const isHosts = (name: string) => host.interfaces.has(name);
  const inside = place === undefined ? own : inContainer(own, place, { idOf, isHosts });
  const made = pairs.filter(({ wanted }) => wanted.link.kind === "veth" && wanted.link.isFirst)
    .map(({ wanted, other }) =>
      diffPair({ wanted, place, has: observed.interfaces.get(wanted.name) }, endIn(other, host), { spared })
    );
  return {
    steps: [...inside.steps, ...made.flatMap(({ steps }) => steps)],
    waiting: [
      ...inside.waiting,
      ...made.flatMap((it) => it.waiting),
      ...[...blocked].map(([it, why]) => waitingFor(it, why)),
    ],
  };
}

function portsOf(interfaces: readonly WantedInterface[]): PortsElsewhere {
  return new Map(
    interfaces.flatMap((it) =>
      it.link.kind === "wireguard" && it.link.listenPort !== undefined
        ? [[it.link.listenPort, keyOf(it)] as const]
        : []
    ),
  );
}

function hindrance(
  wanted: WantedInterface,
  { place, moment, gathered }: Pick<Context, "moment" | "gathered"> & Pick<Gathered, "place">,
): LostPlace | undefined {
  const { kind } = wanted.link;
  if (kind === "veth" && otherEnd(wanted, gathered) === undefined) return WITHOUT_OTHER;
  const isKernels = moment.implementation === "kernel";
  return place !== undefined && !isKernels && kind === "wireguard" ? WITHOUT_KERNEL : undefined;
}

interface Other {
  readonly wanted: WantedInterface;
  readonly place: FoundPlace | undefined;
}

function endIn({ wanted, place }: Other, host: ObservedInterfaces): PairEnd {
  return { wanted, place, has: (place?.observed ?? host).interfaces.get(wanted.name) };
}

/** Undefined: it is no end of a pair, or its other end has lost its name to somebody else. */
function otherEnd(wanted: WantedInterface, gathered: ReadonlyMap<string, Gathered>): Other | undefined {
  const { link, owner } = wanted;
  if (link.kind !== "veth") return undefined;
  for (const { place, interfaces } of gathered.values()) {
    const found = interfaces.find((it) =>
      it !== wanted && it.owner === owner && it.name === link.other && it.link.kind === "veth"
    );
    if (found !== undefined) return { wanted: found, place };
  }
}

const WITHOUT_KERNEL: LostPlace = {
  reason: "this kernel has no WireGuard, and wireguard-go's interface would stay on the host",
  next: "load the module wireguard, or declare it without container",
};

const WITHOUT_OTHER: LostPlace = { reason: "its other end cannot be had", next: "see there" };

function sharedWith({ owner, container }: WantedInterface, asker: WantedInterface): LostPlace {
  const who = toldTo(asker.owner, nameOf(owner));
  const where = isTenant(asker.owner) ? "" : `, in the network namespace of ${container ?? "the host"}`;
  return { reason: `${who} has this name there${where}`, next: "say another name" };
}

function waitingFor(
  { owner, name, container }: WantedInterface,
  { reason, next }: LostPlace,
): DeclaredWaiting {
  return {
    owner,
    what: `interface ${name}${container === undefined ? "" : ` in ${describeContainer(container)}`}`,
    why: reason,
    next,
    isBlocking: true,
  };
}

/** All interfaces as one host has them, by what they are known by there: for reports. */
export function observedEverywhere({ host, containers }: ObservedPlaces): ObservedInterfaces {
  const found = [...containers].flatMap(([id, place]) =>
    "reason" in place ? [] : [{ id, ...place.observed }]
  );
  const keyed = <T>(own: ReadonlyMap<string, T>, of: (it: ObservedInterfaces) => ReadonlyMap<string, T>) =>
    new Map([
      ...own,
      ...found.flatMap((it) => [...of(it)].map(([name, value]) => [keyIn(it.id, name), value] as const)),
    ]);
  return {
    interfaces: keyed(host.interfaces, (it) => it.interfaces),
    serving: keyed(host.serving, (it) => it.serving),
    unread: keyed(host.unread, (it) => it.unread),
  };
}
