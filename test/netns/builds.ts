// Agents that differ from the one of this repository.

import { SOURCE } from "../lab/agent.ts";
import { run } from "../lab/process.ts";

const ROOT = new URL("../../", import.meta.url).pathname;
const DYING = new URL("dying_agent.ts", import.meta.url).pathname;

/** Argument list of an agent that kills itself at a moment of dying_agent.ts: its number, or how it begins. */
export function dyingArgv(moment: string): string[] {
  return [...SOURCE.argv.slice(0, -1), DYING, moment];
}

/** What the next release may do to the table: sets of other names, a chain more, a rule more in front of all others. */
async function change(folder: string): Promise<void> {
  const files = (await run(["grep", "-rl", "pod-cidrs-v", `${folder}/src`, `${folder}/nft-templates`]))
    .trim();
  await run(["sed", "-i", "s/pod-cidrs-v/prefixes-v/g", ...files.split("\n")]);
  const forward = `${folder}/nft-templates/forward.nft`;
  const text = await Deno.readTextFile(forward);
  const rule = "\tct state established,related accept\n";
  const changed = text.replace(rule, `\tcounter jump seen\n\t${rule}`)
    .replace("chain invalid { }", "chain invalid { }\n\n\tchain seen { counter; }");
  if (!changed.includes("jump seen")) throw new Error(`${forward} has no line ${rule}`);
  await Deno.writeTextFile(forward, changed);
}

/** Copies what the program is made of, and more, into a folder that it makes. */
export async function copyBuild(folder: string, more: readonly string[] = []): Promise<void> {
  await Deno.mkdir(folder);
  const parts = ["main.ts", "deno.json", "deno.lock", "src", "nft-templates", ...more];
  await run(["cp", "-r", ...parts.map((part) => `${ROOT}${part}`), folder]);
}

/** Makes a folder with another build: a copy of this one with a table of another structure. */
export async function makeOtherBuild(folder: string, more: readonly string[] = []): Promise<void> {
  await copyBuild(folder, more);
  await change(folder);
}

/** Argument list of another build, made in a folder. */
export async function otherBuildArgv(folder: string): Promise<string[]> {
  await makeOtherBuild(folder);
  return [...SOURCE.argv.slice(0, -1), `${folder}/main.ts`];
}
