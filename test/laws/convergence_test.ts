// Laws 2, 4 and 5 on a model host: after one apply the plan is empty, from wherever it began; every history, with
// disturbances and kills in it, ends as if from clean; what is confirmed is what a read would show.
// A failure prints its seed and path.

import assert from "node:assert/strict";
import fc from "fast-check";
import type { ObservedState } from "../../src/core/observed/observed_state.ts";
import { diff } from "../../src/core/plan/diff.ts";
import { desiredStates } from "./clusters.ts";
import { DISTURBANCES } from "./disturbances.ts";
import { converge, fromClean, inStages, stateOf } from "./model_agent.ts";
import { ModelHost, NOW } from "./model_host.ts";
import { share } from "./share.ts";

/** `either`: WIREGUARD_MODE may change from one start of the agent to the next. */
for (const implementation of ["kernel", "userspace", "either"] as const) {
  const states = implementation === "either"
    ? fc.oneof(desiredStates("kernel"), desiredStates("userspace"))
    : desiredStates(implementation);
  const hops = fc.array(
    fc.record({
      desired: states,
      disturbances: fc.subarray(Object.keys(DISTURBANCES), { maxLength: 3 }),
      isReversed: fc.boolean(),
      /** After how many actions the agent is killed. */
      killed: fc.oneof(fc.constant(undefined), fc.constant(undefined), fc.nat(14)),
    }),
    { minLength: 1, maxLength: 5 },
  );

  Deno.test(`Every history ends as if from clean, each pass in sync (${implementation})`, () => {
    fc.assert(
      fc.property(hops, (history) => {
        const host = new ModelHost();
        let last: ObservedState | undefined;
        for (const { desired, disturbances, isReversed, killed } of history) {
          // It needs a restart, which forgets. Between the two of them an interface of ours is not taken from us.
          if (implementation === "either") last = undefined;
          else for (const name of disturbances) DISTURBANCES[name]!(host);
          const observed = host.observe(desired, last);
          if (killed === undefined) {
            last = converge(host, { desired, observed, isReversed });
            assert.deepEqual(stateOf(host, desired), fromClean(desired));
          } else {
            const actions = inStages(diff(desired, observed, NOW), isReversed).flatMap((step) =>
              step.actions
            );
            actions.slice(0, killed).forEach((action) => host.act(action));
            last = undefined;
          }
        }
        const { desired } = history.at(-1)!;
        converge(host, { desired, observed: host.observe(desired), isReversed: false });
        assert.deepEqual(stateOf(host, desired), fromClean(desired));
      }),
      { numRuns: share(400) },
    );
  });

  Deno.test(`With its cache or without, the agent comes to the same end (${implementation})`, () => {
    if (implementation === "either") return;
    const several = fc.array(states, { minLength: 2, maxLength: 5 });
    fc.assert(
      fc.property(several, fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }), (all, drops) => {
        const host = new ModelHost();
        let cache: ObservedState | undefined;
        for (const [i, desired] of all.entries()) {
          const read = host.observe(desired, cache);
          // Whether a tunnel is used changes with a restart only; then nothing is remembered.
          const isKept = cache !== undefined && !drops[i] && all[i - 1]?.cniPath === desired.cniPath &&
            (all[i - 1]?.link === undefined) === (desired.link === undefined);
          const observed = isKept ? { ...cache!, reference: read.reference } : read;
          cache = converge(host, { desired, observed, isReversed: false });
        }
        assert.deepEqual(stateOf(host, all.at(-1)!), fromClean(all.at(-1)!));
      }),
      { numRuns: share(200) },
    );
  });
}

Deno.test("Killed after any number of actions, the agent ends its work when it runs again", () => {
  fc.assert(
    fc.property(desiredStates("userspace"), desiredStates("userspace"), (before, after) => {
      const start = () => {
        const host = new ModelHost();
        converge(host, { desired: before, observed: host.observe(before), isReversed: false });
        return host;
      };
      const total = diff(after, start().observe(after), NOW).steps.flatMap((step) => step.actions).length;
      for (let killed = 0; killed <= total; killed++) {
        const host = start();
        const { steps } = diff(after, host.observe(after), NOW);
        steps.flatMap((step) => step.actions).slice(0, killed).forEach((action) => host.act(action));
        converge(host, { desired: after, observed: host.observe(after), isReversed: false });
        assert.deepEqual(stateOf(host, after), fromClean(after));
      }
    }),
    { numRuns: share(50) },
  );
});
