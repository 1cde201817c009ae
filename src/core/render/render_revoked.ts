// Flows that were revoked -> members of `policy-revoked-*`, which new packets that begin no flow are compared with.

import type { EstablishedFlow } from "../policy/established_flow.ts";
import { familyOfText } from "../policy/policy_objects.ts";
import { fixedObjects } from "./policy_templates.ts";
import { renderPolicyDelta, type SetDelta } from "./render_policy.ts";

/** One transaction; empty when none of them could come back: UDP has no beginning that could be told from the rest. */
export function renderRevoked(flows: readonly EstablishedFlow[], timeout: string): string {
  const sets = ([4, 6] as const).flatMap((family): SetDelta[] => {
    const name = `policy-revoked-v${family}`;
    const added = flows.filter(({ protocol, source }) =>
      protocol === "tcp" && familyOfText(source) === family
    )
      .flatMap(bothWays).map((member) => `${member} timeout ${timeout}`);
    const kind = fixedObjects("open", { isLogged: false }).sets.get(name)!;
    return added.length === 0 ? [] : [{ ...kind, name, isFlushed: false, added, deleted: [] }];
  });
  return sets.length === 0 ? "" : renderPolicyDelta({ sets, chains: new Map(), flushed: [], counters: [] });
}

function bothWays({ source, destination, sourcePort, port }: EstablishedFlow): string[] {
  return [
    `${source} . ${destination} . ${sourcePort} . ${port}`,
    `${destination} . ${source} . ${port} . ${sourcePort}`,
  ];
}
