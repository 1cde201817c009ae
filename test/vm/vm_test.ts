// The layer netns, the demo and, where they are asked for, nodes that boot, on Debian's kernel with its own WireGuard, in virtual machines that run beside each other.
// Each test in it is one here, under the same name.

import assert from "node:assert/strict";
import { basename } from "node:path";
import { secondsLeft } from "../runner/budget.ts";
import { parseJunit } from "../runner/junit.ts";
import { KUBE_PROXY, prepareKubernetes } from "../lab/kubernetes/binaries.ts";
import { runInMachine } from "./machine.ts";
import { prepareBooting } from "../booted/packages.ts";
import { prepareForEngines } from "../prepare.ts";

/** What the machine of CI has for it, with what comes behind it and half as fast as ours. */
const DEADLINE_SECONDS = 1_500;
/** To collect what the machines have left. */
const AFTERWARDS_SECONDS = 30;
/** Each may take 4 GB. */
const MOST_MACHINES = 2;
const TESTS = new URL("../", import.meta.url).pathname;
/**
 * Those that meet the kernel's WireGuard, flowtables, IPVS, bridges, dummies, XFRM and GRE, a sixth of them each day: a second of a test's work takes some
 * twenty here, and some machines are half as fast as others (docs/decisions/0024).
 */
const MEET_THE_KERNEL = [
  "netns/wireguard_mode_test.ts,netns/flowtable_test.ts,netns/ipsec_nat_test.ts=/behind NATs, reach/",
  "netns/bridge_test.ts=/full packets|NetworkPolicy|Service|IPv|br_netfilter|no router|rules are deleted/,api/kube_proxy_ipvs_test.ts",
  "netns/ipsec_test.ts=/rolls all keys|boots anew|nothing leaves bare/,netns/gre_test.ts=/three nodes|comes wrapped/," +
  "netns/transport_pages_test.ts=/ipsec|gre.md: clean|bridge/",
  "netns/declared_wireguard_test.ts=/both families|The socket is/,netns/declared_fields_test.ts," +
  "netns/declared_test.ts=/stand|face|dummy|ff02|link is deleted|private key|wanted name|cannot be read/",
  "netns/gre_change_test.ts",
  "netns/ipsec_change_test.ts,netns/ipsec_nat_change_test.ts",
];
const DAY_MS = 86_400_000;
const today = MEET_THE_KERNEL[Math.floor(Date.now() / DAY_MS) % MEET_THE_KERNEL.length]!;
/** Files between commas, each of all its tests, or of some: `netns/drift_table_test.ts,booted/package_test.ts=/^installed/`; or `kernel`, or `all`. */
const asked = Deno.env.get("WIGGLENET_VM_FILES") ?? today;
const chosen = asked === "kernel" ? MEET_THE_KERNEL.join() : asked;

const files = chosen === "all"
  ? ["netns", "waiting", "slow", "alone", "booted"].flatMap((part) => {
    const names = [...Deno.readDirSync(`${TESTS}${part}`)].map(({ name }) => `${part}/${name}`);
    // Laws meet no kernel.
    return names.filter((name) => name.endsWith("_test.ts") && !name.includes("/laws_")).sort();
  })
  // Names of tests have commas too.
  : chosen.split(/,(?=[a-z]+\/)/);
// The process's own, for what a test module prints is shown when its tests run.
const progress = Deno.openSync("/proc/self/fd/2", { append: true });
const folder = await Deno.makeTempDir({ prefix: "wigglenet-vm-" });
Deno.test.afterAll(() => Deno.remove(folder, { recursive: true }));

const has = (part: string) => files.some((file) => file.startsWith(`${part}/`));
if (has("booted")) assert.equal(await prepareBooting(), undefined);
if (has("slow")) assert.deepEqual(await prepareForEngines(), []);
if (has("api")) assert.equal(await prepareKubernetes([KUBE_PROXY]), undefined);
// One machine has one processor: each of ours emulates one. The demo comes last, as a file.
const count = Math.min(navigator.hardwareConcurrency, MOST_MACHINES, files.length);
const shares = Array.from({ length: count }, (_, i) => [...files, "demo"].filter((_, j) => j % count === i));
const codes = await Promise.all(shares.map((args, i) =>
  runInMachine({
    program: new URL("inside.ts", import.meta.url).pathname,
    args,
    packages: ["ipset"],
    folder: `${folder}/${i + 1}`,
    deadlineSeconds: Math.max(0, Math.min(DEADLINE_SECONDS, secondsLeft() - AFTERWARDS_SECONDS)),
    onLine: (line) => progress.writeSync(new TextEncoder().encode(`${i + 1}| ${line}\n`)),
  }).catch((error: Error) => error)
));

for (const [i, code] of codes.entries()) {
  Deno.test(`the virtual machine ${i + 1} comes to its end`, () => assert.equal(code, 0));
}

/** What one of the machines has left, or nothing. */
async function left(name: string): Promise<string> {
  const texts = shares.map((_, i) => Deno.readTextFile(`${folder}/${i + 1}/${name}`).catch(() => ""));
  return (await Promise.all(texts)).join("");
}

for (const [name, filter] of files.map((file) => file.split("=") as [string, string?])) {
  const report = await left(`${basename(name)}.xml`);
  // What a filter leaves out is reported as ignored.
  const results = parseJunit(report).filter(({ outcome }) => filter === undefined || outcome !== "ignored");
  Deno.test(`kernel: ${name} has run`, () => assert.ok(results.length > 0, "it left no report: see above"));
  for (const { name: test, outcome } of results) {
    Deno.test(`kernel: ${test}`, { ignore: outcome === "ignored" }, () => {
      assert.equal(outcome, "passed", "see the machine's own output above");
    });
  }
}

Deno.test("kernel: the demo", async () => {
  assert.equal(await left("demo"), "0");
});
