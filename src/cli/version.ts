// `wigglenet version`.

import { parseSwitches } from "./arguments.ts";
import manifest from "../../deno.json" with { type: "json" };

/** This program's version. */
export const VERSION: string = manifest.version;

/** Prints the version. */
export async function version(args: readonly string[]): Promise<number> {
  await parseSwitches(args, []);
  console.log(VERSION);
  return 0;
}
