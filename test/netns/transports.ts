// What tests of transports have in common.

import type { Family, Manifest } from "../lab/manifest.ts";
import type { Pod } from "../lab/pod.ts";
import { policyObject, putFile, putPods, removeFile } from "../lab/policy_files.ts";
import { until } from "../lab/until.ts";
import type { Mesh } from "./mesh.ts";

/** A Node that says what it takes: `ipv4=direct,ipv6=direct`. */
export function saying(manifest: Manifest, transport: string): Manifest {
  const { metadata } = manifest;
  const annotations = { ...metadata.annotations, "wigglenet/transport": transport };
  return { ...manifest, metadata: { ...metadata, annotations } };
}

/** A NetworkPolicy lets the third pod reach the first, and nobody else: so it is, and behind it all do again. */
export async function policyDecides(mesh: Mesh): Promise<void> {
  const { lab, pods } = mesh;
  const [pod1, pod2, pod3] = pods as [Pod, Pod, Pod];
  await putPods(lab, pods);
  const from = [{ podSelector: { matchLabels: { app: pod3.name } } }];
  await putFile(lab, policyObject("only-pod3", pod1.name, { policyTypes: ["Ingress"], ingress: [{ from }] }));
  const reaches = async (from: Pod, family: Family) =>
    (await from.ping(pod1.address(family)!, { timeoutMs: 300 })).received === 1;
  for (const family of [4, 6] as const) {
    await until("n2's pod to be kept out", async () => !await reaches(pod2, family));
    await until("n3's to reach it", () => reaches(pod3, family));
  }
  for (const kind of ["NetworkPolicy", "Namespace"]) {
    await removeFile(lab, kind, kind === "Namespace" ? "default" : "only-pod3");
  }
  for (const { name } of pods) await removeFile(lab, "Pod", name);
  await mesh.reachable();
}
