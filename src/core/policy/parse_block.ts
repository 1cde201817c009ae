// Untrusted ipBlock JSON -> BlockPeer. Reads what API servers have let in over the years, as kube-proxy does
// (netutils.ParseCIDRSloppy): host bits, leading zeros as decimal digits, IPv4-mapped IPv6.

import { isObject } from "../kubernetes/fields.ts";
import { type Address, parseAddress } from "../net/address.ts";
import { comparePrefixes, contains, type Prefix, prefixOf } from "../net/prefix.ts";
import { quote, Refusal, refused } from "../net/refusal.ts";
import { listOf } from "./object_reader.ts";
import type { BlockPeer } from "./objects.ts";
import { unknownField } from "./unknown_field.ts";

/** Reads an ipBlock; with one exception unreadable all of it is refused, because the rest would allow too much. */
export function parseBlock(json: unknown): BlockPeer | Refusal {
  if (!isObject(json)) return new Refusal(`ipBlock: ${quote(json)} is not an object`);
  const unknown = unknownField(json, ["cidr", "except"]);
  if (unknown !== undefined) return unknown;
  const block = parseSloppyCidr(json.cidr);
  if (refused(block)) return new Refusal(`ipBlock.cidr: ${block.reason}`);
  const items = listOf(json.except, "ipBlock.except");
  if (refused(items)) return items;
  const except = new Map<string, Prefix>();
  for (const item of items) {
    const prefix = parseSloppyCidr(item);
    if (refused(prefix)) return new Refusal(`ipBlock.except: ${prefix.reason}`);
    if (!contains(block, prefix) || prefix.length === block.length) {
      return new Refusal(`ipBlock.except: ${prefix.text} is not a part of ${block.text}`);
    }
    except.set(prefix.text, prefix);
  }
  return { kind: "block", block, except: [...except.values()].sort(comparePrefixes) };
}

const IPV4 = /^\d{1,20}(?:\.\d{1,20}){3}$/;
const MAPPED = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i;
const LENGTH = /^\d{1,20}$/;
const MAPPED_BITS = 96;

/** Reads a CIDR and masks it; `::ffff:10.0.0.0/104` is 10.0.0.0/8, as Go has it. */
function parseSloppyCidr(json: unknown): Prefix | Refusal {
  const refusal = new Refusal(`${quote(json)} is not a CIDR`);
  if (typeof json !== "string") return refusal;
  const slash = json.indexOf("/");
  if (slash < 0 || !LENGTH.test(json.slice(slash + 1))) return refusal;
  const length = Number(json.slice(slash + 1));
  const text = json.slice(0, slash);
  const mapped = MAPPED.exec(text)?.[1];
  const address = parseSloppyAddress(mapped ?? text);
  if (address === undefined) return refusal;
  const bits = mapped === undefined ? length : length - MAPPED_BITS;
  return bits < 0 || bits > (address.family === 4 ? 32 : 128) ? refusal : prefixOf(address, bits);
}

function parseSloppyAddress(text: string): Address | undefined {
  const address = parseAddress(IPV4.test(text) ? text.replace(/(?<!\d)0+(?=\d)/g, "") : text);
  return refused(address) ? undefined : address;
}
