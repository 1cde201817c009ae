// Ids of machines: what /etc/machine-id and the firmware say of a node, and what its kubelet reports of it.

import type { Manifest, NodeInfo } from "./manifest.ts";
import type { Node } from "./node.ts";

/** Ids of the i-th machine, as a Node reports them. */
export function idsOf(i: number): Required<NodeInfo> {
  const digits = i.toString(16).padStart(12, "0");
  return {
    machineID: `3d1219c7c4c5404aaa1f${digits}`,
    systemUUID: `4c4c4544-0052-3410-8058-${digits}`,
  };
}

/** The same Node with what its kubelet reports. */
export function reported(manifest: Manifest, nodeInfo: NodeInfo): Manifest {
  return { ...manifest, status: { ...manifest.status, nodeInfo } };
}

/** Gives a node these ids and no others: an empty machine-id, as that of an image, and firmware that says nothing. */
export async function giveIds(node: Node, { machineID = "", systemUUID }: NodeInfo): Promise<void> {
  const path = `${node.folder}/machine-id`;
  await Deno.writeTextFile(path, `${machineID}\n`);
  const id = "/sys/class/dmi/id";
  const firmware = systemUUID === undefined
    ? ""
    : `mkdir -p ${id} && echo ${systemUUID.toUpperCase()} > ${id}/product_uuid`;
  const script = `set -e
    mount --bind ${path} /etc/machine-id
    if [ -e /var/lib/dbus/machine-id ]; then mount --bind ${path} /var/lib/dbus/machine-id; fi
    mount -t tmpfs tmpfs /sys/class
    ${firmware}`;
  await node.run(["sh", "-c", script]);
}
