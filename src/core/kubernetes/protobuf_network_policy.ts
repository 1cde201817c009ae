// NetworkPolicies from protocol buffers, in the shape that they have in JSON. The numbers are those of generated.proto of
// k8s.io/api/networking/v1. A field that is not known here may narrow what is allowed: it is not passed over but named.

import type { Message } from "./protobuf.ts";
import { type Fields, readEntry, readMetadata } from "./protobuf_metadata.ts";

/** NetworkPolicy. Its status, which there was once, says nothing. */
export function readNetworkPolicy(policy: Message): Fields {
  const fields: Fields = {};
  while (policy.next()) {
    if (policy.field === 1) fields.metadata = readMetadata(policy.message());
    else if (policy.field === 2) fields.spec = readSpec(policy.message());
  }
  return fields;
}

/** How a field is read into the object. */
type Read = (message: Message, fields: Fields) => void;

/** A message of these fields, by number. */
function reader(known: Readonly<Record<number, Read>>): (message: Message) => Fields {
  return (message) => {
    const fields: Fields = {};
    while (message.next()) {
      const read = known[message.field];
      if (read === undefined) fields[`field ${message.field} of a newer version`] = true;
      else read(message, fields);
    }
    return fields;
  };
}

function one(name: string, read: (message: Message) => unknown): Read {
  return (message, fields) => fields[name] = read(message);
}

function each(name: string, read: (message: Message) => unknown): Read {
  return (message, fields) => {
    const list = fields[name] as unknown[] | undefined;
    if (list === undefined) fields[name] = [read(message)];
    else list.push(read(message));
  };
}

const text = (message: Message) => message.text();
const nested = (read: (message: Message) => Fields) => (message: Message) => read(message.message());

function readLabel(message: Message, fields: Fields): void {
  const [key, value] = readEntry(message.message());
  fields.matchLabels = { ...fields.matchLabels as Fields, [key]: value };
}

const readRequirement = reader({ 1: one("key", text), 2: one("operator", text), 3: each("values", text) });
const readSelector = reader({ 1: readLabel, 2: each("matchExpressions", nested(readRequirement)) });
const readBlock = reader({ 1: one("cidr", text), 2: each("except", text) });
const readPeer = reader({
  1: one("podSelector", nested(readSelector)),
  2: one("namespaceSelector", nested(readSelector)),
  3: one("ipBlock", nested(readBlock)),
});

/** IntOrString: a number, or a text where its type says so. */
function readIntOrString(value: Message): unknown {
  let isText = false;
  let number = 0;
  let name = "";
  while (value.next()) {
    if (value.field === 1) isText = value.number() === 1;
    else if (value.field === 2) number = value.number();
    else if (value.field === 3) name = value.text();
  }
  return isText ? name : number;
}

const readPort = reader({
  1: one("protocol", text),
  2: one("port", (message) => readIntOrString(message.message())),
  3: one("endPort", (message) => message.number()),
});
const ports = each("ports", nested(readPort));
const readSpec = reader({
  1: one("podSelector", nested(readSelector)),
  2: each("ingress", nested(reader({ 1: ports, 2: each("from", nested(readPeer)) }))),
  3: each("egress", nested(reader({ 1: ports, 2: each("to", nested(readPeer)) }))),
  4: each("policyTypes", text),
});
