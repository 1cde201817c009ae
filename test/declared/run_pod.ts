// Pods as their runtimes leave them on a node of the laboratory, for agents that put interfaces into them.

import type { Node } from "../lab/node.ts";

const RESULTS = "/var/lib/cni/results";

/** Before the first of a node. */
export async function makeResults(node: Node): Promise<void> {
  await node.run(["mkdir", "-p", RESULTS]);
  await node.run(["mount", "-t", "tmpfs", "results", RESULTS]);
}

/** A network namespace, and what libcni says of it; the namespace's name. */
export async function runPod(node: Node, namespace: string, name: string): Promise<string> {
  const netns = `cni-${namespace}-${name}`;
  await node.run(["ip", "netns", "add", netns]);
  const result = {
    kind: "cniCacheV1",
    cniArgs: [["K8S_POD_NAMESPACE", namespace], ["K8S_POD_NAME", name]],
    result: { interfaces: [{ name: "eth0", sandbox: `/var/run/netns/${netns}` }] },
  };
  await node.run(["tee", `${RESULTS}/wigglenet-${netns}-eth0`], { stdin: JSON.stringify(result) });
  return netns;
}
