// One rule of a NetworkPolicy. All or nothing: a rule whose peers or ports are read in part may allow what was not meant.

import { type Fields, isObject } from "../kubernetes/fields.ts";
import { quote, Refusal, refused } from "../net/refusal.ts";
import { listOf } from "./object_reader.ts";
import type { PolicyPeer, PolicyPort, PolicyRule } from "./objects.ts";
import { parseBlock } from "./parse_block.ts";
import { LAST_PORT, parsePortName, parsePortNumber, parseProtocol } from "./parse_port.ts";
import { parseSelector } from "./parse_selector.ts";
import { EVERYTHING } from "./selector.ts";
import { unknownField } from "./unknown_field.ts";

/**
 * Reads a rule.
 * @param index its place in the list
 * @param side the field that holds its peers
 */
export function parseRule(json: unknown, index: number, side: "from" | "to"): PolicyRule | Refusal {
  // Go takes null for `{}`, which allows everything: nobody means that.
  if (!isObject(json)) return new Refusal(`${quote(json)} is not a rule`);
  const unknown = unknownField(json, [side, "ports"]);
  if (unknown !== undefined) return unknown;
  const peers = parseEach(json, side, parsePeer);
  if (refused(peers)) return peers;
  const ports = parseEach(json, "ports", parsePort);
  return refused(ports) ? ports : { index, peers, ports };
}

/** Missing and empty lists are no restriction. */
function parseEach<T>(
  rule: Fields,
  field: string,
  parse: (json: Fields) => T | Refusal,
): readonly T[] | undefined | Refusal {
  const items = listOf(rule[field], field);
  if (refused(items)) return items;
  const values: T[] = [];
  for (const [i, item] of items.entries()) {
    const value = isObject(item) ? parse(item) : new Refusal(`${quote(item)} is not an object`);
    if (refused(value)) return new Refusal(`${field}[${i}]: ${value.reason}`);
    values.push(value);
  }
  return values.length === 0 ? undefined : values.slice(); // no room to grow
}

function parsePeer(json: Fields): PolicyPeer | Refusal {
  const unknown = unknownField(json, ["podSelector", "namespaceSelector", "ipBlock"]);
  if (unknown !== undefined) return unknown;
  const [pods, namespaces, block] = [json.podSelector, json.namespaceSelector, json.ipBlock].map((it) =>
    it ?? undefined
  );
  if (block !== undefined) {
    if (pods === undefined && namespaces === undefined) return parseBlock(block);
    return new Refusal("an ipBlock beside a selector");
  }
  if (pods === undefined && namespaces === undefined) return new Refusal("a peer without any field");
  const podSelector = pods === undefined ? EVERYTHING : parseSelector(pods);
  if (refused(podSelector)) return new Refusal(`podSelector: ${podSelector.reason}`);
  if (namespaces === undefined) return { kind: "pods", namespaces: undefined, pods: podSelector };
  const namespaceSelector = parseSelector(namespaces);
  if (refused(namespaceSelector)) return new Refusal(`namespaceSelector: ${namespaceSelector.reason}`);
  return { kind: "pods", namespaces: namespaceSelector, pods: podSelector };
}

function parsePort(json: Fields): PolicyPort | Refusal {
  const unknown = unknownField(json, ["protocol", "port", "endPort"]);
  if (unknown !== undefined) return unknown;
  const protocol = parseProtocol(json.protocol);
  if (refused(protocol)) return protocol;
  const port = json.port ?? undefined;
  const endPort = json.endPort ?? undefined;
  if (typeof port !== "number" && endPort !== undefined) {
    return new Refusal("endPort without a number as port");
  }
  if (port === undefined) return { kind: "range", protocol, first: 0, last: LAST_PORT };
  if (typeof port === "string") {
    const name = parsePortName(port);
    return refused(name) ? name : { kind: "name", protocol, name };
  }
  const first = parsePortNumber(port);
  if (refused(first)) return first;
  const last = endPort === undefined ? first : parsePortNumber(endPort);
  if (refused(last)) return last;
  return last < first ? new Refusal(`endPort ${last} is less than port ${first}`) : {
    kind: "range",
    protocol,
    first,
    last,
  };
}
