// What an expression saw, for the message that says why it gives nothing.

import { widthOf } from "../net/address.ts";
import type { NodeMetadata } from "../nodes/node.ts";
import type { Interfaces } from "./interfaces.ts";
import type { CidrValue } from "./net_values.ts";

const MAX_SHOWN = 16;

/** One line; `node` only where the expression asks for it. */
export function seenText({ interfaces, node }: { interfaces: Interfaces; node?: NodeMetadata }): string {
  const seen = `the interfaces that it saw: ${interfacesText(interfaces)}`;
  if (node === undefined) return seen;
  const labels = Object.entries(node.labels).map(([key, value]) => `${key}=${value}`);
  return `${seen}; the labels of ${node.name}: ${labels.length === 0 ? "none" : listText(labels)}`;
}

/** Interfaces with single addresses only come last: a node has one of those for each pod. */
function interfacesText(interfaces: Interfaces): string {
  if (interfaces.size === 0) return "none with a global unicast address";
  const isSingle = ([, prefixes]: readonly [string, readonly CidrValue[]]) =>
    prefixes.every(({ length, address }) => length === widthOf(address.family));
  const entries = [...interfaces];
  const ordered = [...entries.filter((entry) => !isSingle(entry)), ...entries.filter(isSingle)];
  return listText(
    ordered.map(([name, prefixes]) => `${name} (${listText(prefixes.map(({ text }) => text))})`),
  );
}

function listText(items: readonly string[]): string {
  const more = items.length > MAX_SHOWN ? `, and ${items.length - MAX_SHOWN} more` : "";
  return items.slice(0, MAX_SHOWN).join(", ") + more;
}
