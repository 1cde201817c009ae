// `wigglenet cleanup`: finds all that is ours by its name and removes it; needs no saved state.

import type { GivenSettings } from "../core/settings/settings.ts";
import { cleanUp } from "../shell/clean_up.ts";
import { becomeOnlyAgent } from "../shell/only_agent.ts";
import { parseArguments } from "./arguments.ts";

/** Removes what is ours and says what it was; 1 when something could not be removed, or an agent runs. */
export async function cleanup(args: readonly string[]): Promise<number> {
  const { settings, given } = await parseArguments(args, ["purge"]);
  if (!becomeOnlyAgent()) {
    throw new Error("an agent runs in this network namespace and would put everything back: stop it first");
  }
  return await report(settings, given.has("purge"));
}

async function report(settings: GivenSettings, isPurged: boolean): Promise<number> {
  const { removed, errors } = await cleanUp(settings, isPurged);
  for (const what of removed) console.log(`- ${what}`);
  for (const error of errors) console.error(`wigglenet: ${error.message}`);
  if (removed.length === 0 && errors.length === 0) console.log("nothing of ours is here");
  return errors.length === 0 ? 0 : 1;
}
