// Policy in the kernel for every cluster and history: what changes add up to is what a load from clean makes, nft refuses none
// of them, and what nobody needs any more is known as that.

import assert from "node:assert/strict";
import fc from "fast-check";
import { changePolicy } from "../../src/core/plan/change_policy.ts";
import { NO_GARBAGE, standingOf, type StandingPolicy } from "../../src/core/plan/standing_policy.ts";
import { parseNamespace } from "../../src/core/policy/parse_namespace.ts";
import { parseNetworkPolicy } from "../../src/core/policy/parse_network_policy.ts";
import { parsePod } from "../../src/core/policy/parse_pod.ts";
import type { PolicyObjects } from "../../src/core/policy/policy_objects.ts";
import { PolicyModel } from "../../src/core/policy/policy_model.ts";
import { policyObjects, type PolicyOptions } from "../../src/core/render/render_policy.ts";
import { ObjectsKernel } from "./policy_objects_kernel.ts";
import { type Happening, happening } from "./policy_worlds.ts";

function happen(model: PolicyModel, event: Happening): void {
  if ("put" in event) {
    if (event.kind === "pods") model.putPod(parsePod(event.put, "test").value!);
    else if (event.kind === "namespaces") model.putNamespace(parseNamespace(event.put, "test").value!);
    else model.putPolicy(parseNetworkPolicy(event.put, "test").value!);
    return;
  }
  const { namespace = "", name } = event.remove.metadata;
  if (event.kind === "pods") model.removePod(namespace, name);
  else if (event.kind === "namespaces") model.removeNamespace(name);
  else model.removePolicy(namespace, name);
}

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
