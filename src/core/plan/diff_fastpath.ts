// The flowtable's own table, in a transaction of its own: a kernel without flowtables, or a device that has just gone,
// costs nothing else. It is always replaced as a whole: flows go the long way for one packet, and none is lost.

import type { DesiredState } from "../desired/desired_state.ts";
import type { ObservedState } from "../observed/observed_state.ts";
import { FASTPATH, renderFastpath } from "../render/render_table.ts";
import { type Change, STAGE, type Step } from "./plan.ts";

/** Steps for the flowtable: behind the tunnel, which may be one of its devices. */
export function diffFastpath(
  { fastpath, link }: DesiredState,
  { fastpath: observed, fastpathReference }: ObservedState,
): Step[] {
  const change = (op: Change["op"], text: string, reason: string): Change => ({
    ...{ op, text, reason },
    kind: "table",
    target: `inet ${FASTPATH}`,
  });
  if (fastpath === undefined) {
    if (observed === undefined) return [];
    return [step([change("-", "flowtable", "not wanted")], `delete table inet ${FASTPATH}\n`)];
  }
  const isBound = observed?.devices.size === fastpath.devices.length &&
    fastpath.devices.every((name) => observed.devices.has(name));
  const reason = rulesReason(observed, fastpathReference) ??
    (isBound ? undefined : `it is on ${[...observed!.devices].sort().join(", ") || "nothing"}`);
  if (reason === undefined) return [];
  const text = `flowtable on ${fastpath.devices.join(", ")} after ${fastpath.packets} packets`;
  const op = observed === undefined ? "+" : "~";
  return [{
    ...step([change(op, text, reason)], renderFastpath(fastpath)),
    needs: link !== undefined && fastpath.devices.includes(link.name) ? ["table", "link"] : ["table"],
  }];
}

/** Why a table that is always replaced as a whole is to be; undefined: it stands as it should. */
export function rulesReason(
  observed: { readonly hasFlags: boolean; readonly structure: string } | undefined,
  reference: string | undefined,
): string | undefined {
  if (observed === undefined) return "missing";
  if (observed.hasFlags) return "it is dormant";
  return observed.structure === reference ? undefined : "its rules differ";
}

function step(changes: readonly Change[], input: string): Step {
  return {
    part: "fastpath",
    stage: STAGE.fastpath,
    needs: [],
    changes,
    actions: [{ kind: "run", program: "nft", args: ["-f"], input }],
  };
}
