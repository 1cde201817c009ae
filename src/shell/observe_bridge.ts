// The bridge that pods hang on, and its rules, as the host has them.

import type { DesiredBridge } from "../core/bridge/desire_bridge.ts";
import { type ObservedBridge, parseBridgeLink } from "../core/bridge/observed_bridge.ts";
import { BRIDGE_REFERENCE, BRIDGE_TABLE, renderBridgeReference } from "../core/bridge/render_bridge.ts";
import { parseRules } from "../core/observed/parse_table.ts";
import { run } from "./command.ts";
import { listing, observe, unlessAbsent } from "./observe.ts";
import { referenceOf } from "./observe_reference.ts";

/**
 * The bridge; undefined where none is wanted nor seen: nobody looks for it then.
 * @param last it is as it was read before, but for what is wanted of its rules
 * @throws Error when it cannot be told, or this kernel has no such tables
 */
export async function observeBridge(
  bridge: DesiredBridge | undefined,
  last?: ObservedBridge,
): Promise<ObservedBridge | undefined> {
  if (bridge === undefined) return undefined;
  const { link, table } = last ?? await look(bridge);
  // What is not there is compared with nothing.
  const reference = bridge.isOn && table !== undefined
    ? await referenceOf(renderBridgeReference(bridge.name), BRIDGE_REFERENCE)
    : undefined;
  return { link, table, reference };
}

async function look({ name }: DesiredBridge): Promise<Omit<ObservedBridge, "reference">> {
  const read = async () => parseRules(await run(listing("table", BRIDGE_TABLE)));
  const [link, table] = await Promise.all([
    unlessAbsent(run({ program: "ip", args: ["-j", "-d", "address", "show", "dev", name] })),
    observe(BRIDGE_TABLE, read, { structure: "" }),
  ]);
  return { link: link === undefined ? undefined : parseBridgeLink(link), table };
}
