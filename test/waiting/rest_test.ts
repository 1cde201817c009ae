// At rest the agent writes nothing, whatever others do to the machine meanwhile.

import assert from "node:assert/strict";
import { Lab } from "../lab/lab.ts";
import { until } from "../lab/until.ts";

const SECONDS = 20;
const EVENTS_PER_SECOND = 10;

/** The argument lists in strace's lines; a line that another one interrupts has it too. */
function startsIn(trace: string): string[] {
  return [...trace.matchAll(/ execve\("[^"]*", \[(.*?)\]/g)].map(([, list]) => {
    const [program, ...args] = [...list!.matchAll(/"([^"]*)"/g)].map(([, word]) => word!);
    return [program!.split("/").at(-1), ...args].join(" ");
  });
}

/** A peer that does not answer is no rest: for ninety seconds WireGuard tries, and the agent its other addresses. */
async function labWithPeer(): Promise<Lab> {
  const lab = await Lab.create({ nodes: 2 });
  lab.nodes[1]!.startAgent();
  await lab.nodes[1]!.conflist();
  return lab;
}

const LOOKS: readonly RegExp[] = [
  /^nft -j list table inet wigglenet$/,
  /^ip (-N )?-j .*show\b/,
  /^wg show wigglenet dump$/,
  /^ip -j -force -batch \/run\/wigglenet\/input-/, // ways to endpoints
  /^ip -j -d -batch -$/, // addresses, uplinks, forwarding
  /^nft -j list chains$/, // foreign ones, once or twice while the monitors begin
  /^nft -j list table inet wigglenet-fastpath$/, // with an audit
];

/** One event after the other, ten a second. */
async function inTime(events: readonly (() => Promise<unknown>)[]): Promise<void> {
  const start = performance.now();
  for (let i = 0; i < SECONDS * EVENTS_PER_SECOND; i++) {
    await until("the next event's time", () => performance.now() >= start + i * 1000 / EVENTS_PER_SECOND, {
      pauseMs: 5,
    });
    await events[i % events.length]!();
  }
}

Deno.test(`ten foreign events a second for ${SECONDS} s make the agent write nothing, nor read its table again`, async () => {
  await using lab = await labWithPeer();
  const [node] = lab.nodes;
  const trace = `${node!.folder}/trace`;
  const strace = ["strace", "-f", "-qq", "-e", "trace=execve", "-s", "4096", "-o", trace];
  const agent = node!.start([...strace, ...node!.agentArgv({ settings: { "filter-ipv4": "true" } })]);
  await node!.conflist();
  await node!.inSync();
  // All is looked at again while the monitors may not listen yet, WireGuard with it. That is over when only polls come.
  const starts = async () => startsIn(await Deno.readTextFile(trace));
  await until("a look at foreign chains", async () => (await starts()).some((argv) => LOOKS[5]!.test(argv)));
  await until("three polls of the peers, with nothing between them", async () => {
    const last = (await starts()).slice(-3);
    return last.length === 3 && last.every((argv) => LOOKS[2]!.test(argv));
  });
  const [before, handles, log] = [await starts(), await handlesOf(), agent.stderr.length];

  const events = [
    () =>
      node!.run([
        "nft",
        "add table inet foreign; add chain inet foreign x; add set inet foreign s { type ipv4_addr; }",
      ]),
    () => node!.ip(["route add 203.0.113.0/24 via 10.9.1.254", "route add 2001:db8:5::/48 via fd09::fe"]),
    () => node!.run(["nft", "add element inet foreign s { 10.244.2.7 }"]),
    () => node!.ip(["route del 203.0.113.0/24", "route del 2001:db8:5::/48"]),
    () => node!.run(["nft", "delete table inet foreign"]),
    () => node!.ip(["address add 192.0.2.1/32 dev lo", "address del 192.0.2.1/32 dev lo"]),
  ];
  await inTime(events);

  const during = (await starts()).slice(before.length);
  const others = during.filter((argv) => !LOOKS.some((look) => look.test(argv)));
  assert.deepEqual(others, [], "not only looks");
  const count = (look: RegExp) => during.filter((argv) => look.test(argv)).length;
  assert.ok(count(LOOKS[2]!) >= SECONDS - 5, `the peers were polled ${count(LOOKS[2]!)} times`);
  assert.ok(count(LOOKS[0]!) <= 1, `the table was read ${count(LOOKS[0]!)} times, an audit needs one`);
  assert.ok(
    count(LOOKS[3]!) <= 1,
    `the ways were asked for ${count(LOOKS[3]!)} times, an audit does it once`,
  );
  assert.ok(count(LOOKS[5]!) <= 1, `foreign chains were read ${count(LOOKS[5]!)} times`);
  assert.equal(await handlesOf(), handles);
  assert.deepEqual(agent.stderr.slice(log), []);

  function handlesOf(): Promise<string> {
    return node!.run(["nft", "-a", "-s", "list", "table", "inet", "wigglenet"]);
  }
});
