// `wigglenet check`: can this host do it, and is it well?

import { findingsOf } from "../core/check/check.ts";
import { inspectHost } from "../shell/inspect_host.ts";
import { parseArguments } from "./arguments.ts";

/** Prints a line and a remedy for each finding, one line when there is none; 0, or 1 with an error among them. */
export async function check(args: readonly string[]): Promise<number> {
  const { settings, given } = parseArguments(args, ["json"]);
  const report = await inspectHost(settings);
  const findings = findingsOf(report);
  if (given.has("json")) console.log(JSON.stringify(findings, null, 2));
  else if (findings.length === 0) {
    console.log(`${settings.nodeName} is well: ${Object.values(report.programs).join(", ")}`);
  } else for (const { level, what, remedy } of findings) console.log(`${level}: ${what}; ${remedy}`);
  return findings.some(({ level }) => level === "error") ? 1 : 0;
}
