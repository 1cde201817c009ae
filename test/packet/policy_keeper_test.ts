// The keeper of policies with a real nft, while what is wanted does not stand still.

import assert from "node:assert/strict";
import { PolicyKeeper } from "../../src/shell/policy/policy_keeper.ts";
import { observeTable } from "../../src/shell/observe.ts";
import { run } from "../lab/process.ts";
import { PolicyCluster, policyJson } from "../policy_cluster.ts";

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
