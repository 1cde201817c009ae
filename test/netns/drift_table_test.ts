// Somebody changes our table or our files: they are what they were within a second, and the log says what was changed.
//
//   n1-pod ── n1 ══ tunnel ══ n2 ── n2-pod        everything happens to n1

import assert from "node:assert/strict";
import { until } from "../lab/until.ts";
import { type Drift, pidOf, POLL_MS, Victim } from "./drift.ts";

const victim = await Victim.create();
const n1 = victim.node;
Deno.test.afterAll(() => victim.mesh.close());

async function handleOf(chain: string, rule: RegExp): Promise<string> {
  const text = await n1.run(["nft", "-a", "list", "chain", "inet", "wigglenet", chain]);
  const line = text.split("\n").find((line) => rule.test(line));
  return /# handle (\d+)/.exec(line ?? "")?.[1] ?? assert.fail(`${chain} has no rule like ${rule}:\n${text}`);
}

const TABLE: Readonly<Record<string, Drift>> = {
  "the whole ruleset is flushed": { act: victim.nft("flush ruleset"), log: /~ table .*missing/ },
  "the table is deleted": { act: victim.nft("delete table inet wigglenet"), log: /~ table .*missing/ },
  "one rule is deleted": {
    act: async () => {
      await n1.run([
        "nft",
        "delete",
        "rule",
        "inet",
        "wigglenet",
        "guard",
        "handle",
        await handleOf("guard", /v4/),
      ]);
    },
    log: /~ table .*its rules differ/,
  },
  "a rule is added": {
    act: victim.nft("insert rule inet wigglenet forward accept"),
    log: /~ table .*its rules differ/,
  },
  "a chain's policy is changed": {
    act: victim.nft("chain inet wigglenet forward { policy drop; }"),
    log: /~ table .*its rules differ/,
  },
  "the table is put to sleep": {
    act: victim.nft("table inet wigglenet { flags dormant; }"),
    log: /~ table .*its rules differ/,
  },
  "a set is added": {
    act: victim.nft("add set inet wigglenet extra { type ipv4_addr; }"),
    log: /~ table .*its rules differ/,
  },
  "a source is declared to be believed": {
    act: victim.nft("add element inet wigglenet believed-v4 { 10.9.1.9 . eth0 timeout 5d }"),
    log: /~ table .*a set that packets fill has members of somebody else/,
  },
  "one element is deleted": {
    act: victim.nft("delete element inet wigglenet pod-cidrs-v4 { 10.244.2.0/24 }"),
    log: /\+ element pod-cidrs-v4: 10\.244\.2\.0\/24/,
  },
  "a set is emptied": {
    act: victim.nft("flush set inet wigglenet local-pod-cidrs-v6"),
    log: /\+ element local-pod-cidrs-v6: fd00:10:244:1::\/64/,
  },
  "a foreign element is added": {
    act: victim.nft("add element inet wigglenet pod-cidrs-v4 { 172.30.0.0/16 }"),
    log: /- element pod-cidrs-v4: 172\.30\.0\.0\/16/,
  },
  "a foreign range is added": {
    act: victim.nft("add element inet wigglenet pod-cidrs-v4 { 172.30.0.5-172.30.0.9 }"),
    log: /(~ table|- element)/,
  },
};

for (const [what, drift] of Object.entries(TABLE)) {
  Deno.test(`${what}: the table is what it was within a second`, () => victim.heals(drift));
}

const CNI: Readonly<Record<string, Drift>> = {
  "the CNI file is edited": {
    act: () => n1.run(["tee", n1.conflistPath], { stdin: "{}" }),
    log: /~ cni .*its content differs/,
  },
  "the CNI file is removed": { act: victim.on("rm", n1.conflistPath), log: /\+ cni .*missing/ },
  "all in /run/wigglenet is removed": {
    act: victim.on("rm", "-rf", "/run/wigglenet"),
    log: /\+ cni .*missing/,
  },
};

for (const [what, drift] of Object.entries(CNI)) {
  Deno.test(`${what}: it is what it was within a second`, () => victim.heals(drift));
}

Deno.test("while nft monitor dies again and again, the table is still what it was within 2.5 s", async () => {
  let kills = 0;
  let isOver = false;
  const kill = async () => {
    const pid = await pidOf(n1, /nft\0monitor\0/);
    if (pid === undefined) return;
    Deno.kill(pid, "SIGKILL");
    kills++;
  };
  const killing = until("the end", async () => {
    await kill();
    return isOver;
  }, { deadlineMs: 60_000 });
  await n1.agent!.line("stderr", /nft monitor ended .* reading every 2000 ms/);
  await until("it to be killed again", () => Promise.resolve(kills >= 2));
  try {
    for (const what of ["the whole ruleset is flushed", "one element is deleted"]) {
      await victim.heals({ ...TABLE[what]!, withinMs: POLL_MS });
    }
  } finally {
    isOver = true;
    await killing;
  }
  await until("it to run again", async () => await pidOf(n1, /nft\0monitor\0/) !== undefined);
});
