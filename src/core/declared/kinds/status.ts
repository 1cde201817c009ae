// What agents write into the status of declared objects.

import { integer, list, type Read, type Schema, text, word } from "../schema/schema.ts";
import { optional, required, struct } from "../schema/struct.ts";

/** Written by agents, who check it themselves. */
export function anyText(longest: number): Schema<string> {
  return text({ longest, parse: (it) => it });
}

/** A number that only grows. */
export const COUNT: Schema<number> = {
  openApi: { type: "integer", format: "int64", minimum: 0 },
  parse: integer(0, Number.MAX_SAFE_INTEGER).parse,
};

/** A moment, RFC 3339. */
export const TIME: Schema<string> = {
  openApi: { type: "string", format: "date-time" },
  parse: anyText(64).parse,
};

/** The longest message of a condition. */
export const LONGEST_MESSAGE = 2_048;

const CONDITION = struct({
  type: required(anyText(316), "What it is about: Ready."),
  status: required(word(["True", "False", "Unknown"]), "Whether it is so."),
  reason: required(
    anyText(1024),
    "Why, in one word for programs: Done, Rejected, Waiting, Failing, Pending.",
  ),
  message: required(anyText(32_768), "Why, in words, and what to do."),
  lastTransitionTime: required(TIME, "When status changed last."),
  observedGeneration: optional(COUNT, "The generation of the object that it speaks of."),
});

/** One thing that is so, or is not. */
export type Condition = Read<typeof CONDITION>;

/** What every kind with a spec has. */
const STATUS_FIELDS = {
  observedGeneration: optional(COUNT, "The generation that all agents concerned have taken up."),
  conditions: optional(
    list(CONDITION, { most: 16, unique: "type" }),
    "What is so and what is not. Ready: everything asked for is there.",
  ),
};

/** The status of a kind that has nothing more. */
export const STATUS = struct(STATUS_FIELDS);

/** Of an interface whose owners see no WireGuardNode. */
export const KEYED_STATUS = struct({
  ...STATUS_FIELDS,
  publicKey: optional(anyText(44), "Its public key: what its peers are to have."),
});

const PLAN_NODE = struct({
  nodeName: required(anyText(253), "The node, as spec.nodes has it."),
  endpoint: optional(anyText(253), "Address or DNS name by which the others reach it."),
  publicKey: optional(anyText(44), "Its public key in this plan."),
  mtu: optional(COUNT, "MTU of its interfaces, in bytes."),
  addresses: optional(list(anyText(64), { most: 16 }), "Addresses that it has on each of its links."),
  links: required(COUNT, "How many links it has."),
  linksUp: required(COUNT, "How many of them had a handshake in the last three minutes."),
  lastHandshake: optional(TIME, "The latest handshake of any of them, some minutes late."),
  message: required(anyText(LONGEST_MESSAGE), "What is not done on it; empty: all is."),
});

/** Of a plan. */
export const PLAN_STATUS = struct({
  ...STATUS_FIELDS,
  nodes: optional(
    list(PLAN_NODE, { most: 250, unique: "nodeName", isLong: true }),
    "What its nodes say, in the order of spec.nodes.",
  ),
});

/** A node's line in the status of a plan. */
export type PlanNodeStatus = Read<typeof PLAN_NODE>;
