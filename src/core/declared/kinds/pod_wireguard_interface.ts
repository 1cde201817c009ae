// PodWireGuardInterface: a WireGuardInterface that lives in a pod of its own namespace, for who may write in that namespace alone.
// There is no way to name another place: what says none cannot be misread (docs/decisions/0065).

import { list, type Read } from "../schema/schema.ts";
import { OWN_SECRET_REFERENCE, PORT } from "../schema/parts.ts";
import { defaulted, optional, required, struct } from "../schema/struct.ts";
import { OBJECT_NAME } from "../schema/texts.ts";
import type { Kind } from "./kind.ts";
import { KEYED_STATUS } from "./status.ts";
import { MOST_PEERS, PEER_FIELDS, WIREGUARD_FIELDS, type WireguardSpec } from "./wireguard_interface.ts";

const PEER = struct({
  ...PEER_FIELDS,
  presharedKeySecretRef: optional(OWN_SECRET_REFERENCE, "A Secret with a key that both ends share."),
});

const SPEC = struct({
  ...WIREGUARD_FIELDS,
  pod: required(OBJECT_NAME, "Name of the pod that it lives in: of this namespace, on that Node."),
  listenPort: required(PORT, "UDP port that it listens on, at the node's addresses."),
  privateKeySecretRef: optional(
    OWN_SECRET_REFERENCE,
    "A Secret with its private key. Missing: the agent makes one and keeps it on the node.",
  ),
  peers: defaulted(list(PEER, { most: MOST_PEERS, unique: "publicKey" }), [], "Its peers."),
});

/** What is asked of one interface in a pod. */
export type PodWireguardSpec = Read<typeof SPEC>;

/** The kind. */
export const POD_WIREGUARD_INTERFACE: Kind<"PodWireGuardInterface", PodWireguardSpec> = {
  name: "PodWireGuardInterface",
  plural: "podwireguardinterfaces",
  isNamespaced: true,
  shortNames: ["pwgi"],
  description: "A WireGuard interface of a pod of this namespace, with its addresses and peers.",
  spec: SPEC,
  status: KEYED_STATUS,
  columns: [
    { name: "Pod", type: "string", jsonPath: ".spec.pod" },
    { name: "Interface", type: "string", jsonPath: ".spec.interfaceName" },
    { name: "Port", type: "integer", jsonPath: ".spec.listenPort" },
  ],
  selectable: [".spec.node"],
};

/** The same as an administrator would write it. */
export function wireguardInPod(
  { pod, privateKeySecretRef, peers, ...spec }: PodWireguardSpec,
  namespace: string,
): WireguardSpec {
  return {
    ...spec,
    privateKeySecretRef: privateKeySecretRef && { ...privateKeySecretRef, namespace },
    peers: peers.map(({ presharedKeySecretRef, ...peer }) => ({
      ...peer,
      presharedKeySecretRef: presharedKeySecretRef && { ...presharedKeySecretRef, namespace },
    })),
    container: podContainer(namespace, pod),
    moveToContainer: true,
  };
}

/** A pod as an object of cluster scope names it. */
export function podContainer(namespace: string, name: string): NonNullable<WireguardSpec["container"]> {
  return { pod: { namespace, name }, docker: undefined, podman: undefined, netns: undefined };
}
