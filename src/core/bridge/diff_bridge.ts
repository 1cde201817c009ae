// Steps for the bridge: its rules before it is there, it before its ports, all of it before the CNI file that names it.

import type { DesiredState, Waiting } from "../desired/desired_state.ts";
import type { ObservedState } from "../observed/observed_state.ts";
import { added, addressDifference, gone } from "../plan/diff_addresses.ts";
import { rulesReason } from "../plan/diff_fastpath.ts";
import { foreignInterface } from "../plan/diff_link.ts";
import { type Change, STAGE, type Step } from "../plan/plan.ts";
import type { DesiredBridge } from "./desire_bridge.ts";
import { BRIDGE_ADDRESS, PORT_GROUP } from "./names.ts";
import type { ObservedBridge } from "./observed_bridge.ts";
import { BRIDGE_TABLE, renderBridge } from "./render_bridge.ts";

const NOTHING: ObservedBridge = { link: undefined, table: undefined, reference: undefined };
const KIND = "bridge";

/** An interface of the bridge's name that is none. */
export function foreignBridge({ bridge }: DesiredState, observed: ObservedState): Waiting | undefined {
  const kind = observed.bridge?.link?.kind;
  if (!bridge?.isOn || kind === undefined || kind === KIND) return undefined;
  return foreignInterface(bridge.name, kind, KIND);
}

/** What separates the bridge from what is wanted of it. */
export function diffBridge({ bridge }: DesiredState, { bridge: observed = NOTHING }: ObservedState): Step[] {
  if (bridge === undefined) return [];
  if (!bridge.isOn) return removeBridge(bridge, observed);
  return [
    ...diffRules(bridge, observed),
    ...diffInterface(bridge, observed),
    ...diffAddresses(bridge, observed),
    ...diffPorts(bridge),
  ];
}

function diffRules({ name }: DesiredBridge, { table, reference }: ObservedBridge): Step[] {
  const reason = rulesReason(table, reference);
  if (reason === undefined) return [];
  const text = `pods on ${name} reach nobody but this node`;
  const change: Change = {
    op: table === undefined ? "+" : "~",
    kind: "table",
    target: BRIDGE_TABLE,
    text,
    reason,
  };
  return [{
    part: "bridge",
    stage: STAGE.table,
    needs: [],
    changes: [change],
    actions: [{ kind: "run", program: "nft", args: ["-f"], input: renderBridge(name) }],
  }];
}

/** The kernel takes the least MTU of the ports while nobody sets one: more would be lost on the way to that one. */
function diffInterface({ name }: DesiredBridge, { link }: ObservedBridge): Step[] {
  const isSame = link?.hardwareAddress === BRIDGE_ADDRESS;
  if (link !== undefined && isSame && link.isUp) return [];
  const reason = link === undefined
    ? "missing"
    : `it is ${link.isUp ? "up" : "down"} with the address ${link.hardwareAddress}`;
  const change: Change = {
    op: link === undefined ? "+" : "~",
    kind: "interface",
    target: name,
    text: `${KIND} ${BRIDGE_ADDRESS}, up`,
    reason,
  };
  const creation = `link add dev ${name} address ${BRIDGE_ADDRESS} type ${KIND} mcast_snooping 0\n`;
  const lines = [
    ...link === undefined ? [creation] : [],
    `link set dev ${name} address ${BRIDGE_ADDRESS} up\n`,
  ];
  return [ipStep(STAGE.link, [change], lines)];
}

function diffAddresses({ name, addresses }: DesiredBridge, { link }: ObservedBridge): Step[] {
  const { missing, surplus } = addressDifference({ wanted: addresses, found: link?.addresses });
  if (missing.length + surplus.length === 0) return [];
  return [ipStep(STAGE.up, [
    ...missing.map((text) => added({ name, text })),
    ...surplus.map((text) => gone({ name, text })),
  ], [
    // Nobody else has it: pods that start at once need not wait for the kernel to find that out.
    ...missing.map((text) => `address replace ${text} dev ${name}${text.includes(":") ? " nodad" : ""}\n`),
    ...surplus.map((text) => `address del ${text} dev ${name}\n`),
  ])];
}

/** As the facts show them: what became of it is seen with the next ones. */
function diffPorts({ name, strays, strangers }: DesiredBridge): Step[] {
  if (strays.length + strangers.length === 0) return [];
  const change = (target: string, text: string, reason: string): Change => ({
    ...{ op: "~", target, text, reason },
    kind: "interface",
  });
  return [{
    ...ipStep(STAGE.up, [
      ...strays.map((port) => change(port, `port of ${name}`, "it hangs on nothing")),
      ...strangers.map((port) => change(port, `group ${PORT_GROUP}`, `it is a port of ${name}`)),
    ], [
      ...strays.flatMap((port) => [
        `link set dev ${port} master ${name}\n`,
        `link set dev ${port} type bridge_slave hairpin on\n`,
      ]),
      ...strangers.map((port) => `link set dev ${port} group ${PORT_GROUP}\n`),
    ]),
    part: "ports",
    confirms: {},
  }];
}

/** Nothing hangs there. The rules first: who is killed between finds the bridge, and goes on. */
function removeBridge({ name }: DesiredBridge, { link, table }: ObservedBridge): Step[] {
  const isOurs = link?.kind === KIND;
  const change = (kind: Change["kind"], target: string, text: string): Change => ({
    ...{ op: "-", kind, target, text },
    reason: "no pod hangs on a bridge",
  });
  const changes = [
    ...table === undefined ? [] : [change("table", BRIDGE_TABLE, "")],
    ...isOurs ? [change("interface", name, KIND)] : [],
  ];
  if (changes.length === 0) return [];
  return [{
    part: "bridge",
    stage: STAGE.linkDeletion,
    needs: [],
    changes,
    actions: [
      ...table === undefined
        ? []
        : [{ kind: "run", program: "nft", args: ["delete", "table", ...BRIDGE_TABLE.split(" ")] } as const],
      ...isOurs ? [{ kind: "run", program: "ip", args: ["link", "del", "dev", name] } as const] : [],
    ],
  }];
}

function ipStep(stage: number, changes: readonly Change[], lines: readonly string[]): Step {
  const input = lines.join("");
  return {
    part: "bridge",
    stage,
    needs: ["bridge"],
    changes,
    actions: [{ kind: "run", program: "ip", args: ["-batch"], input }],
  };
}
