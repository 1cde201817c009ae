// The bridge's rules as nft text.

import bridge from "../../../nft-templates/bridge.nft" with { type: "text" };
import { withoutDefines } from "../render/render_table.ts";
import { BRIDGE_ADDRESS } from "./names.ts";

/** Its table, with its family. */
export const BRIDGE_TABLE = "bridge wigglenet";
/** A dormant one that exists only while its structure is compared with what this nft makes of it. */
export const BRIDGE_REFERENCE = "bridge wigglenet-reference";

/** The table, or a new one in its place, in one transaction. */
export function renderBridge(name: string): string {
  return `table ${BRIDGE_TABLE}\ndelete table ${BRIDGE_TABLE}\n${structureOf(name)}`;
}

/** Its rules as a dormant table. */
export function renderBridgeReference(name: string): string {
  return structureOf(name).replaceAll(
    `table ${BRIDGE_TABLE} {`,
    `table ${BRIDGE_REFERENCE} {\n\tflags dormant;`,
  );
}

function structureOf(name: string): string {
  return `define pod_bridge = "${name}"\ndefine bridge_address = ${BRIDGE_ADDRESS}\n${
    withoutDefines(bridge)
  }`;
}
