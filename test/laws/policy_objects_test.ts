// Policy in the kernel for every cluster and history: what changes add up to is what a load from clean makes, nft refuses none
// of them, and what nobody needs any more is known as that.

import assert from "node:assert/strict";
import fc from "fast-check";
import { changePolicy } from "../../src/core/plan/change_policy.ts";
import { NO_GARBAGE, standingOf, type StandingPolicy } from "../../src/core/plan/standing_policy.ts";
import type { PolicyObjects } from "../../src/core/policy/policy_objects.ts";
import { PolicyModel } from "../../src/core/policy/policy_model.ts";
import { policyObjects, type PolicyOptions } from "../../src/core/render/render_policy.ts";
import { happen } from "./policy_happenings.ts";
import { ObjectsKernel } from "./policy_objects_kernel.ts";
import { happening } from "./policy_worlds.ts";

function sorted({ sets, chains, counters }: PolicyObjects): unknown {
  const order = <T>(map: ReadonlyMap<string, T>) => [...map].sort(([a], [b]) => a < b ? -1 : 1);
  return { sets: order(sets), chains: order(chains), counters: [...counters].sort() };
}

const NOTHING = { isGuarded: false, contents: new Map(), sets: new Map(), subjects: new Map() };
const events = fc.array(fc.tuple(happening, fc.boolean(), fc.integer({ min: 0, max: 4 })), {
  minLength: 4,
  maxLength: 40,
});

Deno.test("Changes of the kernel add up to what a load from clean makes, whenever what nobody needs is collected", () => {
  fc.assert(
    fc.property(events, fc.boolean(), (history, isUnknownClosed) => {
      const options: PolicyOptions = { isUnknownClosed, isLogged: false };
      const [model, kernel] = [new PolicyModel({ nodeName: "n1" }), new ObjectsKernel()];
      let standing: StandingPolicy = standingOf(NOTHING, options, NO_GARBAGE);
      for (const [event, isTaken, collecting] of history) {
        happen(model, event);
        if (!isTaken) continue;
        const step = changePolicy(model.takeChange(), standing, options);
        kernel.apply(step.delta);
        standing = step.standing;
        assert.deepEqual(
          sorted(kernel.objects(standing.garbage)),
          sorted(policyObjects(model.desired(), options)),
        );
        if (collecting > 0) continue;
        kernel.collect(standing.garbage);
        standing = { ...standing, garbage: NO_GARBAGE };
      }
    }),
    { numRuns: 150 },
  );
});
