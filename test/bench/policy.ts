// `deno task bench:policy [--rounds N] [--seconds N] [--conntrack PATH] [--part NAME]...`: what policies cost a packet, against the
// same table without; how long the kernel takes to be loaded with them, and to hear of one pod more or less; what an agent does
// about 200 pods a second out of files, a pod that starts, flows that are no longer allowed; and the same of pods one by one and 200
// a second out of a real API server.

import { parseArgs } from "node:util";
import { changePolicy } from "../../src/core/plan/change_policy.ts";
import { NO_GARBAGE, standingOf } from "../../src/core/plan/standing_policy.ts";
import { parsePod } from "../../src/core/policy/parse_pod.ts";
import type { PolicyModel } from "../../src/core/policy/policy_model.ts";
import { policyObjects, renderPolicyDelta, wholeDelta } from "../../src/core/render/render_policy.ts";
import { hold, Host } from "../lab/host.ts";
import { AGENT_ARGV } from "../lab/lab.ts";
import { prepareKubernetes } from "../lab/kubernetes/binaries.ts";
import type { Family } from "../lab/manifest.ts";
import { run } from "../lab/process.ts";
import { startReaping } from "../lab/reaper.ts";
import { runAlone, tell } from "./alone.ts";
import { listOf, memberOf, smallNode } from "./cluster.ts";
import { judgeChurn, judgeSingles } from "./pod_churn.ts";
import { judgeRevocation, judgeStarts } from "./policed_agent.ts";
import { PolicedApi } from "./policed_api.ts";
import { podAddresses, podOf, policedModel } from "./policed_cluster.ts";
import { PolicedCrowd } from "./policed_crowd.ts";
import { Road, type Way } from "./road.ts";
import { Verdict } from "./verdict.ts";

const PARTS = ["changes", "churn", "starts", "flows", "api", "packets"] as const;
const { values: options } = parseArgs({
  options: {
    rounds: { type: "string", default: "12" },
    seconds: { type: "string", default: "60" },
    conntrack: { type: "string" },
    part: { type: "string", multiple: true, default: [...PARTS] },
  },
});
const OPTIONS = { isUnknownClosed: true, isLogged: false };
const TABLES = ["none", "100", "10000"] as const;
type Table = (typeof TABLES)[number];
type Samples = Record<Table, number[]>;
const ESTABLISHED_PACKETS = 250_000;
const NEW_FLOWS = 60_000;
const NODES = 1_000;
const CHANGES = 20;
const SINGLES = 20;

function ends(i: number): Record<Family, string> {
  const [v4, v6] = podAddresses(i);
  return { 4: v4, 6: v6 };
}

// Where both ends are of this node each packet is asked about twice.
const WAYS: readonly Way[] = [
  { name: "pod to pod of this node", entry: "pod1", exit: "pod2", from: ends(0), to: ends(1) },
  { name: "tunnel to pod", entry: "wigglenet", exit: "pod1", from: ends(500), to: ends(0) },
];

async function rendered(): Promise<string> {
  const path = await Deno.makeTempFile({ dir: "/dev/shm", suffix: ".yaml" });
  const own = {
    ...memberOf(0),
    name: "n1",
    podCidrs: ["10.244.1.0/24", "fd00:10:244:1::/64"],
    addresses: ["10.9.1.1", "fd09::1"],
  };
  const members = [own, ...Array.from({ length: NODES - 1 }, (_, i) => memberOf(i + 1))];
  await Deno.writeTextFile(path, listOf(members.map(smallNode)));
  const flags = ["--node-name=n1", `--nodes=${path}`, "--filter-ipv4=true", "--filter-ipv6=true"];
  const { nft } = JSON.parse(await run([...AGENT_ARGV, "render", "--json", ...flags])) as { nft: string };
  await Deno.remove(path);
  return nft;
}

function textOf(model: PolicyModel): string {
  return renderPolicyDelta(wholeDelta(policyObjects(model.desired(), OPTIONS)));
}

async function judgePackets(
  verdict: Verdict,
  rulesets: Record<Table, string>,
  rounds: number,
): Promise<void> {
  for (const way of WAYS) {
    const road = await Road.build(way);
    for (const family of [4, 6] as const) {
      const established: Samples = { none: [], 100: [], 10000: [] };
      const fresh: Samples = { none: [], 100: [], 10000: [] };
      for (let round = 0; round < rounds; round++) {
        const turn = round % TABLES.length;
        for (const table of [...TABLES.slice(turn), ...TABLES.slice(0, turn)]) {
          await road.load(rulesets[table]);
          established[table].push((await road.sendEstablished(family, ESTABLISHED_PACKETS)).cpuNs);
          fresh[table].push((await road.sendNew(family, NEW_FLOWS)).cpuNs);
        }
      }
      tell(`${way.name}, IPv${family}, load ${Deno.loadavg()[0]!.toFixed(1)}`);
      const ratio = (samples: Samples, of: Table, to: Table) =>
        samples[of].map((ns, i) => ns / samples[to][i]!);
      const where = `IPv${family} ${way.name}`;
      const rest = { unit: "×", digits: 3 };
      const [known, first] = [ratio(established, "100", "none"), ratio(fresh, "100", "none")];
      verdict.median({
        what: `${where}, established, 100 policies : none`,
        values: known,
        bound: 1.05,
        ...rest,
      });
      verdict.median({ what: `${where}, new, 100 policies : none`, values: first, bound: 1.2, ...rest });
      const more = ratio(fresh, "10000", "100");
      verdict.median({ what: `${where}, new, 10,000 policies : 100`, values: more, bound: 1.1, ...rest });
    }
  }
}

/** What nft alone takes, starting it included. */
async function judgeChanges(verdict: Verdict, core: string): Promise<void> {
  const host = new Host(await hold("loaded"));
  await host.run(["nft", "-f", "-"], { stdin: core });
  const timed = async (text: string) => {
    const startMs = performance.now();
    await host.run(["nft", "-f", "-"], { stdin: text });
    return performance.now() - startMs;
  };
  const model = policedModel(100);
  model.takeChange();
  const desired = model.desired();
  verdict.single({
    what: "load of 100 policies, nft",
    value: await timed(textOf(model)),
    unit: "ms",
    bound: 1_000,
  });
  let standing = standingOf(desired, OPTIONS, NO_GARBAGE);
  const change = async () => {
    const step = changePolicy(model.takeChange(), standing, OPTIONS);
    standing = step.standing;
    return await timed(step.text);
  };
  const [added, deleted]: [number[], number[]] = [[], []];
  for (let i = 0; i < CHANGES; i++) {
    model.putPod(parsePod(podOf(6_000 + i, [`10.250.1.${i + 1}`, `fd00:250::${i + 1}`]), "bench").value!);
    added.push(await change());
  }
  for (let i = 0; i < CHANGES; i++) {
    model.removePod(`ns-${(6_000 + i) % 50}`, `pod-${6_000 + i}`);
    deleted.push(await change());
  }
  verdict.median({ what: "one remote pod more, nft", values: added, unit: "ms", bound: 40 });
  verdict.median({ what: "one remote pod less, nft", values: deleted, unit: "ms", bound: 120 });
}

async function measure(): Promise<Verdict> {
  const wants = (part: typeof PARTS[number]) => options.part.includes(part);
  await run(["mount", "-t", "tmpfs", "tmpfs", "/dev/shm"]);
  startReaping();
  const verdict = new Verdict();
  if (wants("changes") || wants("packets")) {
    const core = await rendered();
    if (wants("changes")) await judgeChanges(verdict, core);
    const rulesets = {
      none: core,
      100: core + textOf(policedModel(100)),
      10000: core + textOf(policedModel(10_000)),
    };
    if (wants("packets")) await judgePackets(verdict, rulesets, Number(options.rounds));
  }
  if (wants("churn")) await judgeFiles(verdict);
  if (wants("starts")) await judgeStarts(verdict);
  if (wants("flows")) await judgeRevocation(verdict, options.conntrack);
  if (wants("api")) await judgeApi(verdict);
  return verdict;
}

async function judgeFiles(verdict: Verdict): Promise<void> {
  const crowd = await PolicedCrowd.create();
  await judgeChurn(verdict, crowd.hand, Number(options.seconds));
  await crowd.close();
}

async function judgeApi(verdict: Verdict): Promise<void> {
  await using cluster = await PolicedApi.create();
  await judgeSingles(verdict, cluster.kubelets, SINGLES);
  await judgeChurn(verdict, cluster.crowds, Number(options.seconds));
}

async function arrange(): Promise<() => Promise<void>> {
  const objection = options.part.includes("api") ? await prepareKubernetes() : undefined;
  if (objection === undefined) return () => Promise.resolve();
  console.error(`The part api ${objection}`);
  Deno.exit(1);
}

await runAlone({ url: import.meta.url, measure, arrange });
