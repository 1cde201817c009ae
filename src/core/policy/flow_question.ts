// What somebody asks of a flow, `default/web` to `default/db:5432/tcp`, and the answer in words.

import { type Address, parseAddress } from "../net/address.ts";
import { quote, Refusal, refused } from "../net/refusal.ts";
import type { ObservedPolicy } from "../observed/parse_policy.ts";
import { BETWEEN } from "../observed/parse_policy.ts";
import { keyOf } from "./policy_objects.ts";
import type { Explanation, Reason } from "./explain_flow.ts";
import type { Flow } from "./judge_flow.ts";

/** A pod, or an address. */
export type FlowEnd = { readonly namespace: string; readonly name: string } | Address;

/** Where to: the far end and its port; without one anything that has no ports, as ICMP. */
export interface FlowTarget extends Pick<Flow, "protocol" | "port"> {
  readonly end: FlowEnd;
}

const POD = /^([a-z0-9][-a-z0-9]*)\/([a-z0-9][-.a-z0-9]*)$/;
const PORT = /^(.*):(\d{1,5})(?:\/(tcp|udp|sctp))?$/;

/** Reads `namespace/pod` or an address. */
export function parseFlowEnd(text: string): FlowEnd | Refusal {
  const pod = POD.exec(text);
  if (pod !== null) return { namespace: pod[1]!, name: pod[2]! };
  const address = parseAddress(text.replace(/^\[(.*)\]$/, "$1"));
  if (!refused(address)) return address;
  return new Refusal(`${quote(text)} is neither namespace/pod nor an address`);
}

/** Reads `namespace/pod:80/tcp`, `10.0.0.1:53/udp`, `[fd00::1]:80`; without a port what has none is meant. */
export function parseFlowTarget(text: string): FlowTarget | Refusal {
  const [, before, port, protocol = "tcp"] = /^[^[]*:[^\]]*:/.test(text) ? [] : PORT.exec(text) ?? [];
  const end = parseFlowEnd(before ?? text);
  if (refused(end)) return end;
  if (port === undefined) return { end, protocol: "other", port: 0 };
  const number = Number(port);
  if (number > 65535) return new Refusal(`${quote(text)}: there is no port ${port}`);
  return { end, protocol: protocol as Flow["protocol"], port: number };
}

/** What a flow is called: `10.1.0.1 -> 10.1.1.1 tcp/80`. */
export function flowText({ source, destination, protocol, port }: Flow): string {
  const what = protocol === "other" ? "without ports (ICMP and the like)" : `${protocol}/${port}`;
  return `${source.text} -> ${destination.text} ${what}`;
}

/** The answer, a line for the whole and one for each end that is a pod of this node. */
export function explanationLines(flow: Flow, { verdict, reasons }: Explanation): string[] {
  const lines = reasons.map((reason) =>
    `  ${reason.direction} of ${whoIs(flow, reason)}: ${reasonText(reason)}`
  );
  const missing = reasons.length === 0 ? ["  neither end is a pod of this node: ask on theirs"] : [];
  return [`${flowText(flow)}: ${VERDICTS[verdict]}`, ...lines, ...missing];
}

const VERDICTS = {
  accept: "passes",
  pass: "passes",
  drop: "is dropped",
  audit: "passes, and is counted: its policies are in audit",
} as const;

function whoIs({ source, destination }: Flow, { direction, pod }: Reason): string {
  const address = direction === "egress" ? source : destination;
  return pod === undefined ? address.text : `${pod} (${address.text})`;
}

function reasonText({ verdict, pod, isolating, allowing, set, content }: Reason): string {
  if (pod === undefined) return "dropped: no known pod has this address (POLICY_UNKNOWN_PODS)";
  if (isolating.length === 0) return "passes: no policy isolates it";
  const by = `isolated by ${isolating.join(", ")}`;
  const where = content === undefined ? "" : `; ${content}`;
  if (verdict !== "accept") {
    return `${verdict === "audit" ? "audited" : "dropped"}: ${by}, and no rule allows it${where}`;
  }
  return `passes: ${by}; allowed by ${allowing.join(", ")}${
    set === undefined ? "" : `, found in ${set}`
  }${where}`;
}

/** What of the kernel's elements is not what the answer says: empty, it agrees. */
export function disagreements(flow: Flow, reasons: readonly Reason[], kernel: ObservedPolicy): string[] {
  return reasons.flatMap(({ direction, content, set }) => {
    const [local, far] = direction === "egress"
      ? [flow.source, flow.destination]
      : [flow.destination, flow.source];
    const map = `policy-${direction}-v${local.family}`;
    const bound = membersOf(kernel, map).find((member) => keyOf(member) === local.text)?.split(" : goto ")[1];
    const wrong = bound === content ? [] : [
      `${map} leads ${local.text} to ${bound ?? "nothing"}, not to ${content ?? "nothing"}`,
    ];
    const member = set?.startsWith("n") ? `${far.text} . ${flow.protocol} . ${flow.port}` : far.text;
    const isIn = set === undefined || membersOf(kernel, set).includes(member);
    return isIn ? wrong : [...wrong, `${member} is not in ${set}`];
  });
}

function membersOf(kernel: ObservedPolicy, name: string): readonly string[] {
  return kernel.sets.get(name)?.members.split(BETWEEN) ?? [];
}
