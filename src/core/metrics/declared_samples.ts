// What declared networks come to on this node -> samples.

import { keyIn } from "../declared/containers/container.ts";
import { KINDS } from "../declared/kinds/kinds.ts";
import type {
  DeclaredReport,
  InterfaceReport,
  ObjectReport,
  TroubleReason,
} from "../declared/status/report.ts";
import { isTenant } from "../declared/want/grants.ts";
import type { Sample } from "./metrics.ts";

/** What keeps an object back: the worst of it, as its condition has it. */
const REASONS: readonly (TroubleReason | "Done")[] = ["Done", "Rejected", "Failing", "Waiting", "Pending"];
const STATES: readonly InterfaceReport["state"][] = ["up", "down", "missing"];

/**
 * All of them; none where nothing is declared.
 * @param nowSeconds since 1970
 */
export function declaredSamples(report: DeclaredReport | undefined, nowSeconds: number): Sample[] {
  if (report === undefined) return [];
  const { objects, interfaces } = report;
  const kinds = KINDS.filter(({ status }) => status !== undefined).map(({ name }) => name);
  return [
    ...kinds.flatMap((kind) =>
      REASONS.map((reason): Sample => ({
        name: "wigglenet_declared_objects",
        labels: { kind, reason },
        value: objects.filter((it) => it.kind === kind && reasonOf(it) === reason).length,
      }))
    ),
    ...STATES.map((state): Sample => ({
      name: "wigglenet_declared_interfaces",
      labels: { state },
      value: interfaces.filter((it) => it.state === state).length,
    })),
    // Nobody's peers, which he may change all the time, are for others to keep, or to read.
    ...interfaces.filter(({ owner }) => !isTenant(owner)).flatMap((it) => handshakes(it, nowSeconds)),
  ];
}

function reasonOf({ troubles: [worst] }: ObjectReport): TroubleReason | "Done" {
  return worst?.reason ?? "Done";
}

/** Those of the future say nothing: a clock went back, and a link that is dead would look best of all. */
function handshakes({ name, container, peers }: InterfaceReport, nowSeconds: number): Sample[] {
  const known = peers.filter(({ handshakeSeconds: at }) => at > 0 && at <= nowSeconds);
  return known.map(({ node, handshakeSeconds }) => ({
    name: "wigglenet_declared_last_handshake_seconds",
    labels: { interface: keyIn(container, name), peer: node },
    value: nowSeconds - handshakeSeconds,
  }));
}
