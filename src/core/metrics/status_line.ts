// What systemd shows of the agent, in one line: `systemctl status` prints it behind "Status:".

import type { Waiting } from "../desired/desired_state.ts";
import { listed, reasonOf } from "./health.ts";
import type { Rejected } from "../nodes/node.ts";

/** What the line is made of. */
export interface AgentView {
  readonly isInSync: boolean;
  readonly peers: number;
  readonly failing: Readonly<Record<string, { readonly error: string }>>;
  /** Parts of the source that cannot be taken in. */
  readonly problems: readonly { readonly path: string; readonly reason: string }[];
  readonly waiting: readonly Waiting[];
  readonly rejected: readonly Rejected[];
}

/** One line of printable ASCII, what is worst first: of many reasons five are told. */
export function statusLine(view: AgentView): string {
  const { isInSync, peers, failing, problems, waiting, rejected } = view;
  const reasons = [
    ...Object.entries(failing).map(([part, { error }]) => `${part}: ${error}`),
    ...waiting.filter(({ isRemark }) => !isRemark).map((one) => `waiting for ${reasonOf(one)}`),
    ...problems.map(({ path, reason }) => `cannot take in ${path}: ${reason}`),
    ...rejected.map(({ node, claim, reason }) => `rejected: ${node}: ${claim}: ${reason}`),
    ...waiting.filter(({ isRemark }) => isRemark).map(reasonOf),
  ];
  const state = isInSync ? `in sync, ${peers} ${peers === 1 ? "peer" : "peers"}` : "not in sync";
  return listed([state, ...reasons]);
}
