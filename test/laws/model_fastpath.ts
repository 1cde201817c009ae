// The flowtable's table on the model host. A device that is not there fails the transaction, as in the kernel.

import { Refused } from "./refused.ts";

const TABLE = "table inet wigglenet-fastpath\n";
const DEVICES = / devices = \{ (.+?) \};/;

/** What `nft -f` makes of a text about that table; undefined: it is deleted. */
export function loadFastpath(text: string, links: ReadonlySet<string>, isThere: boolean): string | undefined {
  if (text === `delete ${TABLE}`) {
    if (!isThere) throw new Refused("No such file or directory");
    return undefined;
  }
  const devices = DEVICES.exec(text)?.[1]?.split(", ");
  if (!text.startsWith(`${TABLE}delete ${TABLE}`) || devices === undefined) throw new Refused(`nft: ${text}`);
  const missing = devices.find((name) => !links.has(name));
  if (missing !== undefined) throw new Refused(`No such file or directory: ${missing}`);
  return fastpathJson(text);
}

/** What `nft -j list table` prints of a text that was loaded. */
export function fastpathJson(text: string): string {
  const dev = DEVICES.exec(text)?.[1]?.split(", ");
  const packets = /^define packets = (\d+)$/m.exec(text)![1];
  return JSON.stringify({ nftables: [{ flowtable: { dev } }, { rule: { chain: "forward", packets } }] });
}
