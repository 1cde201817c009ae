// `deno task bench:vm [--pairs N]`: what pods get out of the agent's network, against wg-quick and nft by hand, both on
// Debian's kernel with its own WireGuard, in one virtual machine; and how long it takes from start to mesh there.
// `--part systemd`: how long it takes a node with the package, from network-online on.

import { parseArgs } from "node:util";
import { bundle } from "../../deploy/bundle.ts";
import { prepareBooting } from "../booted/packages.ts";
import { runInMachine } from "../vm/machine.ts";

const PACKAGES = ["iperf3", "apache2-utils", "lighttpd"];
const DEADLINE_SECONDS = 3_600;

const PARTS: Readonly<Record<string, string>> = { network: "rivals.ts", systemd: "booting.ts" };

const { values } = parseArgs({
  options: { pairs: { type: "string", default: "60" }, part: { type: "string", default: "network" } },
});
const program = PARTS[values.part];
if (program === undefined) {
  console.error(`There is no part ${values.part}: ${Object.keys(PARTS).join(" or ")}`);
  Deno.exit(2);
}
await bundle(); // what is shipped is measured
const objection = values.part === "systemd" ? await prepareBooting() : undefined;
if (objection !== undefined) throw new Error(objection);
const code = await runInMachine({
  program: new URL(program, import.meta.url).pathname,
  args: [values.pairs],
  packages: PACKAGES,
  deadlineSeconds: DEADLINE_SECONDS,
  onLine: (line) => console.log(line),
});
Deno.exit(code);
