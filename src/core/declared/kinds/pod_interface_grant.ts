// PodInterfaceGrant: what the objects of each namespace may say. One object of cluster scope, so that no role of a namespace, however
// wide, reaches it; the admission policies of deploy/kubernetes/declared-tenants go by it as agents do.

import { integer, list, type Read } from "../schema/schema.ts";
import { PORT_RANGE } from "../schema/parts.ts";
import { defaulted, required, struct } from "../schema/struct.ts";
import { INTERFACE_PREFIX, NETWORK, OBJECT_NAME } from "../schema/texts.ts";
import type { Kind } from "./kind.ts";

/** The name of the one object: an admission policy's parameter is asked for by name. */
export const GRANT_NAME = "wigglenet";

const NAMESPACE = struct({
  namespace: required(OBJECT_NAME, "Name of the namespace."),
  interfaceNames: required(
    list(INTERFACE_PREFIX, { most: 8, least: 1, unique: "self" }),
    "Names of its interfaces, and of the members of its bridges, begin with one of these.",
  ),
  ports: defaulted(
    list(PORT_RANGE, { most: 8 }),
    [],
    "UDP ports of the nodes that its WireGuard interfaces may listen on. None: it may have no such interfaces.",
  ),
  interfaces: defaulted(
    integer(1, 256),
    16,
    "How many interfaces it may have on one node, those of older objects first. How many objects: a ResourceQuota says it.",
  ),
  prefixes: defaulted(
    list(NETWORK, { most: 16 }),
    [],
    "Networks that hold all of its addresses, and all allowedIPs. None: its interfaces have no addresses.",
  ),
  endpoints: defaulted(
    list(NETWORK, { most: 16 }),
    [],
    "Networks that hold all of its peers' endpoints, which are packets of the node then. None: peers must speak first.",
  ),
});

const SPEC = struct({
  namespaces: required(
    list(NAMESPACE, { most: 500, unique: "namespace" }),
    "What each namespace may do. One that is not here may make nothing.",
  ),
});

/** All grants. */
export type GrantSpec = Read<typeof SPEC>;
/** What one namespace may do. */
export type NamespaceGrant = GrantSpec["namespaces"][number];

/** The kind. */
export const POD_INTERFACE_GRANT: Kind<"PodInterfaceGrant", GrantSpec> = {
  name: "PodInterfaceGrant",
  plural: "podinterfacegrants",
  shortNames: ["pig"],
  description:
    `What PodWireGuardInterfaces and PodNetlinkInterfaces of each namespace may say. Only the one named ${GRANT_NAME} counts.`,
  spec: SPEC,
  status: undefined,
  columns: [{ name: "Namespaces", type: "string", jsonPath: ".spec.namespaces[*].namespace" }],
  selectable: [],
};
