// Of Pods, Namespaces and NetworkPolicies what their parsers read, and nothing else: a Pod of 10 KB of volumes and conditions
// comes down to some 300 bytes, and an event that changes none of it is known before anything is parsed.

import { type Fields, fieldsOf } from "../kubernetes/fields.ts";

/** `"true"`: what the policy would drop is counted and logged, and passes. */
const AUDIT = "wigglenet/audit";

/** The same Pod with only what is read of it. Any JSON value will do. */
export function pickPod(json: unknown): Fields {
  const { metadata, spec, status } = fieldsOf(json);
  const { name, namespace, uid, labels, deletionTimestamp, creationTimestamp } = fieldsOf(metadata);
  const { nodeName, hostNetwork, containers, initContainers } = fieldsOf(spec);
  const { phase, podIP, podIPs, startTime } = fieldsOf(status);
  return {
    metadata: { name, namespace, uid, labels, deletionTimestamp, creationTimestamp },
    spec: {
      nodeName,
      hostNetwork,
      containers: containersIn(containers),
      initContainers: containersIn(initContainers),
    },
    status: { phase, podIP, podIPs, startTime },
  };
}

/** What is no list stays as it is: the parser says so. */
function containersIn(list: unknown): unknown {
  if (!Array.isArray(list)) return list;
  const picked = list.map((container) => {
    const { ports, restartPolicy } = fieldsOf(container);
    return { restartPolicy, ports: Array.isArray(ports) ? ports.map(portIn) : ports };
  });
  // A container without ports says nothing.
  return picked.filter(({ ports }) => ports !== undefined);
}

function portIn(port: unknown): unknown {
  const { name, containerPort, protocol } = fieldsOf(port);
  return { name, containerPort, protocol };
}

/** The same Namespace with only what is read of it. */
export function pickNamespace(json: unknown): Fields {
  const { name, labels, annotations } = fieldsOf(fieldsOf(json).metadata);
  return { metadata: { name, labels, annotations: auditIn(annotations) } };
}

/** The same NetworkPolicy with only what is read of it: its whole spec, for a field that nobody knows closes. */
export function pickNetworkPolicy(json: unknown): Fields {
  const { metadata, spec } = fieldsOf(json);
  const { name, namespace, uid, annotations } = fieldsOf(metadata);
  return { metadata: { name, namespace, uid, annotations: auditIn(annotations) }, spec };
}

function auditIn(annotations: unknown): unknown {
  const all = fieldsOf(annotations);
  return Object.hasOwn(all, AUDIT) ? { [AUDIT]: all[AUDIT] } : undefined;
}
