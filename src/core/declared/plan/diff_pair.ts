// A pair of veths whose ends live in two network namespaces: both are made by one message, each in its place.

import { keyIn } from "../containers/container.ts";
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

/** Asked for where one of them lives: kernels before 6.15 look its name up among those of who asks. */
function creation(first: PairEnd, second: PairEnd): Step {
  const isHosts = second.place === undefined;
  const [maker, other] = isHosts ? [second, first] : [first, second];
  const input = `link add dev ${maker.wanted.name} group ${DECLARED_GROUP} ` +
    `type veth peer name ${other.wanted.name} group ${DECLARED_GROUP} netns ${other.place!.path}\n`;
  const nameOf = ({ place, wanted }: PairEnd) => keyIn(place?.id, wanted.name);
  return {
    part: partIn(first.place, first.wanted.name),
    stage: STAGE.link,
    needs: [],
    changes: [{
      op: first.has === undefined ? "+" : "~",
      kind: "interface",
      target: nameOf(first),
      text: `veth with ${nameOf(second)}`,
      reason: first.has === undefined && second.has === undefined ? "missing" : "its ends are no pair",
    }],
    actions: [...removal(first), ...removal(second), batchIn(maker.place, input)],
  };
}

function batchIn(place: Place | undefined, input: string): Extract<Action, { kind: "run" }> {
  return place === undefined
    ? { kind: "run", program: "ip", args: ["-batch"], input }
    : { kind: "run", program: "nsenter", args: [`--net=${place.path}`, "--", "ip", "-batch"], input };
}

/** An end of another pair takes that one's other end along, which may be the one that is removed next. */
function removal({ has, place }: PairEnd): Action[] {
  return has === undefined ? [] : [{ ...batchIn(place, `link del dev ${has.name}\n`), mayBeGone: true }];
}
