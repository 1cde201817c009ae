// What is wanted and what is there -> steps, by interface: what is wrong with one costs no other anything. An interface that is not
// in our group is somebody else's, whatever its name.

import type { PublicKey } from "../../net/keys.ts";
import type { DesiredLink, Waiting } from "../../desired/desired_state.ts";
import type { Resolution } from "../../desired/host_facts.ts";
import { type Action, STAGE, type Step } from "../../plan/plan.ts";
import type { DeclaredId } from "../declared_object.ts";
import type { ObservedInterface, ObservedInterfaces } from "../observed/observed_interfaces.ts";
import type { KnownSecrets } from "../want/secrets.ts";
import { isTenant } from "../want/grants.ts";
import { isAliasOf, isDeclaredAlias, type WantedInterface } from "../want/wanted_interface.ts";
import { adoptDevice } from "./adopt_device.ts";
import { configureInterface, partOf } from "./configure_interface.ts";
import { createInterface, isOfKind, kindDiffers, vxlansFirst } from "./create_interface.ts";
import { diffMembers } from "./diff_members.ts";
import { freePorts, type PortsElsewhere } from "./free_ports.ts";
import { diffWireguard } from "./diff_wireguard.ts";

/** What decides over steps, beside what is there. */
export interface DeclaredMoment {
  readonly implementation: "kernel" | "userspace";
  /** Who runs wireguard-go; left out: this agent starts it. */
  readonly server?: DesiredLink["server"];
  /** Where private keys stand. */
  readonly keyFolder: string;
  /** Public keys by the names of the files that have the private ones. */
  readonly keys: ReadonlyMap<string, PublicKey>;
  /** Of those that are asked for what is known of them; left out: nothing. */
  readonly secrets?: KnownSecrets;
  readonly resolved: ReadonlyMap<string, Resolution>;
  /** Of a clock that nobody sets. */
  readonly steadySeconds: number;
}

/** What declared objects want of this host. */
export interface DesiredInterfaces {
  readonly interfaces: readonly WantedInterface[];
  /** Objects whose interfaces stay as they are. */
  readonly spared: readonly DeclaredId[];
  /** Names of others that are wanted here, and that somebody else takes care of; left out: none. */
  readonly elsewhere?: readonly string[];
  /** Left out: none. */
  readonly portsElsewhere?: PortsElsewhere;
  /** Those of the others that stand, or are made before what may stand on them; left out: none. */
  readonly coming?: readonly WantedInterface[];
}

/** What is waited for, and whose it is. */
export interface DeclaredWaiting extends Waiting {
  readonly owner: DeclaredId;
}

/** What is to be done, and what cannot be. */
export interface DeclaredPlan {
  readonly steps: readonly Step[];
  readonly waiting: readonly DeclaredWaiting[];
}

/** Steps from what is there to what is wanted. */
export function diffDeclared(
  { interfaces, spared, elsewhere = [], coming = [], portsElsewhere = new Map() }: DesiredInterfaces,
  observed: ObservedInterfaces,
  moment: DeclaredMoment,
): DeclaredPlan {
  const steps: Step[] = [];
  const waiting: DeclaredWaiting[] = [];
  const waits = new Set<string>();
  for (const wanted of interfaces) {
    const has = observed.interfaces.get(wanted.name);
    const adoption = adoptDevice(wanted, has, moment);
    if (adoption !== undefined) {
      steps.push(adoption);
      waits.add(wanted.name);
      continue;
    }
    const blocked = foreign(wanted, observed) ?? kept(wanted, observed, spared) ?? unread(wanted, observed) ??
      lacking(wanted, [...interfaces, ...coming], observed);
    if (blocked !== undefined) {
      waiting.push(blocked);
      waits.add(wanted.name);
      continue;
    }
    if (wanted.link.kind === "wireguard") {
      const made = diffWireguard(wanted, wanted.link, { observed, moment });
      steps.push(...made.steps);
      waiting.push(...made.waiting);
    } else {
      steps.push(...createInterface(wanted, interfaces, observed));
    }
    const standing = kindDiffers(wanted, has, moment.implementation) ? undefined : has;
    steps.push(...configureInterface(wanted, standing));
  }
  const members = diffMembers(interfaces.filter(({ name }) => !waits.has(name)), observed);
  return {
    steps: [
      ...freePorts(interfaces, observed, portsElsewhere),
      ...steps,
      ...members.steps,
      ...removeSurplus({ interfaces, spared, waits, elsewhere }, observed, moment),
    ]
      .sort((a, b) => a.stage - b.stage),
    waiting: [...waiting, ...members.waiting],
  };
}

/** One of a wanted name that somebody else has made. */
function foreign(
  wanted: WantedInterface,
  { interfaces }: ObservedInterfaces,
): DeclaredWaiting | undefined {
  const { name, link } = wanted;
  const names = link.kind === "veth" ? [name, link.other] : [name];
  const has = names.map((it) => interfaces.get(it)).find((it) => it?.isOurs === false);
  return has && madeByOthers(wanted, has);
}

/** It is told, and left as it is. */
export function madeByOthers({ name, owner }: WantedInterface, has: ObservedInterface): DeclaredWaiting {
  return {
    owner,
    what: `interface ${name}`,
    why:
      `${owner.kind} ${owner.name} asks for ${has.name}, and somebody else has one of that name (${has.kind})`,
    next: has.kind === "physical"
      ? "say another name"
      : `remove it (ip link del ${has.name}), or say another name`,
    isBlocking: true,
  };
}

/** One that an object has which is not taken up as it says now: what it has stays as it is. */
function kept(
  wanted: WantedInterface,
  { interfaces }: ObservedInterfaces,
  spared: readonly DeclaredId[],
): DeclaredWaiting | undefined {
  const { name, link } = wanted;
  for (const it of link.kind === "veth" ? [name, link.other] : [name]) {
    const alias = interfaces.get(it)?.alias ?? "";
    const holder = spared.find((id) => isAliasOf(alias, id));
    if (holder !== undefined) return keptFor(wanted, it, holder);
  }
}

/** It is told whose it is. */
export function keptFor({ name, owner }: WantedInterface, kept: string, holder: DeclaredId): DeclaredWaiting {
  const waiting = { owner, what: `interface ${name}`, isBlocking: true } as const;
  if (isTenant(holder) || isTenant(owner)) {
    return {
      ...waiting,
      why: `${kept} is kept as it is for somebody else`,
      next: "it is looked for again by itself",
    };
  }
  return {
    ...waiting,
    why: `${kept} is kept as it is for ${holder.kind} ${holder.name}, which is not taken up as it says now`,
    next: `mend ${holder.kind} ${holder.name}, or delete it`,
  };
}

function unread({ name, owner }: WantedInterface, observed: ObservedInterfaces): DeclaredWaiting | undefined {
  const why = observed.unread.get(name);
  if (why === undefined) return undefined;
  return {
    owner,
    what: `interface ${name}`,
    why: `it cannot be read: ${why}`,
    next: `wg show ${name}`,
    isBlocking: true,
  };
}

/** What it stands on is not there, and nobody here makes it before, or carries no packets of that length. */
function lacking(
  { name, link, owner, mtuBytes }: WantedInterface,
  all: readonly WantedInterface[],
  observed: ObservedInterfaces,
): DeclaredWaiting | undefined {
  if (link.kind !== "vxlan" || link.dev === undefined) return undefined;
  const { dev, headroomBytes } = link;
  const waiting = { owner, what: `interface ${name}`, isBlocking: true } as const;
  const maker = all.find((it) => it.name === dev);
  const device = observed.interfaces.get(dev);
  if (device === undefined && (maker === undefined || maker.link.kind === "vxlan")) {
    const why = `${owner.kind} ${owner.name} puts it on ${dev}, which is not there`;
    return { ...waiting, why, next: `make ${dev}, or say another dev` };
  }
  const room = (maker?.mtuBytes ?? device?.mtuBytes ?? Infinity) - headroomBytes;
  if ((mtuBytes ?? 0) <= room) return undefined;
  const why = `its MTU is ${mtuBytes}, and a VXLAN on ${dev} has room for ${room}`;
  return { ...waiting, why, next: `say an mtu of at most ${room}, or give ${dev} more` };
}

/** Of a group of the same number that somebody else uses nothing goes: theirs have another alias, or are hardware. */
export function isRemovable({ isOurs, kind, alias }: ObservedInterface): boolean {
  return isOurs && kind !== "physical" && isDeclaredAlias(alias);
}

/** Those of ours that no object asks for. With one end of a pair the other one goes. */
function removeSurplus(
  { interfaces, spared, waits, elsewhere = [] }: DesiredInterfaces & { readonly waits: ReadonlySet<string> },
  observed: ObservedInterfaces,
  { server }: Pick<DeclaredMoment, "server">,
): Step[] {
  // While who has its name now waits for something, what another object has left, or is of another kind, stands for nobody.
  const isLeft = ({ name, owner, link }: WantedInterface) => {
    const has = observed.interfaces.get(name);
    return waits.has(name) && !observed.unread.has(name) &&
      (!isAliasOf(has?.alias ?? "", owner) || !isOfKind(link, has?.kind));
  };
  const wanted = new Set([...interfaces.filter((it) => !isLeft(it)).map(({ name }) => name), ...elsewhere]);
  const isRemade = (name: string, other: string | undefined) =>
    interfaces.some(({ name: end, link }) =>
      end === other && !waits.has(end) && link.kind === "veth" && link.other !== name
    );
  const surplus = [...observed.interfaces.values()].filter((it) =>
    isRemovable(it) && !wanted.has(it.name) && !spared.some((id) => isAliasOf(it.alias, id)) &&
    // An end whose pair is made anew goes with it.
    !isRemade(it.name, it.other)
  );
  const gone = new Set<string>();
  return vxlansFirst(surplus).flatMap(({ name, kind, other }): Step[] => {
    if (gone.has(name)) return [];
    gone.add(name);
    // The end that is wanted is made anew, with its pair.
    if (other !== undefined && !wanted.has(other)) gone.add(other);
    // One that somebody else runs ends by itself without its device.
    const pids = server === "awaited" ? [] : observed.serving.get(name)?.userspacePids ?? [];
    const ends = pids.map((pid): Action => ({
      kind: "end",
      pid,
      interfaceName: name,
    }));
    return [{
      part: partOf(name),
      stage: STAGE.linkDeletion,
      needs: [],
      changes: [{ op: "-", kind: "interface", target: name, text: kind, reason: "no object asks for it" }],
      actions: [
        { kind: "run", program: "ip", args: ["-batch"], input: `link del dev ${name}\n` },
        ...ends,
      ],
    }];
  });
}
