// Our nftables table in a form that can be compared: what it says, without what the kernel counts and numbers.

import type { Host } from "../lab/host.ts";

/** The table as one text; undefined when there is none. Two equal texts are the same rules and elements. */
export async function readTable(host: Host): Promise<string | undefined> {
  const { code, stdout } = await host.attempt(["nft", "-s", "-j", "list", "table", "inet", "wigglenet"]);
  return code === 0 ? textOf(stdout) : undefined;
}

/**
 * The listing without handles and counters, sets, chains and hash sets in one order (a table that is made in several
 * transactions has its chains in another one), and without what packets put into sets for a while.
 */
export function textOf(json: string): string {
  const without = (name: string, value: unknown) => {
    if (name === "handle" || name === "metainfo" || name === "packets" || name === "bytes") return undefined;
    if (name !== "elem" || !Array.isArray(value)) return value;
    const stay = value.filter((one) => one?.elem?.expires === undefined || (one.elem.timeout ?? 60) !== 60);
    return stay.length === 0 ? undefined : stay.map((one) => JSON.stringify(one)).sort();
  };
  const { nftables } = JSON.parse(json, without) as { nftables: Readonly<Record<string, Listed>>[] };
  const keyed = nftables.map((one) => [placeOf(one), one] as const);
  const sorted = keyed.sort(([a], [b]) => a < b ? -1 : a > b ? 1 : 0).map(([, one]) => one);
  return JSON.stringify({ nftables: sorted });
}

interface Listed {
  readonly name?: string;
  readonly chain?: string;
}

/** Rules stay in their order: their chain has one place for all of them. That of sets and chains tells only which was made first. */
function placeOf(one: Readonly<Record<string, Listed>>): string {
  const [kind, { name, chain }] = Object.entries(one)[0] ?? ["metainfo", {}];
  return `${kind} ${chain ?? name}`;
}
