// The keeper of policies with a real nft, while what is wanted does not stand still.

import assert from "node:assert/strict";
import { PolicyKeeper } from "../../src/shell/policy/policy_keeper.ts";
import { observeTable } from "../../src/shell/observe.ts";
import { Process, run } from "../lab/process.ts";
import { until } from "../lab/until.ts";
import { addressesOf, PolicyCluster, policyJson } from "../policy_cluster.ts";

const OPTIONS = { isUnknownClosed: true, isLogged: false };
const HEARS = {
  wake: () => {},
  onDone: () => {},
  onRefused: (name: string) => assert.fail(`${name} is refused`),
};

/** A keeper of the cluster's policies; `onLook` each time that it asks for the whole. */
function keeperOf({ model }: PolicyCluster, onLook = () => {}): PolicyKeeper {
  const desired = () => {
    onLook();
    return model.desired();
  };
  return new PolicyKeeper({ takeChange: () => model.takeChange(), desired }, OPTIONS, HEARS);
}

/** What it does when it reads the table first; undefined: nothing. */
async function planned(keeper: PolicyKeeper): Promise<string | undefined> {
  const step = await keeper.plan(await observeTable(), true);
  const [action] = step?.actions ?? [];
  return action?.kind === "run" ? action.input : undefined;
}

/** What it does of what has changed, by what it knows of the kernel. */
async function follow(keeper: PolicyKeeper): Promise<void> {
  keeper.changed();
  const step = await keeper.plan(undefined, false);
  const [action] = step?.actions ?? [];
  assert.ok(action?.kind === "run" && action.input !== undefined, "nothing has changed");
  await run(["nft", "-f", "-"], { stdin: action.input });
  keeper.confirmed();
}

/** Plans once, and gives it to the kernel. */
async function enforce(keeper: PolicyKeeper): Promise<void> {
  const text = await planned(keeper);
  if (text === undefined) return;
  await run(["nft", "-f", "-"], { stdin: text });
  keeper.confirmed();
}

Deno.test("what becomes wanted while nft is asked how it prints is enforced in that pass", async () => {
  const cluster = PolicyCluster.ordinary();
  cluster.policy(policyJson({ podSelector: {}, policyTypes: ["Ingress"] }, "closed"));
  await enforce(keeperOf(cluster));
  const change = () => {
    cluster.policy(
      policyJson({ podSelector: { matchLabels: { pod: "a" } }, ingress: [{ from: [{ podSelector: {} }] }] }),
    );
    started.changed();
  };
  let looks = 0;
  // An agent that starts finds the table: it asks nft while the API tells of another policy.
  const started: PolicyKeeper = keeperOf(cluster, () => {
    if (looks++ === 0) setTimeout(change);
  });
  try {
    await enforce(started);
    assert.equal(looks, 2);
    assert.deepEqual(cluster.model.takeChange().contents, []);
    assert.equal(await planned(keeperOf(cluster)), undefined);
  } finally {
    await run(["nft", "delete", "table", "inet", "wigglenet"]);
  }
});

const FROM_B = { podSelector: {}, ingress: [{ from: [{ podSelector: { matchLabels: { pod: "b" } } }] }] };
const FROM_C = { podSelector: {}, ingress: [{ from: [{ podSelector: { matchLabels: { pod: "c" } } }] }] };

Deno.test("what nft's monitor tells when more has changed is known for our own; a stranger's hand between it is not", async () => {
  const cluster = PolicyCluster.ordinary();
  const keeper = keeperOf(cluster);
  cluster.policy(policyJson(FROM_B));
  const label = (pod: string) => {
    cluster.pod({ name: "a", ips: addressesOf("x/a"), labels: { pod } });
    return follow(keeper);
  };
  const lines: string[] = [];
  const monitor = new Process(["nft", "monitor"], { onLine: (line) => lines.push(line) });
  /** Lines up to now of which the keeper is surprised. */
  const surprises = async (mark: string) => {
    await until("the monitor to tell", async () => {
      await run(["nft", `add table inet ${mark}; delete table inet ${mark}`]);
      return lines.some((line) => line.includes(mark));
    });
    return lines.splice(0).filter((line) => keeper.heard(line) === true);
  };
  try {
    await surprises("begin");
    await enforce(keeper);
    for (let i = 0; i < 3; i++) {
      for (const pod of ["b", "a"]) await label(pod);
      cluster.policy(policyJson(FROM_C));
      await follow(keeper);
      cluster.model.removePolicy("x", "policy");
      await follow(keeper);
      cluster.policy(policyJson(FROM_B));
      await follow(keeper);
    }
    assert.deepEqual(await surprises("ours"), []);
    await label("b");
    const [set] = [...keeper.objects()!.sets].find(([name]) => name.startsWith("p4-"))!;
    await run(["nft", "add", "element", "inet", "wigglenet", set, "{ 192.0.2.7 }"]);
    await label("a");
    assert.deepEqual(await surprises("theirs"), [`add element inet wigglenet ${set} { 192.0.2.7 }`]);
    await run(["nft", "delete", "element", "inet", "wigglenet", set, `{ ${addressesOf("x/b")[0]} }`]);
    assert.equal((await surprises("gone")).length, 1);
    assert.equal(await planned(keeperOf(cluster)) !== undefined, true);
  } finally {
    await monitor.kill("SIGTERM");
    await run(["nft", "delete", "table", "inet", "wigglenet"]);
  }
});
