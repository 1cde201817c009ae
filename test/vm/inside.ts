// Runs in the virtual machine: files of tests (the layer netns, nodes that boot), then the demo, with the kernel's WireGuard. Reports go to
// /out: one of `deno test` for each file, and `demo` with the exit code of the demo. `FILE=/NAMES/` runs those tests of a file.

import { basename } from "node:path";
import { runInside } from "../lab/outer.ts";
import { run } from "../lab/process.ts";
import { getReady } from "./ready.ts";

const OUT = "/out";
const TESTS = new URL("../", import.meta.url).pathname;
const DEMO = new URL("../demo/demo.ts", import.meta.url).pathname;

/** Modules of the kernel that are loaded now. */
function loadedModules(): Set<string> {
  const lines = Deno.readTextFileSync("/proc/modules").trim().split("\n");
  return new Set(lines.map((line) => line.split(" ")[0]!));
}

/** Runs one thing and says what of the kernel it is the first to use. */
async function tell(what: string, argv: readonly string[]): Promise<number> {
  const before = loadedModules();
  const start = performance.now();
  const code = await runInside([Deno.execPath(), ...argv]);
  const fresh = [...loadedModules()].filter((name) => !before.has(name)).sort();
  const seconds = ((performance.now() - start) / 1000).toFixed(0);
  const features = fresh.length === 0 ? "no new features of the kernel" : `first to use ${fresh.join(", ")}`;
  console.log(`=== ${what}: code ${code} after ${seconds} s; ${features}`);
  return code;
}

await getReady();
// Tests look whether it is there, and leave themselves out where it is not.
const MODULES = "ip_vs ip_vs_rr br_netfilter ip_gre ip6_gre xfrm_interface xfrm_user esp4 esp6";
for (const module of MODULES.split(" ")) {
  await run(["modprobe", module]);
}
console.log(`=== Linux ${Deno.osRelease()}`);
for (const chosen of Deno.args) {
  if (chosen === "demo") {
    const code = await tell("demo", ["run", "--quiet", "--no-check", "--cached-only", "-A", DEMO]);
    await Deno.writeTextFile(`${OUT}/demo`, String(code));
    continue;
  }
  const [name, filter] = chosen.split("=") as [string, string | undefined];
  const flags = ["--quiet", "--no-check", "--no-prompt", `--junit-path=${OUT}/${basename(name)}.xml`];
  if (filter !== undefined) flags.push(`--filter=${filter}`);
  await tell(name, ["test", ...flags, "-A", `${TESTS}${name}`]);
}
