// `deno task bench:rest [--minutes N] [--nodes N]`: the agent has nothing to do, and somebody else on its host does
// ten things a second that are none of its business. Counted is all that the agent writes: it must be nothing.

import { parseArgs } from "node:util";
import type { Process } from "../lab/process.ts";
import { runAlone, tell } from "./alone.ts";
import { Crowd } from "./crowd.ts";
import { type Deeds, meddle, settleIn } from "./foreign.ts";
import { secondsOf } from "./processor.ts";
import { sortTrace, type Traced } from "./traced.ts";
import { Verdict } from "./verdict.ts";

const { values: options } = parseArgs({
  options: { minutes: { type: "string", default: "5" }, nodes: { type: "string", default: "200" } },
});
const COUNT = Number(options.nodes);
const SETTLING_MS = 5_000;

/** What must be the same before and after. Handles and all: a table that was replaced by its equal has others. */
const STATE: readonly (readonly string[])[] = [
  ["nft", "-s", "-a", "list", "table", "inet", "wigglenet"],
  ["ip", "-4", "-d", "route", "show", "proto", "146"],
  ["ip", "-6", "-d", "route", "show", "proto", "146"],
  ["ip", "-d", "address", "show", "dev", "wigglenet"],
  ["wg", "show", "wigglenet", "allowed-ips"],
  ["wg", "show", "wigglenet", "endpoints"],
  ["wg", "show", "wigglenet", "persistent-keepalive"],
  ["wg", "show", "wigglenet", "listen-port"],
];

/** Sorted: wireguard-go prints its peers in another order each time. */
async function stateOf({ node }: Crowd): Promise<string[]> {
  return await Promise.all(STATE.map(async (argv) => (await node.run(argv)).split("\n").sort().join("\n")));
}

interface Watched {
  readonly deeds: Deeds;
  readonly trace: Traced;
  /** Transactions of nftables, all of them. */
  readonly transactions: number;
  /** Lines of `nft monitor` and `ip monitor` about what is ours. */
  readonly ours: readonly string[];
}

/** Lets somebody meddle while strace and the kernel's monitors look on. */
async function watch({ lab, node }: Crowd, agent: Process): Promise<Watched> {
  const nft = node.start(["nft", "monitor"]);
  const ip = node.start(["ip", "-o", "monitor", "route", "link", "address"]);
  const log = `${lab.folder}/trace`;
  const trace = ["-f", "-qq", "-s", "200", "-e", "trace=execve,sendto,sendmsg", "-o", log];
  const strace = node.start(["strace", ...trace, "-p", `${agent.pid}`]);
  await pause(SETTLING_MS);
  const durationMs = Number(options.minutes) * 60_000;
  tell(`watching for ${options.minutes} minutes`);
  const deeds = await meddle(node, durationMs);
  await pause(SETTLING_MS);
  await Promise.all([strace.kill("SIGINT"), nft.kill("SIGTERM"), ip.kill("SIGTERM")]);
  return {
    deeds,
    trace: sortTrace((await Deno.readTextFile(log)).split("\n")),
    transactions: nft.stdout.filter((line) => line.startsWith("# new generation")).length,
    ours: [
      ...nft.stdout.filter((line) => /inet wigglenet\b/.test(line)),
      ...ip.stdout.filter((line) => /\bwigglenet\b|proto 146/.test(line)),
    ],
  };
}

function judge({ deeds, trace, transactions, ours }: Watched, verdict: Verdict): void {
  if (trace.reads.length === 0) throw new Error("strace saw nothing: not even the agent's polls");
  const count = (what: string, value: number, bound?: number) =>
    verdict.single({ what, value, unit: "", ...(bound === undefined ? {} : { bound }) });
  count("what somebody else did", deeds.all);
  count("programs that the agent started to read", trace.reads.length);
  count("programs that the agent started to write", trace.writes.length, 0);
  count("netlink messages of its programs that write", trace.messages.length, 0);
  count("transactions of nftables beside the other's", transactions - deeds.transactions, 0);
  count("events of the kernel about what is ours", ours.length, 0);
  for (const line of [...trace.writes, ...trace.messages, ...ours].slice(0, 20)) console.log(`  ${line}`);
}

async function measure(): Promise<Verdict> {
  const verdict = new Verdict();
  const crowd = await Crowd.create();
  const { agent } = await crowd.load(await crowd.writeFolder("crowd", COUNT));
  await settleIn(crowd.node);
  tell(`${COUNT} nodes; waiting until the agent has greeted them all`);
  await pause(SETTLING_MS);
  const before = await stateOf(crowd);
  const [seconds, start] = [secondsOf(agent.pid), performance.now()];
  const watched = await watch(crowd, agent);
  const share = (secondsOf(agent.pid) - seconds) * 100_000 / (performance.now() - start);
  const after = await stateOf(crowd);
  judge(watched, verdict);
  const changed = STATE.filter((_, i) => before[i] !== after[i]).map((argv) => argv.join(" "));
  for (const command of changed) console.log(`  not what it was: ${command}`);
  verdict.single({ what: "parts of the state that changed", value: changed.length, unit: "", bound: 0 });
  verdict.single({ what: "agent, share of a processor, under strace", value: share, unit: "%", digits: 1 });
  await crowd.unload(agent);
  await crowd.lab.close();
  return verdict;
}

function pause(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

await runAlone({ url: import.meta.url, measure });
