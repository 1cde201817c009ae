// Which nft can read our table: found by trying the golden tables with those of Debian's releases (2026-11-21).

import type { Finding } from "./check.ts";

/** 0.9.8 of Debian 11 takes words like `port` for keywords, refuses the table and may crash. */
const READS = [1, 0, 0] as const;
/** The oldest that all tests have run with, of Debian 12. */
const TESTED = [1, 0, 6] as const;
const REMEDY =
  "install nftables 1.0.6 or newer (Debian 12 has it), or run the container image, which has its own";

/**
 * What is wrong with the nft that says this of itself.
 * @param text the first line of `nft --version` or the version alone: `nftables v1.0.6 (Lester Gooch #5)`, `1.0.6`
 */
export function nftFinding(text: string): Finding | undefined {
  const [, ...parts] = /^(?:nftables v)?(\d+)\.(\d+)(?:\.(\d+))?/.exec(text) ?? [];
  if (parts.length === 0) return undefined; // a build of somebody's: `nft -f` will tell
  const version = parts.map((part) => Number(part ?? 0));
  const name = `nft ${version.join(".")}`;
  if (isOlder(version, READS)) {
    return { level: "error", what: `${name} is too old to read our table`, remedy: REMEDY };
  }
  if (isOlder(version, TESTED)) {
    return { level: "warning", what: `${name} is older than any that this was tested with`, remedy: REMEDY };
  }
}

function isOlder(version: readonly number[], than: readonly [number, number, number]): boolean {
  const i = version.findIndex((part, i) => part !== than[i]);
  return i >= 0 && version[i]! < than[i]!;
}
