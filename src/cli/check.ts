// `wigglenet check`: can this host do it, and is it well?

import { findingsOf, type HostReport } from "../core/check/check.ts";
import type { NodeMetadata } from "../core/nodes/node.ts";
import { ownMetadata } from "../core/nodes/node_parser.ts";
import { expressionFamilies, type Settings, usesTunnel } from "../core/settings/settings.ts";
import { inspectHost } from "../shell/inspect_host.ts";
import { parseArguments } from "./arguments.ts";
import { readNodes } from "./read_nodes.ts";

const JSON_FLAG = "json";
/** Alone; with a value it is WIGGLENET_MTU, as everywhere. */
const MTU_FLAG = "mtu";
const PROGRESS_MS = 5_000;

/** Prints a line and a remedy for each finding, one line when there is none; 0, or 1 with an error among them. */
export async function check(args: readonly string[]): Promise<number> {
  const { settings, given } = parseArguments(args, [JSON_FLAG, MTU_FLAG]);
  const report = await inspectHost(settings, {
    metadata: await metadataOf(settings),
    isMtuProbed: given.has(MTU_FLAG) && usesTunnel(settings),
    onProgress: progressOnStderr(),
  });
  const findings = findingsOf(report);
  if (given.has(JSON_FLAG)) console.log(JSON.stringify(findings, null, 2));
  else if (findings.length === 0) console.log(wellLine(settings.nodeName, report));
  else for (const { level, what, remedy } of findings) console.log(`${level}: ${what}; ${remedy}`);
  return findings.some(({ level }) => level === "error") ? 1 : 0;
}

/** What an expression is told of our own Node; where no Node can be read, its name. */
async function metadataOf(settings: Settings): Promise<NodeMetadata> {
  const isAsked = settings.nodes.length > 0 && expressionFamilies(settings).length > 0;
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
