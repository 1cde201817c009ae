// Members of declared bridges: those that are there are taken in, those that nobody wants there any more are let go. A member may
// be anybody's interface; nobody's is taken out of somebody else's bridge.

import { type Change, STAGE, type Step } from "../../plan/plan.ts";
import type { ObservedInterface, ObservedInterfaces } from "../observed/observed_interfaces.ts";
import type { WantedInterface } from "../want/wanted_interface.ts";
import { partOf } from "./configure_interface.ts";
import type { DeclaredPlan, DeclaredWaiting } from "./diff_declared.ts";

/** Steps for all bridges that are, or are about to be, ours. */
export function diffMembers(
  wanted: readonly WantedInterface[],
  { interfaces }: ObservedInterfaces,
): DeclaredPlan {
  const bridges = wanted.filter(({ name, link }) =>
    link.kind === "bridge" && interfaces.get(name)?.isOurs !== false
  );
  const names = new Set(bridges.map(({ name }) => name));
  const masters = new Map(
    bridges.flatMap(({ name, link }) =>
      link.kind === "bridge" ? link.members.map((member) => [member, name] as const) : []
    ),
  );
  const steps: Step[] = [];
  const waiting: DeclaredWaiting[] = [];
  for (const name of new Set([...interfaces.keys(), ...wanted.map((it) => it.name)])) {
    const [bridge, has] = [masters.get(name), interfaces.get(name)?.master];
    if (bridge === has) continue;
    if (bridge === undefined) {
      // Who put somebody else's interface there, a container runtime say, is not to be fought.
      if (has !== undefined && names.has(has) && interfaces.get(name)?.isOurs) {
        const change = { op: "-", name, reason: "not wanted" } as const;
        steps.push(memberStep(has, change, `link set dev ${name} nomaster`));
      }
    } else if (speaks(interfaces.get(name))) {
      waiting.push({
        owner: bridges.find((it) => it.name === bridge)!.owner,
        what: `member ${name} of ${bridge}`,
        why: `it has addresses of this host (${
          [...interfaces.get(name)!.addresses].join(", ")
        }), which a bridge would silence`,
        next: `move them to ${bridge}, or take it out of the object's slaves`,
        isBlocking: true,
      });
    } else if (has === undefined || interfaces.get(has)?.isOurs) {
      const reason = has === undefined ? "missing" : `it is a member of ${has}`;
      steps.push(memberStep(bridge, { op: "+", name, reason }, `link set dev ${name} master ${bridge}`));
    } else {
      waiting.push({
        owner: bridges.find((it) => it.name === bridge)!.owner,
        what: `member ${name} of ${bridge}`,
        why: `it is a member of ${has}, which is somebody else's`,
        next: `ip link set dev ${name} nomaster, or take it out of the object's slaves`,
        isBlocking: true,
      });
    }
  }
  return { steps, waiting };
}

/** Somebody else's interface by which this host speaks. */
function speaks(it: ObservedInterface | undefined): boolean {
  return it !== undefined && !it.isOurs && it.master === undefined && it.addresses.size > 0;
}

interface Membership {
  readonly op: Change["op"];
  readonly name: string;
  readonly reason: string;
}

function memberStep(bridge: string, { op, name, reason }: Membership, line: string): Step {
  return {
    part: partOf(bridge, `member ${name}`),
    stage: STAGE.configure,
    needs: [partOf(bridge)],
    changes: [{ op, kind: "member", target: bridge, text: name, reason }],
    actions: [{ kind: "run", program: "ip", args: ["-batch"], input: `${line}\n` }],
  };
}
