// Pods and Namespaces from protocol buffers, in the shape that they have in JSON, and of each only what policies are about.
// The numbers are those of generated.proto of k8s.io/api/core/v1.

import type { Message } from "./protobuf.ts";
import { type Fields, readMetadata, readTime } from "./protobuf_metadata.ts";

/** Namespace. */
export function readNamespace(namespace: Message): Fields {
  const fields: Fields = {};
  while (namespace.next()) if (namespace.field === 1) fields.metadata = readMetadata(namespace.message());
  return fields;
}

/** Pod. */
export function readPod(pod: Message): Fields {
  const fields: Fields = {};
  while (pod.next()) {
    if (pod.field === 1) fields.metadata = readMetadata(pod.message());
    else if (pod.field === 2) fields.spec = readSpec(pod.message());
    else if (pod.field === 3) fields.status = readStatus(pod.message());
  }
  return fields;
}

function readSpec(spec: Message): Fields {
  const fields: Fields = {};
  const containers: Fields[] = [];
  const initContainers: Fields[] = [];
  while (spec.next()) {
    if (spec.field === 2) containers.push(readContainer(spec.message()));
    else if (spec.field === 10) fields.nodeName = spec.text() || undefined;
    else if (spec.field === 11) fields.hostNetwork = spec.number() !== 0 || undefined;
    else if (spec.field === 20) initContainers.push(readContainer(spec.message()));
  }
  if (containers.length > 0) fields.containers = containers;
  if (initContainers.length > 0) fields.initContainers = initContainers;
  return fields;
}

function readContainer(container: Message): Fields {
  const fields: Fields = {};
  const ports: Fields[] = [];
  while (container.next()) {
    if (container.field === 6) ports.push(readPort(container.message()));
    else if (container.field === 24) fields.restartPolicy = container.text() || undefined;
  }
  if (ports.length > 0) fields.ports = ports;
  return fields;
}

function readPort(port: Message): Fields {
  const fields: Fields = {};
  while (port.next()) {
    if (port.field === 1) fields.name = port.text() || undefined;
    else if (port.field === 3) fields.containerPort = port.number();
    else if (port.field === 4) fields.protocol = port.text() || undefined;
  }
  return fields;
}

function readStatus(status: Message): Fields {
  const fields: Fields = {};
  const podIPs: Fields[] = [];
  while (status.next()) {
    if (status.field === 1) fields.phase = status.text() || undefined;
    else if (status.field === 6) fields.podIP = status.text() || undefined;
    else if (status.field === 7) fields.startTime = readTime(status.message());
    else if (status.field === 12) podIPs.push(readIp(status.message()));
  }
  if (podIPs.length > 0) fields.podIPs = podIPs;
  return fields;
}

function readIp(podIp: Message): Fields {
  const fields: Fields = {};
  while (podIp.next()) if (podIp.field === 1) fields.ip = podIp.text() || undefined;
  return fields;
}
