// Untrusted Pod JSON -> Pod and what was refused of it. Never throws. What cannot be read makes nobody a peer and leaves
// the pod's address closed.

import { fieldsOf } from "../kubernetes/fields.ts";
import { type Address, parseAddress } from "../net/address.ts";
import { ownText } from "../net/own_text.ts";
import { quote, refused } from "../net/refusal.ts";
import { unusableAddress } from "../net/scope.ts";
import { parseTimestamp } from "../nodes/parse_node.ts";
import { listOf, ObjectReader, parseLabels, readerOf } from "./object_reader.ts";
import type { NamedPort, Parsed, Pod } from "./objects.ts";
import { parsePortName, parsePortNumber, parseProtocol } from "./parse_port.ts";
import type { Labels } from "./selector.ts";

// The API allows one of each family.
const MAX_ADDRESSES = 8;

/** One for thousands. */
const NO_PORTS: readonly NamedPort[] = [];

/**
 * Reads a core/v1 Pod.
 * @param json any JSON value
 * @param origin where it came from (a path), named when the object has no name of its own
 */
export function parsePod(json: unknown, origin: string): Parsed<Pod> {
  const reader = readerOf("Pod", json, origin);
  if (!(reader instanceof ObjectReader)) return reader;
  const { metadata: meta, spec: specified, status: stated } = fieldsOf(json);
  const [metadata, spec, status] = [fieldsOf(meta), fieldsOf(specified), fieldsOf(stated)];
  const isHostNetwork = spec.hostNetwork === true;
  return reader.parsed({
    namespace: reader.id.namespace,
    name: reader.id.name,
    uid: typeof metadata.uid === "string" ? ownText(metadata.uid) : "",
    labels: readLabels(reader, metadata.labels),
    nodeName: typeof spec.nodeName === "string" ? ownText(spec.nodeName) : "",
    isHostNetwork,
    isTerminal: status.phase === "Succeeded" || status.phase === "Failed",
    isTerminating: metadata.deletionTimestamp !== undefined && metadata.deletionTimestamp !== null,
    startedMs: startOf(status.startTime, metadata.creationTimestamp),
    addresses: readAddresses(reader, status),
    ports: readPorts(reader, spec),
  });
}

function startOf(...texts: readonly unknown[]): number {
  return texts.map(parseTimestamp).find(Number.isFinite) ?? 0;
}

function readLabels(reader: ObjectReader, json: unknown): Labels | undefined {
  const labels = parseLabels(json);
  if (!refused(labels)) return labels;
  reader.reject("metadata.labels", `${labels.reason}: the pod is nobody's peer, and closed`);
  return undefined;
}

function readAddresses(reader: ObjectReader, { podIP, podIPs }: Readonly<Record<string, unknown>>) {
  const listed = listOf(podIPs, "status.podIPs");
  if (refused(listed)) reader.reject("status.podIPs", listed.reason);
  const entries = refused(listed) ? [] : listed.map((entry) => fieldsOf(entry).ip);
  const items = entries.length > 0 ? entries : podIP === undefined || podIP === "" ? [] : [podIP];
  const addresses = new Map<string, Address>();
  for (const item of items.slice(0, MAX_ADDRESSES)) {
    const address = parseAddress(item);
    const reason = refused(address) ? address.reason : unusableAddress(address);
    if (refused(address) || reason !== undefined) reader.reject(`status.podIPs ${quote(item)}`, reason!);
    else addresses.set(address.text, address);
  }
  if (items.length > MAX_ADDRESSES) {
    reader.reject("status.podIPs", `${items.length} entries: only the first ${MAX_ADDRESSES} are read`);
  }
  return [...addresses.values()].slice(); // no room to grow
}

/** What several containers declare is a union; init containers end before the pod serves, native sidecars do not. */
function readPorts(reader: ObjectReader, spec: Readonly<Record<string, unknown>>): readonly NamedPort[] {
  const sidecars = (init: unknown) => fieldsOf(init).restartPolicy === "Always";
  const lists = [
    listOf(spec.containers, "spec.containers"),
    listOf(spec.initContainers, "spec.initContainers"),
  ];
  const [containers, inits] = lists.map((list) => refused(list) ? [] : list) as [unknown[], unknown[]];
  const ports = new Map<string, NamedPort>();
  for (const container of [...containers, ...inits.filter(sidecars)]) {
    const list = listOf(fieldsOf(container).ports, "ports");
    if (refused(list)) reader.reject("containers.ports", list.reason);
    for (const item of refused(list) ? [] : list) {
      const port = readPort(reader, fieldsOf(item));
      if (port !== undefined) ports.set(`${port.name}/${port.protocol}/${port.port}`, port);
    }
  }
  if (ports.size === 0) return NO_PORTS;
  return [...ports].sort(([a], [b]) => a < b ? -1 : 1).map(([, port]) => port);
}

function readPort(reader: ObjectReader, item: Readonly<Record<string, unknown>>): NamedPort | undefined {
  if (item.name === undefined || item.name === "" || item.name === null) return undefined;
  const [name, protocol, port] = [
    parsePortName(item.name),
    parseProtocol(item.protocol),
    parsePortNumber(item.containerPort),
  ];
  if (!refused(name) && !refused(protocol) && !refused(port)) return { name, protocol, port };
  const reason = [name, protocol, port].find(refused)!.reason;
  reader.reject(`containers.ports ${quote(item.name)}`, `${reason}: no policy finds the port by its name`);
  return undefined;
}
