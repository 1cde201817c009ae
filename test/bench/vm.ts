// `deno task bench:vm [--pairs N]`: what pods get out of the agent's network, against wg-quick and nft by hand, both on
// Debian's kernel with its own WireGuard, in one virtual machine; and how long it takes from start to mesh there.

import { parseArgs } from "node:util";
import { bundle } from "../../deploy/bundle.ts";
import { runInMachine } from "../vm/machine.ts";

const PACKAGES = ["iperf3", "wrk", "lighttpd"];
const DEADLINE_SECONDS = 3_600;

const { values } = parseArgs({ options: { pairs: { type: "string", default: "60" } } });
await bundle(); // what is shipped is measured
const code = await runInMachine({
  program: new URL("rivals.ts", import.meta.url).pathname,
  args: [values.pairs],
  packages: PACKAGES,
  deadlineSeconds: DEADLINE_SECONDS,
  onLine: (line) => console.log(line),
});
Deno.exit(code);
