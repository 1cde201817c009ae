// `wigglenet version`.

import { loadAll } from "../shell/load_all.ts";
import { parseSwitches } from "./arguments.ts";
import manifest from "../../deno.json" with { type: "json" };

/** This program's version. */
export const VERSION: string = manifest.version;

/** Prints the version; with --warm, twice where the runtime's cache may be written, all later starts are shorter. */
export async function version(args: readonly string[]): Promise<number> {
  const given = await parseSwitches(args, ["warm"]);
  if (given.has("warm")) await loadAll();
  console.log(VERSION);
  return 0;
}
