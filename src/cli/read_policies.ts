// What policies make of this node, for a command that looks once.

import { nodeParser, nodePicker } from "../core/nodes/node_parser.ts";
import type { Settings } from "../core/settings/settings.ts";
import { PolicyFeed } from "../shell/policy/policy_feed.ts";
import { openSource } from "../shell/sources/open_source.ts";
import { requireNodes } from "./read_nodes.ts";

const LIMIT_MS = 30_000;

/** How they are read. */
export interface PolicyReading {
  /** All pods are, whoever needs them. */
  readonly isWhole: boolean;
  /** See {@link PolicyFeed.takeNodes}: then nothing is known before that was told. */
  readonly nodesAreTold: boolean;
}

/** A feed that has read all that is needed, and is closed. Throws Error when it cannot. */
export async function readPolicies(
  settings: Settings,
  { isWhole, nodesAreTold }: PolicyReading,
): Promise<PolicyFeed> {
  requireNodes(settings);
  const reading = { parse: nodeParser(settings), pick: nodePicker(settings), onChange: () => {} };
  const { source, openPolicies } = await openSource(settings, reading);
  const feed = new PolicyFeed({
    node: settings.nodeName,
    nodesAreTold,
    open: (user) => openPolicies({ ...user, isWhole }),
    onChange: () => {},
  });
  try {
    feed.start();
    await source.start();
    await feed.settled(AbortSignal.timeout(LIMIT_MS));
    if (feed.isRead) return feed;
    const why = feed.problems().map(({ path, reason }) => `${path}: ${reason}`).join("; ");
    throw new Error(why || "not all that they need could be read");
  } finally {
    await feed.close();
    await source.close();
  }
}
