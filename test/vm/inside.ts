// Runs in the virtual machine: files of tests (the layer netns, nodes that boot), then the demo, with the kernel's WireGuard. Reports go to
// /out: one of `deno test` for each file, and `demo` with the exit code of the demo.

import { basename } from "node:path";
import { runInside } from "../lab/outer.ts";
import { run } from "../lab/process.ts";

const OUT = "/out";
const TESTS = new URL("../", import.meta.url).pathname;
const DEMO = new URL("../demo/demo.ts", import.meta.url).pathname;
/** Emulated, everything takes about so many times as long. */
const PATIENCE = "8";

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

Deno.env.set("WIGGLENET_LAB_PATIENCE", PATIENCE);
// As shipped: it starts in half the time.
Deno.env.set("WIGGLENET_AGENT", "bundle");
await run(["ip", "link", "set", "lo", "up"]);
// For the systemd of nodes that boot.
await run(["mount", "-t", "cgroup2", "cgroup2", "/sys/fs/cgroup"]);
for (const module of ["wireguard", "tun", "overlay"]) await run(["modprobe", module]);
console.log(`=== Linux ${Deno.osRelease()}`);
for (const name of Deno.args) {
  const report = `--junit-path=${OUT}/${basename(name)}.xml`;
  await tell(name, ["test", "--quiet", "--no-check", "--no-prompt", report, "-A", `${TESTS}${name}`]);
}
const code = await tell("demo", ["run", "--quiet", "--no-check", "--cached-only", "-A", DEMO]);
await Deno.writeTextFile(`${OUT}/demo`, String(code));
