// Back in the tunnel: however often the agent is killed, nothing slow lies before the guard. Only where the tunnel stands do a few
// quick commands.

import assert from "node:assert/strict";
import type { DesiredState } from "../../src/core/desired/desired_state.ts";
import { diff } from "../../src/core/plan/diff.ts";
import { type Action, STAGE } from "../../src/core/plan/plan.ts";
import type { RawSettings } from "../../src/core/settings/parse_settings.ts";
import { nodeJson, ordinaryNode } from "../cluster.ts";
import { wanted } from "./clusters.ts";
import { converge, fromClean, stateOf } from "./model_agent.ts";
import { ModelHost, NOW } from "./model_host.ts";

/** Something that must not any more may leave in the clear, and has a way to. */
function isOpen(host: ModelHost, desired: DesiredState): boolean {
  const { table, routes } = host.observe(desired);
  return ([4, 6] as const).some((family) =>
    desired.clearFamilies?.includes(family) !== true &&
    table?.structure.includes(` daddr @clear-v${family} return`) === true &&
    routes[family].values().some((text) => / (?:via|encap) /.test(text))
  );
}

/** It may take seconds, or fail in each start. */
function isSlow(action: Action): boolean {
  return action.kind === "serve" || action.kind === "run" && /^link add /m.test(action.input ?? "");
}

/** One pass, killed after so many actions: those that came while the host was open. */
function pass(host: ModelHost, desired: DesiredState, killed: number): Action[] {
  const observed = host.observe(desired);
  const isStanding = observed.link !== undefined && observed.wireguard !== undefined;
  const actions = diff(desired, observed, NOW).steps.flatMap(({ stage, actions }) =>
    actions.map((action) => ({ stage, action }))
  );
  return actions.slice(0, killed).flatMap(({ stage, action }) => {
    const wasOpen = isOpen(host, desired);
    assert.ok(!wasOpen || isStanding || stage <= STAGE.table, `before the guard: ${JSON.stringify(action)}`);
    host.act(action);
    return wasOpen ? [action] : [];
  });
}

/** The most commands that came before the guard, over kills after any number of them. */
function longestOpen(before: DesiredState, after: DesiredState): number {
  const start = () => {
    const host = new ModelHost();
    converge(host, { desired: before, observed: host.observe(before), isReversed: false });
    return host;
  };
  assert.ok(isOpen(start(), after));
  const { steps } = diff(after, start().observe(after), NOW);
  const total = steps.flatMap(({ actions }) => actions).length;
  return Math.max(...Array.from({ length: total + 1 }, (_, killed) => {
    const host = start();
    pass(host, after, killed);
    const open = pass(host, after, Infinity);
    assert.deepEqual(open.filter(isSlow), [], `killed after ${killed}`);
    // What was accepted as near until the new rules stood, and goes unused: a set of theirs has that name, too.
    pass(host, after, Infinity);
    assert.deepEqual(stateOf(host, after), fromClean(after));
    return open.length;
  }));
}

const both = (name: string): RawSettings => ({ TRANSPORT_IPV4: name, TRANSPORT_IPV6: name });

for (const transport of ["direct", "direct-or-wireguard", "vxlan", "vxlan-or-wireguard"]) {
  for (const wireguard of ["kernel", "userspace"] as const) {
    Deno.test(`From ${transport} back in the tunnel (${wireguard}), killed at any command: nothing slow lies before the guard`, () => {
      const said = `ipv4=${transport},ipv6=${transport}`;
      const nodes = [1, 2, 3].map((i) => nodeJson({ ...ordinaryNode(i), transport: said }));
      const before = wanted(nodes, both(transport), { wireguard });
      const medium = transport.startsWith("direct") ? "direct" : "vxlan";
      const longest = longestOpen(before, wanted(nodes, {}, { wireguard, former: { 4: medium, 6: medium } }));
      assert.equal(longest, QUICK[transport], "commands before the guard");
    });
  }
}

/** The table itself, its members and then its rules; or before them the tunnel's routes of both families, and what these leave of those in the clear. */
const QUICK: Readonly<Record<string, number>> = {
  "direct": 2,
  "vxlan": 2,
  "direct-or-wireguard": 5,
  "vxlan-or-wireguard": 5,
};
