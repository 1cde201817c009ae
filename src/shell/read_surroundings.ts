// What others have on the host that keeps pods from their network, for `check` and for the running agent.

import type { CniSurroundings, Surroundings } from "../core/desired/obstacles.ts";
import { TABLE } from "../core/render/render_table.ts";
import type { GivenSettings } from "../core/settings/settings.ts";
import { locate, run } from "./command.ts";
import { folderOf, nameIn } from "./paths.ts";

const CNI_FOLDERS = ["/opt/cni/bin", "/usr/lib/cni"];
const CNI_FILE = /\.(conf|conflist|json)$/;

/** Looks at all of it; what cannot be read is left out. */
export async function readSurroundings(
  { isFirewallOnly, isBridged, cniConfigPath }: GivenSettings,
  dropChains: readonly string[],
): Promise<Surroundings> {
  return {
    cni: isFirewallOnly ? undefined : await readCniSurroundings(cniConfigPath, isBridged),
    dropChains,
  };
}

interface ChainJson {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  readonly hook?: string;
  readonly policy?: string;
}

/** Chains only: sets of others may be long. */
export async function readDropChains(): Promise<string[]> {
  if (locate("nft") === undefined) return [];
  const json = await run({ program: "nft", args: ["-j", "list", "chains"] }).catch(() => `{"nftables": []}`);
  const { nftables } = JSON.parse(json) as { nftables: readonly { readonly chain?: ChainJson }[] };
  return nftables.flatMap(({ chain }) => chain ?? []).filter(({ table, hook, policy }) =>
    table !== TABLE && policy === "drop" && (hook === "forward" || hook === "input")
  ).map(({ family, table, name }) => `${family} ${table} ${name}`);
}

async function readCniSurroundings(path: string, isBridged: boolean): Promise<CniSurroundings> {
  const plugins = [isBridged ? "bridge" : "ptp", "host-local", "portmap"];
  const entries = await Array.fromAsync(Deno.readDir(folderOf(path))).catch(() => []);
  const missing = await Promise.all(plugins.map(async (plugin) => {
    const found = await Promise.all(
      CNI_FOLDERS.map((folder) => Deno.stat(`${folder}/${plugin}`).then(() => true, () => false)),
    );
    return found.some(Boolean) ? [] : [plugin];
  }));
  return {
    path,
    others: entries.map(({ name }) => name).filter((name) => CNI_FILE.test(name) && name !== nameIn(path))
      .sort(),
    missingPlugins: missing.flat(),
  };
}
