// What a feed of policies must do, whatever its objects come from.

import assert from "node:assert/strict";
import type { DesiredPolicy } from "../../src/core/policy/policy_table.ts";
import { PolicyFeed, type PolicyFeedOptions } from "../../src/shell/policy/policy_feed.ts";
import { until } from "../lab/until.ts";
import { HERE, namespaceOf, podOf, policyOf } from "./policy_world.ts";

type Json = Record<string, unknown>;

/** A world that policies are read from. */
export interface PolicyHarness extends AsyncDisposable {
  /** Adds the object, or replaces the one of that kind and name. */
  put(object: Json): Promise<void>;
  /** @param name with its namespace before it, where the kind has one */
  remove(kind: string, name: string): Promise<void>;
  readonly open: PolicyFeedOptions["open"];
  /** Begins to read, where the feed does not do that itself. */
  start?(): Promise<void>;
}

/** A feed under test, and what it says in one line. */
export class PolicyTrial implements AsyncDisposable {
  readonly feed: PolicyFeed;
  told = 0;

  constructor(readonly harness: PolicyHarness) {
    this.feed = new PolicyFeed({
      node: HERE,
      nodesAreTold: false,
      open: harness.open,
      onChange: () => this.told++,
    });
  }

  static async start(harness: PolicyHarness): Promise<PolicyTrial> {
    const trial = new PolicyTrial(harness);
    await harness.start?.();
    trial.feed.start();
    return trial;
  }

  /** Waits until this is what is wanted: `10.1.0.1 from 10.1.1.1`, sorted; `open` and `closed` for everybody and nobody. */
  async wants(...expected: readonly string[]): Promise<void> {
    await until(`"${expected}"`, () => this.shown === expected.join(", "), {
      pauseMs: 2,
      seen: () => `shown: ${this.shown}\n${JSON.stringify(this.feed.waiting())}`,
    });
  }

  get shown(): string {
    const desired = this.feed.desired();
    return desired === undefined ? "unknown" : shownOf(desired);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.feed.close();
  }
}

function shownOf({ subjects, contents, sets, isGuarded }: DesiredPolicy): string {
  const lines = [...subjects].map(([address, { ingress }]) => {
    if (ingress === undefined) return `${address} open`;
    const peers = contents.get(ingress)!.leaves.flat().flatMap(({ match }) =>
      match.kind === "peers" ? sets.get(match.set)!.members : []
    );
    return `${address} ${peers.length === 0 ? "closed" : `from ${peers.join(" ")}`}`;
  });
  return [...lines, ...isGuarded ? [] : ["not guarded"]].join(", ");
}

const WEB = podOf("web");
const CLIENT = podOf("client", { node: "n2", ip: "10.1.1.1" });
const FROM_CLIENT = { podSelector: { matchLabels: { app: "client" } } };

const BEHAVIOUR: Record<string, (harness: PolicyHarness) => Promise<void>> = {
  "without a NetworkPolicy nothing is wanted": async (harness) => {
    await harness.put(namespaceOf("default"));
    await using trial = await PolicyTrial.start(harness);
    await until("a word", () => trial.feed.desired() !== undefined, { pauseMs: 2 });
    assert.equal(trial.feed.desired()!.isGuarded, false);
    assert.deepEqual(trial.feed.waiting(), []);
  },

  "what is there at the start is wanted once all of it is known, and not before": async (harness) => {
    const peer = { ...FROM_CLIENT, namespaceSelector: { matchLabels: { team: "a" } } };
    for (const object of [namespaceOf("default", { team: "a" }), WEB, CLIENT, policyOf("p", "web", peer)]) {
      await harness.put(object);
    }
    await using trial = await PolicyTrial.start(harness);
    const seen = new Set<string>();
    await until("the policy", () => {
      seen.add(trial.shown);
      return trial.shown === "10.1.0.1 from 10.1.1.1";
    }, { pauseMs: 0, seen: () => [...seen].join(" | ") });
    seen.delete("unknown");
    assert.deepEqual([...seen], ["10.1.0.1 from 10.1.1.1"]);
  },

  "a policy comes and goes, and with its peers the pods of other nodes": async (harness) => {
    for (const object of [namespaceOf("default"), WEB, CLIENT]) await harness.put(object);
    await using trial = await PolicyTrial.start(harness);
    await until("a word", () => trial.feed.desired() !== undefined, { pauseMs: 2 });
    await harness.put(policyOf("p", "web"));
    await trial.wants("10.1.0.1 closed");
    await harness.put(policyOf("q", "web", FROM_CLIENT));
    await trial.wants("10.1.0.1 from 10.1.1.1");
    await harness.put(podOf("client", { node: "n2", ip: "10.1.1.2" }));
    await trial.wants("10.1.0.1 from 10.1.1.2");
    await harness.remove("Pod", "default/client");
    await trial.wants("10.1.0.1 closed");
    await harness.remove("NetworkPolicy", "default/p");
    await harness.remove("NetworkPolicy", "default/q");
    await until("nothing to be wanted", () => trial.feed.desired()?.isGuarded === false, { pauseMs: 2 });
  },

  "labels of namespaces and pods decide as they change": async (harness) => {
    const peer = { namespaceSelector: { matchLabels: { team: "a" } } };
    for (const object of [namespaceOf("default"), WEB, CLIENT, policyOf("p", "web", peer)]) {
      await harness.put(object);
    }
    await using trial = await PolicyTrial.start(harness);
    await trial.wants("10.1.0.1 closed");
    await harness.put(namespaceOf("default", { team: "a" }));
    await trial.wants("10.1.0.1 from 10.1.0.1 10.1.1.1");
    await harness.put(podOf("web", { labels: { app: "other" } }));
    await trial.wants("10.1.0.1 open");
  },
};

/** Of worlds that take anything; an API server refuses most of it. */
const JUNK: typeof BEHAVIOUR = {
  "what is wrong with an object is told, and only its own rule allows nothing": async (harness) => {
    const broken = { ipBlock: { cidr: "10.0.0.0/33" } };
    const objects = [namespaceOf("default"), WEB, policyOf("bad", "web", broken), policyOf("good", "db")];
    for (const object of objects) await harness.put(object);
    await harness.put(podOf("db", { ip: "10.1.0.2" }));
    await using trial = await PolicyTrial.start(harness);
    await trial.wants("10.1.0.1 closed", "10.1.0.2 closed");
    const [rejected, ...more] = trial.feed.rejected();
    assert.deepEqual(more, []);
    assert.equal(rejected!.node, "NetworkPolicy default/bad");
    assert.deepEqual(rejected!.object, { kind: "NetworkPolicy", namespace: "default", name: "bad" });
    assert.match(rejected!.reason, /10\.0\.0\.0\/33/);
    await harness.put(policyOf("bad", "web"));
    await until("nothing to be rejected", () => trial.feed.rejected().length === 0, { pauseMs: 2 });
  },
};

/** Registers the tests; each gets a world of its own. */
export function describePolicyFeed(
  kind: string,
  makeHarness: () => Promise<PolicyHarness>,
  { takesJunk }: { readonly takesJunk: boolean },
): void {
  const behaviour = takesJunk ? { ...BEHAVIOUR, ...JUNK } : BEHAVIOUR;
  for (const [sentence, run] of Object.entries(behaviour)) {
    Deno.test(`policies of ${kind}: ${sentence}`, async () => {
      await using harness = await makeHarness();
      await run(harness);
    });
  }
}
