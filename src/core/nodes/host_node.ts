// Which Node is this host, where nobody says it: the one whose kubelet reports this machine's own ids.

import { type Fields, fieldsOf } from "../kubernetes/fields.ts";
import { listed } from "../net/listed.ts";
import { ownText } from "../net/own_text.ts";
import { Refusal, refused } from "../net/refusal.ts";
import type { NodeName, ParsedNode } from "./node.ts";
import { parseNodeName } from "./parse_node.ts";

/** What tells a machine from all others; undefined: it has none, or it cannot be read. */
export interface HostIds {
  /** 32 digits. */
  readonly machineId: string | undefined;
  /** Of the firmware, or of the hypervisor. */
  readonly systemUuid: string | undefined;
}

/** A Node, seen by somebody who looks for this host's own; of all others nothing is kept. */
export interface Candidate extends ParsedNode {
  /** Undefined: it is not this host. */
  readonly ofHost?: NodeName;
  /** One id is this host's and the other is not: which one differs. */
  readonly doubt?: { readonly name: NodeName; readonly differs: "machine-id" | "system UUID" };
}

const OTHER: Candidate = { node: undefined, rejected: [] };
const MACHINE_ID = /^(?!0{32})[0-9a-f]{32}$/;
const UUID = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
/** What firmware says that nobody gave a number: all machines of a batch have it. */
const NOBODYS = /^(?:0[0-]+|f[f-]+|03000200-0400-0500-0006-000700080009)$/;

/** Reads a machine-id; undefined for what is none, such as the `uninitialized` of an image. */
export function parseMachineId(text: unknown): string | undefined {
  return idIn(text, MACHINE_ID);
}

/** Reads a system UUID; undefined for what is none, or no machine's own. */
export function parseSystemUuid(text: unknown): string | undefined {
  const uuid = idIn(text, UUID);
  return uuid === undefined || NOBODYS.test(uuid) ? undefined : uuid;
}

function idIn(text: unknown, pattern: RegExp): string | undefined {
  const id = typeof text === "string" ? text.trim().toLowerCase() : "";
  return pattern.test(id) ? id : undefined;
}

/** Of a Node object what {@link candidateParser} reads, and nothing else. */
export function pickIds(json: unknown): Fields {
  const { metadata, status } = fieldsOf(json);
  const { machineID, systemUUID } = fieldsOf(fieldsOf(status).nodeInfo);
  return { metadata: { name: fieldsOf(metadata).name }, status: { nodeInfo: { machineID, systemUUID } } };
}

/**
 * Tells this host's Node from others: one id of it is this host's, and none is another's. A machine that was cloned has
 * the machine-id of another, and some firmware gives all machines one UUID: whoever took these for itself would rule
 * another's Node.
 */
export function candidateParser({ machineId, systemUuid }: HostIds): (json: unknown) => Candidate {
  return (json) => {
    const { metadata, status } = fieldsOf(json);
    const { machineID, systemUUID } = fieldsOf(fieldsOf(status).nodeInfo);
    const byMachine = agree(machineId, parseMachineId(machineID));
    const byUuid = agree(systemUuid, parseSystemUuid(systemUUID));
    if (byMachine !== true && byUuid !== true) return OTHER;
    const name = parseNodeName(fieldsOf(metadata).name);
    if (refused(name)) return OTHER;
    if (byMachine === false) return { ...OTHER, doubt: { name: ownText(name), differs: "machine-id" } };
    if (byUuid === false) return { ...OTHER, doubt: { name: ownText(name), differs: "system UUID" } };
    return { ...OTHER, ofHost: ownText(name) };
  };
}

/** Undefined: one of them is not known. */
function agree(ours: string | undefined, theirs: string | undefined): boolean | undefined {
  return ours === undefined || theirs === undefined ? undefined : ours === theirs;
}

const GIVE = "set NODE_NAME (--node-name)";

/**
 * The Node of this host among all.
 * @returns undefined: it is not there (yet). A Refusal, where several say that they are this host
 */
export function hostNode(candidates: readonly Candidate[], ids: HostIds): NodeName | Refusal | undefined {
  const names = [...new Set(candidates.flatMap(({ ofHost }) => ofHost ?? []))].sort();
  if (names.length < 2) return names[0];
  return new Refusal(
    `${names.length} Nodes have ${idsText(ids)}: ${listed(names)}; ${GIVE} to this host's one, ` +
      "or delete the Node of the machine that is gone",
  );
}

/** Why no Node is taken for this host's. */
export function absenceText(candidates: readonly Candidate[], ids: HostIds): string {
  const doubts = candidates.flatMap(({ doubt }) =>
    doubt === undefined ? [] : [`${doubt.name} (another ${doubt.differs})`]
  ).sort();
  const alike = doubts.length === 0 ? "" : `; only one of its ids have ${listed(doubts)}`;
  return `NODE_NAME is not set, and none of the Nodes has ${idsText(ids)}${alike}`;
}

/** What helps where there is none. */
export const ABSENCE_REMEDY =
  `${GIVE}, or wait until the kubelet has registered this host; in a container mount the host's /etc/machine-id`;

/** Why a host without ids cannot be found. */
export const NO_IDS = "NODE_NAME is not set, and neither /etc/machine-id nor " +
  `/sys/class/dmi/id/product_uuid says which machine this is; ${GIVE}`;

/** Enough to compare by eye: machine-id(5) asks not to show the whole of it. */
export function idsText({ machineId, systemUuid }: HostIds): string {
  return [
    ...(machineId === undefined ? [] : [`machine-id ${machineId.slice(0, 8)}...`]),
    ...(systemUuid === undefined ? [] : [`system UUID ${systemUuid.slice(0, 8)}...`]),
  ].join(" and ");
}
