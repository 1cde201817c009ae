// `wigglenet check`: can this host do it, and is it well?

import { findingsOf, type HostReport } from "../core/check/check.ts";
import { refused } from "../core/net/refusal.ts";
import type { NodeMetadata } from "../core/nodes/node.ts";
import { ownMetadata } from "../core/nodes/node_parser.ts";
import { parseNodeName } from "../core/nodes/parse_node.ts";
import { expressionFamilies, type GivenSettings, isNamed, usesTunnel } from "../core/settings/settings.ts";
import { inspectHost } from "../shell/inspect_host.ts";
import { missingSource } from "../shell/sources/open_source.ts";
import { readStatus } from "../shell/status_socket.ts";
import { parseArguments } from "./arguments.ts";
import { nameNode } from "./name_node.ts";
import { readNodes } from "./read_nodes.ts";

const JSON_FLAG = "json";
/** Alone; with a value it is WIGGLENET_MTU, as everywhere. */
const MTU_FLAG = "mtu";
const PROGRESS_MS = 5_000;

/** Prints a line and a remedy for each finding, one line when there is none; 0, or 1 with an error among them. */
export async function check(args: readonly string[]): Promise<number> {
  const { settings, given } = await parseArguments(args, [JSON_FLAG, MTU_FLAG]);
  const { node, trouble } = await ownName(settings);
  const report = await inspectHost(settings, {
    metadata: await metadataOf({ ...settings, nodeName: node }),
    naming: trouble,
    isMtuProbed: given.has(MTU_FLAG) && usesTunnel(settings),
    onProgress: progressOnStderr(),
  });
  const findings = findingsOf(report);
  if (given.has(JSON_FLAG)) console.log(JSON.stringify(findings, null, 2));
  else if (findings.length === 0) console.log(wellLine(node, report));
  else for (const { level, what, remedy } of findings) console.log(`${level}: ${what}; ${remedy}`);
  return findings.some(({ level }) => level === "error") ? 1 : 0;
}

/** Which Node this host is: by the settings, else by the agent that runs here, else by this machine's ids. */
async function ownName(
  settings: GivenSettings,
): Promise<{ readonly node: GivenSettings["nodeName"]; readonly trouble: string | undefined }> {
  if (isNamed(settings)) return { node: settings.nodeName, trouble: undefined };
  try {
    const answer = await readStatus();
    const node = parseNodeName(typeof answer === "object" ? answer.node : undefined);
    return { node: refused(node) ? (await nameNode(settings)).nodeName : node, trouble: undefined };
  } catch (error) {
    return { node: "", trouble: (error as Error).message };
  }
}

/** What an expression is told of our own Node; where no Node can be read, its name. */
async function metadataOf(settings: GivenSettings): Promise<NodeMetadata> {
  if (!isNamed(settings)) return { name: "", labels: {}, annotations: {} };
  const isAsked = missingSource(settings) === undefined && expressionFamilies(settings).length > 0;
  const { items } = isAsked
    ? await readNodes(settings, { isOwnNeeded: false }).catch(() => ({ items: [] }))
    : { items: [] };
  return ownMetadata(settings, items);
}

function wellLine(name: string, { programs, mtu }: HostReport): string {
  const through = mtu && `; ${mtu.mtuBytes} bytes pass through the tunnels to all ${mtu.peers.length} peers`;
  return `${name} is well: ${Object.values(programs).join(", ")}${through ?? ""}`;
}

function progressOnStderr(): (done: number, all: number) => void {
  let nextMs = performance.now() + PROGRESS_MS;
  return (done, all) => {
    if (performance.now() < nextMs) return;
    nextMs = performance.now() + PROGRESS_MS;
    console.error(`wigglenet: ${done} of ${all} peers probed`);
  };
}
