// The CNI configuration: a file of ours in /run, and a link to it where kubelet's runtime looks.

import type { DesiredState } from "../desired/desired_state.ts";
import type { ObservedState } from "../observed/observed_state.ts";
import { renderCni } from "../render/render_network.ts";
import { STAGE, type Step } from "./plan.ts";

/**
 * The file itself stands in /run, and the CNI folder holds a link to it: a booted node has no pod network before
 * the agent has run (docs/decisions/0004).
 */
export function diffCni({ cni, cniPath }: DesiredState, { cni: observed }: ObservedState): Step[] {
  const path = cniTarget(cniPath);
  if (cni === undefined) return observed.linkTarget === path ? [removeCni(cniPath)] : [];
  const text = renderCni(cni);
  const reason = observed.text === undefined
    ? "missing"
    : observed.text !== text
    ? "its content differs"
    : observed.linkTarget !== path
    ? "it is no link into /run"
    : undefined;
  if (reason === undefined) return [];
  const op = observed.text === undefined ? "+" : "~";
  return [{
    part: "cni",
    stage: STAGE.cni,
    needs: cni.bridge === undefined ? ["table"] : ["table", "bridge"],
    changes: [{
      op,
      kind: "cni",
      target: cniPath,
      text: `${cni.podCidrs.join(", ")}, mtu ${cni.mtuBytes ?? "unknown"}${
        cni.bridge ? `, on ${cni.bridge}` : ""
      }`,
      reason,
    }],
    actions: [{ kind: "writeFile", path, text, linkFrom: cniPath }],
  }];
}

/** First of all, so that no pod is attached to what is taken down. A file that is no link of ours is somebody else's. */
function removeCni(path: string): Step {
  const reason = "the node has no pod network of ours";
  return {
    part: "cni",
    stage: STAGE.table,
    needs: [],
    changes: [{ op: "-", kind: "cni", target: path, text: "", reason }],
    actions: [{ kind: "removeFiles", paths: [path, cniTarget(path)] }],
  };
}

/** Where the CNI path links to: named after it, so that two paths never share a file. */
export function cniTarget(path: string): string {
  return `/run/wigglenet/cni${path.replaceAll("/", "-")}`;
}
