// What tests of transports have in common.

import assert from "node:assert/strict";
import { isWireGuard, isWithin, type Packet } from "../lab/frames.ts";
import type { Family, Manifest } from "../lab/manifest.ts";
import type { Pod } from "../lab/pod.ts";
import { policyObject, putFile, putPods, removeFile } from "../lab/policy_files.ts";
import { PATIENCE, until } from "../lab/until.ts";
import type { Mesh } from "./mesh.ts";

/** A Node that says what it takes: `ipv4=direct,ipv6=direct`. */
export function saying(manifest: Manifest, transport: string): Manifest {
  const { metadata } = manifest;
  const annotations = { ...metadata.annotations, "wigglenet/transport": transport };
  return { ...manifest, metadata: { ...metadata, annotations } };
}

/** Families in which a pod has an address. */
export function familiesOf(pod: Pod): Family[] {
  return ([4, 6] as const).filter((family) => pod.address(family) !== undefined);
}

/** Pings that fill packets of a pod come to another one, by its families, and longer ones do not. */
export async function passesFull(from: Pod, to: Pod, mtuBytes: number): Promise<void> {
  for (const family of familiesOf(to)) {
    const wait = `${2 * PATIENCE}`;
    const ping = (size: number) =>
      from.attempt(["ping", "-n", "-c", "1", "-W", wait, "-M", "do", "-s", `${size}`, to.address(family)!]);
    const full = mtuBytes - (family === 4 ? 28 : 48);
    const { code, stdout, stderr } = await ping(full);
    assert.equal(code, 0, `${to.name} IPv${family}: ${stdout}${stderr}`);
    assert.notEqual((await ping(full + 1)).code, 0);
  }
}

/** What pods' packets cross the network in; `v4` and `v6` are bare ones. */
export type Medium = "v4" | "v6" | "wireguard" | "vxlan" | "gre" | "esp";

/** What pods of all nodes, which reach each other, are seen to send in. */
export async function mediaOf(mesh: Mesh): Promise<Medium[]> {
  const capture = await mesh.lab.capture();
  await mesh.reachable();
  await mesh.lab.catchUp(capture);
  const media = (await capture.stop()).map((packet): Medium | undefined => {
    if (isWithin(packet, mesh.lab.podCIDRs)) return packet.source.includes(":") ? "v6" : "v4";
    if (isWireGuard(packet)) return "wireguard";
    if (packet.destinationPort === VXLAN_PORT) return "vxlan";
    return packet.protocol === 47 ? "gre" : packet.protocol === 50 ? "esp" : undefined;
  });
  return [...new Set(media.filter((medium) => medium !== undefined))].sort();
}

const VXLAN_PORT = 24_603;

/** Until all nodes give new pods this MTU: what an agent wants of it changes before it has written its CNI file. */
export async function givesMtu({ nodes }: Mesh, mtuBytes: number): Promise<void> {
  for (const node of nodes) {
    const read = () => node.run(["cat", node.pathOf(node.conflistPath)]);
    await until(`${node.name} to give new pods an MTU of ${mtuBytes}`, async () => {
      return (await read()).includes(`"mtu": ${mtuBytes},`);
    }, { deadlineMs: 60_000, seen: read });
  }
}

/** Pods of all nodes reach each other, by packets that are wrapped as it is said and none that is bare, full ones too. */
export async function crossesWrapped(
  mesh: Mesh,
  mtuBytes: number,
  isWrapped: (packet: Packet) => boolean,
): Promise<void> {
  const [from, ...others] = mesh.pods as [Pod, ...Pod[]];
  const capture = await mesh.lab.capture();
  await mesh.reachable();
  for (const to of others) await passesFull(from, to, mtuBytes);
  await mesh.lab.catchUp(capture);
  const packets = await capture.stop();
  assert.ok(packets.filter(isWrapped).length > 30);
  assert.equal(packets.filter((packet) => isWithin(packet, mesh.lab.podCIDRs)).length, 0);
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
  for (const family of familiesOf(pod1)) {
    await until("n2's pod to be kept out", async () => !await reaches(pod2, family));
    await until("n3's to reach it", () => reaches(pod3, family));
  }
  for (const kind of ["NetworkPolicy", "Namespace"]) {
    await removeFile(lab, kind, kind === "Namespace" ? "default" : "only-pod3");
  }
  for (const { name } of pods) await removeFile(lab, "Pod", name);
  await mesh.reachable();
}
