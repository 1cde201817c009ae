// Writes Pods and NetworkPolicies as the Kubernetes API does in protocol buffers, with fields that the agent does not read.

import { entries, type Field, message, metadataMessage, timeMessage } from "./protobuf.ts";

type Json = Record<string, unknown>;

/** A field of each of a list. */
function all(number: number, list: unknown, write: (item: Json) => Uint8Array | string): Field[] {
  return (list as Json[] | undefined ?? []).map((item): Field => [number, write(item)]);
}

/** A field that a pointer says: not there, or there. */
function some(number: number, value: unknown, write: (value: Json) => Uint8Array | string | number): Field[] {
  return value === undefined ? [] : [[number, write(value as Json)]];
}

const text = (item: unknown) => item as string;

/** Pod. */
export function podMessage({ metadata = {}, spec = {}, status = {} }: Json): Uint8Array {
  return message(
    [1, metadataMessage(metadata as Json)],
    [2, specMessage(spec as Json)],
    [3, podStatus(status as Json)],
  );
}

function specMessage({ nodeName = "", hostNetwork = false, containers, initContainers }: Json): Uint8Array {
  return message(
    [1, message([1, "volume"])],
    ...all(2, containers, containerMessage),
    [3, "Always"],
    [10, nodeName as string],
    [11, hostNetwork ? 1 : 0],
    ...all(20, initContainers, containerMessage),
    [30, 1],
  );
}

function containerMessage({ ports, restartPolicy, ...rest }: Json): Uint8Array {
  const write = ({ name = "", containerPort = 0, protocol = "" }: Json) =>
    message([1, name as string], [2, 0], [3, containerPort as number], [4, protocol as string], [5, ""]);
  return message(
    [1, "container"],
    [2, JSON.stringify(rest)],
    ...all(6, ports, write),
    ...some(24, restartPolicy, text),
  );
}

function podStatus({ phase = "", podIP = "", podIPs, startTime, ...rest }: Json): Uint8Array {
  return message(
    [1, phase as string],
    ...Object.values(rest).map((value): Field => [2, message([1, JSON.stringify(value)])]),
    [5, "192.0.2.1"],
    [6, podIP as string],
    ...some(7, startTime, () => timeMessage(startTime)),
    ...all(12, podIPs, ({ ip = "" }) => message([1, ip as string])),
  );
}

/** NetworkPolicy. */
export function networkPolicyMessage({ metadata = {}, spec = {} }: Json): Uint8Array {
  const { podSelector = {}, ingress, egress, policyTypes } = spec as Json;
  const ports = (list: unknown) => all(1, list, portMessage);
  return message(
    [1, metadataMessage(metadata as Json)],
    [
      2,
      message(
        [1, selectorMessage(podSelector as Json)],
        ...all(2, ingress, (rule) => message(...ports(rule.ports), ...all(2, rule.from, peerMessage))),
        ...all(3, egress, (rule) => message(...ports(rule.ports), ...all(2, rule.to, peerMessage))),
        ...all(4, policyTypes, text),
      ),
    ],
  );
}

function selectorMessage({ matchLabels, matchExpressions }: Json): Uint8Array {
  const write = ({ key, operator, values }: Json) =>
    message([1, key as string], [2, operator as string], ...all(3, values, text));
  return message(...entries(1, matchLabels), ...all(2, matchExpressions, write));
}

function peerMessage({ podSelector, namespaceSelector, ipBlock }: Json): Uint8Array {
  const block = ({ cidr, except }: Json) => message([1, cidr as string], ...all(2, except, text));
  return message(
    ...some(1, podSelector, selectorMessage),
    ...some(2, namespaceSelector, selectorMessage),
    ...some(3, ipBlock, block),
  );
}

function portMessage({ protocol, port, endPort }: Json): Uint8Array {
  const value = (port: unknown) =>
    typeof port === "string"
      ? message([1, 1], [2, 0], [3, port])
      : message([1, 0], [2, port as number], [3, ""]);
  return message(
    ...some(1, protocol, text),
    ...some(2, port, value),
    ...some(3, endPort, (end) => end as unknown as number),
  );
}
