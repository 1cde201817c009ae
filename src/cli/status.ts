// `wigglenet status`: the running agent's answer, or, without one, what the kernel has.

import { describeStatus } from "../core/plan/status.ts";
import type { Program } from "../core/shipped/programs.ts";
import { run } from "../shell/command.ts";
import { readStatus, silenceOf } from "../shell/status_socket.ts";
import { SETTINGS } from "../core/settings/settings.ts";
import { parseFlags } from "./arguments.ts";

/** Prints the status; 0 with an agent, 1 without. */
export async function status(args: readonly string[]): Promise<number> {
  const { raw, given: switches } = await parseFlags(args, ["json"]);
  const answer = await readStatus();
  if (typeof answer === "object") {
    console.log(
      switches.has("json")
        ? JSON.stringify(answer, null, 2)
        : describeStatus(answer, Date.now() / 1000).join("\n"),
    );
    return 0;
  }
  console.error(`wigglenet: ${silenceOf(answer)}; the kernel has:`);
  const { env, fallback } = SETTINGS.interfaceName;
  const name = raw[env] ?? Deno.env.get(env) ?? fallback;
  const outputs: Record<string, string> = {};
  for (const [title, program, args] of looks(name)) {
    outputs[title] = await run({ program, args }).catch((error: Error) => error.message);
  }
  if (switches.has("json")) console.log(JSON.stringify({ agent: answer ?? null, kernel: outputs }, null, 2));
  else for (const [title, text] of Object.entries(outputs)) console.log(`## ${title}\n${text.trimEnd()}\n`);
  return 1;
}

function looks(name: string): [string, Program, string[]][] {
  return [
    ["interface", "ip", ["-d", "address", "show", "dev", name]],
    ["routes", "ip", ["-4", "route", "show", "proto", "146"]],
    ["IPv6 routes", "ip", ["-6", "route", "show", "proto", "146"]],
    ["wireguard", "wg", ["show", name]],
    ["table", "nft", ["list", "table", "inet", "wigglenet"]],
  ];
}
