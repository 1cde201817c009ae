// While a file of Nodes was never read, what nobody wants may be wanted by one of them: nothing of it may go, whatever
// else changes meanwhile, rules and CLUSTER_POD_CIDRS included. A failure prints its seed and path.

import assert from "node:assert/strict";
import fc from "fast-check";
import type { DesiredState } from "../../src/core/desired/desired_state.ts";
import type { Family } from "../../src/core/net/address.ts";
import { contains, overlaps, parsePrefix, type Prefix } from "../../src/core/net/prefix.ts";
import { everythingOn } from "../../src/core/plan/spared.ts";
import { keyOf, nodeJson } from "../cluster.ts";
import { environments, objects, wanted } from "./clusters.ts";
import { converge, fromClean, stateOf } from "./model_agent.ts";
import { ModelHost } from "./model_host.ts";

/** What a route is for: no two of one place can stand. */
const placeOf = (route: string) => route.replace(/ (?:via|encap|dev) .*/, "");

/** In the clear, where nothing may leave so any more, nor be wrapped, or to pods that are known to be elsewhere: that goes, known or not. */
function leaves(
  route: string,
  family: Family,
  { clearFamilies = [], settled, overlay }: DesiredState,
): boolean {
  const place = parsePrefix(placeOf(route)) as Prefix;
  const isKnown = settled.some(({ podCidrs }) => podCidrs.some((prefix) => overlaps(prefix, place)));
  if (route.includes(" encap ") && overlay.link === undefined) return true;
  return / (?:via|encap) /.test(route) && (isKnown || !clearFamilies.includes(family));
}

const OWN = nodeJson({ name: "n1", internal: ["10.9.1.1", "fd09::1"] });
/** Its family goes back into the tunnel. */
const NEAR = nodeJson({
  name: "n2",
  key: keyOf(2),
  said: { podCidrs: ["fd00:10:244:0::/64"], nodeIps: ["fd09::4"] },
  transport: "ipv4=direct,ipv6=direct",
});

Deno.test("While some Nodes are not known, one pass is enough, and nobody loses a peer, a route or the guard", () => {
  const restarts = fc.record({ then: environments, now: environments });
  const some = objects.chain(([own, ...others]) =>
    fc.record({
      all: fc.constant([own, ...others]),
      known: fc.subarray(others).map((rest) => [own, ...rest]),
    })
  );
  fc.assert(
    fc.property(some, restarts, ({ all, known }, { then, now }) => {
      const [before, part] = [wanted(all, then), wanted(known, now)];
      fc.pre(before.link !== undefined && part.link !== undefined);
      const host = new ModelHost();
      const was = converge(host, { desired: before, observed: host.observe(before), isReversed: false });
      const desired = { ...part, spared: everythingOn(was) };
      const is = converge(host, { desired, observed: host.observe(desired), isReversed: false });
      assert.deepEqual([...was.wireguard!.peers.keys()].filter((key) => !is.wireguard!.peers.has(key)), []);
      for (const family of [4, 6] as const) {
        const gone = [...was.routes[family].difference(is.routes[family])];
        // A Node that is known may be reached by another way now.
        const places = new Set(desired.routes.map(({ text }) => placeOf(text)));
        const lost = gone.filter((text) => !places.has(placeOf(text)) && !leaves(text, family, desired));
        assert.deepEqual(lost, []);
        const members = [...is.table!.sets.get(`pod-cidrs-v${family}`)!].map((text) =>
          parsePrefix(text) as Prefix
        );
        for (const text of was.table!.sets.get(`pod-cidrs-v${family}`)!) {
          assert.ok(members.some((prefix) => contains(prefix, parsePrefix(text) as Prefix)), text);
        }
      }
      const { spared: _, ...whole } = desired;
      converge(host, { desired: whole, observed: host.observe(whole), isReversed: false });
      assert.deepEqual(stateOf(host, whole), fromClean(whole));
    }),
    {
      numRuns: 200,
      examples: [[{ all: [OWN, NEAR, []], known: [OWN, NEAR] }, {
        then: { TRANSPORT_IPV6: "direct-or-wireguard" },
        now: {},
      }]],
    },
  );
});
