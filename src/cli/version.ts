// `wigglenet version`.

import manifest from "../../deno.json" with { type: "json" };

/** This program's version. */
export const VERSION: string = manifest.version;

/** Prints the version. */
export function version(_args: readonly string[]): Promise<number> {
  console.log(VERSION);
  return Promise.resolve(0);
}
