// A pair of veths whose ends live in two network namespaces: both are made by one message, each in its place.

import { type Action, STAGE, type Step } from "../../plan/plan.ts";
import { DECLARED_GROUP, type ObservedInterface } from "../observed/observed_interfaces.ts";
import { isAliasOf, type WantedInterface } from "../want/wanted_interface.ts";
import { configureInterface } from "./configure_interface.ts";
import { type DeclaredPlan, type DesiredInterfaces, keptFor, madeByOthers } from "./diff_declared.ts";
import { inContainer, partIn, type Place } from "./in_container.ts";

/** An end, what is there of its name, and where. */
export interface PairEnd {
  readonly wanted: WantedInterface;
  readonly has: ObservedInterface | undefined;
  /** Undefined: the host. */
  readonly place: Place | undefined;
}

/** Steps for both of them. */
export function diffPair(
  first: PairEnd,
  second: PairEnd,
  { spared }: Pick<DesiredInterfaces, "spared">,
): DeclaredPlan {
  for (const { wanted, has } of [first, second]) {
    const holder = spared.find((id) => isAliasOf(has?.alias ?? "", id));
    if (has?.isOurs === false) return { steps: [], waiting: [madeByOthers(wanted, has)] };
    if (holder !== undefined) return { steps: [], waiting: [keptFor(wanted, wanted.name, holder)] };
  }
  const isPair = isEndOf(first.has, second.has) && isEndOf(second.has, first.has);
  const made = isPair ? [] : [creation(first, second)];
  const configured = [first, second].flatMap(({ wanted, has, place }): readonly Step[] => {
    const steps = configureInterface(wanted, isPair ? has : undefined);
    const placed = place === undefined ? steps : inContainer({ steps, waiting: [] }, place).steps;
    return placed.map((step) => ({
      ...step,
      needs: [...step.needs, partIn(first.place, first.wanted.name)],
    }));
  });
  return { steps: [...made, ...configured], waiting: [] };
}

/** The kernel says of the other end its number in its own namespace. */
function isEndOf(has: ObservedInterface | undefined, other: ObservedInterface | undefined): boolean {
  return has?.kind === "veth" && other?.kind === "veth" && has.other === undefined &&
    has.otherIndex !== undefined && has.otherIndex === other.index;
}

function creation(first: PairEnd, second: PairEnd): Step {
  const [a, b] = [first, second].map(({ wanted: { name }, place }) => ({
    name,
    netns: place === undefined ? "" : ` netns ${place.path}`,
  })) as [Made, Made];
  const input = `link add dev ${a.name}${a.netns} group ${DECLARED_GROUP} ` +
    `type veth peer name ${b.name} group ${DECLARED_GROUP}${b.netns}\n`;
  return {
    part: partIn(first.place, a.name),
    stage: STAGE.link,
    needs: [],
    changes: [{
      op: first.has === undefined ? "+" : "~",
      kind: "interface",
      target: partIn(first.place, a.name).slice("declared ".length),
      text: `veth with ${partIn(second.place, b.name).slice("declared ".length)}`,
      reason: first.has === undefined && second.has === undefined ? "missing" : "its ends are no pair",
    }],
    actions: [
      ...removal(first),
      ...removal(second),
      { kind: "run", program: "ip", args: ["-batch"], input },
    ],
  };
}

interface Made {
  readonly name: string;
  readonly netns: string;
}

/** An end of another pair takes that one's other end along, which may be the one that is removed next. */
function removal({ has, place }: PairEnd): Action[] {
  if (has === undefined) return [];
  const args = ["-force", "-batch"];
  const input = `link del dev ${has.name}\n`;
  return place === undefined
    ? [{ kind: "run", program: "ip", args, input }]
    : [{ kind: "run", program: "nsenter", args: [`--net=${place.path}`, "--", "ip", ...args], input }];
}
