// PodNetlinkInterface: a NetlinkInterface that lives in a pod of its own namespace; of a pair both ends do.

import type { Read } from "../schema/schema.ts";
import { defaulted, optional, required, struct } from "../schema/struct.ts";
import { INTERFACE_NAME, OBJECT_NAME } from "../schema/texts.ts";
import type { Kind } from "./kind.ts";
import { NETLINK_ADDRESSES, NETLINK_FIELDS, NETLINK_RULES, type NetlinkSpec } from "./netlink_interface.ts";
import { podContainer } from "./pod_wireguard_interface.ts";
import { STATUS } from "./status.ts";

const VETH = struct({
  local: optional(
    struct({
      interfaceName: optional(INTERFACE_NAME, "Its name, in place of spec.interfaceName."),
      addresses: optional(NETLINK_ADDRESSES, "Its addresses, in place of spec.addresses."),
      pod: optional(OBJECT_NAME, "Name of the pod that it lives in, in place of spec.pod."),
    }),
    "What this end has of its own.",
  ),
  peer: required(
    struct({
      interfaceName: required(INTERFACE_NAME, "Its name."),
      addresses: defaulted(NETLINK_ADDRESSES, [], "Its addresses."),
      pod: optional(OBJECT_NAME, "Name of the pod that it lives in. Missing: spec.pod."),
    }),
    "The other end.",
  ),
});

const SPEC = struct({
  ...NETLINK_FIELDS,
  pod: required(OBJECT_NAME, "Name of the pod that it lives in: of this namespace, on that Node."),
  veth: optional(VETH, "What the two ends of a pair have."),
}, NETLINK_RULES);

/** What is asked of one interface in a pod, or of a pair. */
export type PodNetlinkSpec = Read<typeof SPEC>;

/** The kind. */
export const POD_NETLINK_INTERFACE: Kind<"PodNetlinkInterface", PodNetlinkSpec> = {
  name: "PodNetlinkInterface",
  plural: "podnetlinkinterfaces",
  isNamespaced: true,
  shortNames: ["pnli"],
  description:
    "An interface of a pod of this namespace: a dummy, a bridge, a VXLAN, or a pair of veths between two of them.",
  spec: SPEC,
  status: STATUS,
  columns: [
    { name: "Pod", type: "string", jsonPath: ".spec.pod" },
    { name: "Interface", type: "string", jsonPath: ".spec.interfaceName" },
    { name: "Type", type: "string", jsonPath: ".spec.type" },
  ],
  selectable: [".spec.node"],
};

/** The same as an administrator would write it: an end without a container would be the node's. */
export function netlinkInPod({ pod, veth, ...spec }: PodNetlinkSpec, namespace: string): NetlinkSpec {
  const at = (other: string | undefined) => podContainer(namespace, other ?? pod);
  return {
    ...spec,
    container: at(undefined),
    veth: veth && {
      local: {
        interfaceName: veth.local?.interfaceName,
        addresses: veth.local?.addresses,
        container: at(veth.local?.pod),
      },
      peer: {
        interfaceName: veth.peer.interfaceName,
        addresses: veth.peer.addresses,
        container: at(veth.peer.pod),
      },
    },
  };
}
