import assert from "node:assert/strict";
import { desireOf, keyOf, ordinaryNode } from "../../../test/cluster.ts";
import { hostOf, secondOf } from "../../../test/host_state.ts";
import type { DesiredState } from "../desired/desired_state.ts";
import type { ObservedSecond, ObservedState } from "../observed/observed_state.ts";
import { diff } from "./diff.ts";

const NOW = 1000;
const NEXT = keyOf(102);
const OWN = { isPublished: true, publicKey: keyOf(1), second: "ours" } as const;
const ANNOUNCED = desireOf([ordinaryNode(1), { ...ordinaryNode(2), nextKey: NEXT }, ordinaryNode(3)], {
  KEY_ROTATION: "manual",
}, OWN);
const AT_REST = desireOf([1, 2, 3].map(ordinaryNode), { KEY_ROTATION: "manual" }, OWN);

/** A host on which the second interface is as it is wanted while n2 rotates, and n2 has a session there. */
function rotating(desired: DesiredState): ObservedState & { readonly second: ObservedSecond } {
  const host = hostOf(desired);
  const { second, has } = secondOf(host, { key: keyOf(2), nextKey: NEXT, nowSeconds: NOW });
  const peers = new Map([[NEXT, { ...has, keepaliveSeconds: 25 }]]);
  return { ...host, second: { ...second, wireguard: { ...second.wireguard!, peers } } };
}

Deno.test("The second interface goes once no route leads there, each family for itself", () => {
  const host = rotating(AT_REST);
  const needsOf = (v4: readonly string[]) => {
    const routes = { ...host.routes, 4: new Set([...host.routes[4], ...v4]) };
    const { steps } = diff(AT_REST, { ...host, routes }, NOW);
    return steps.find(({ changes }) => changes.some(({ op, kind }) => op === "-" && kind === "interface"))!
      .needs;
  };
  assert.deepEqual(needsOf([]), ["second"]);
  assert.deepEqual(needsOf(["10.244.2.0/24 dev wigglenet-next proto 146"]), ["second", "routes-v4"]);
});

/** Kinds of changes that count as repairs, unless the Nodes are new. */
function repairs(host: ObservedState): string[] {
  const { steps } = diff(ANNOUNCED, host, NOW);
  return steps.filter(({ cause }) => cause === undefined).flatMap(({ changes }) =>
    changes.map(({ op, kind, target, text }) => `${op} ${kind} ${target || text}`)
  );
}

Deno.test("While a key rotates, what somebody has changed is a repair, and what a session is the reason for is none", () => {
  const host = rotating(ANNOUNCED);
  const { steps } = diff(ANNOUNCED, host, NOW);
  assert.ok(steps.some(({ part }) => part === "routes-v4")); // n2 is led to the second interface
  assert.deepEqual(repairs(host), []);
  const without = (text: string) => {
    const routes = { ...host.routes, 4: host.routes[4].difference(new Set([text])) };
    return repairs({ ...host, routes });
  };
  const unreachable = "unreachable 10.244.1.0/24 proto 146 metric 32760";
  assert.ok(host.routes[4].has(unreachable), [...host.routes[4]].join());
  assert.deepEqual(without(unreachable), [`+ route ${unreachable}`]);
});

Deno.test("Who takes away only the routes to those on the second interface is told: it has led there a moment ago", () => {
  const host = rotating(ANNOUNCED);
  const repairsOnce = (toldSeconds: number) => {
    const heard = new Map([[NEXT, { ...host.second.heard.get(NEXT)!, toldSeconds }]]);
    return repairs({ ...host, second: { ...host.second, heard } });
  };
  assert.deepEqual(repairsOnce(-Infinity), []);
  assert.deepEqual(repairsOnce(NOW - 1), [
    "+ route 10.244.2.0/24 dev wigglenet-next proto 146",
    "+ route fd00:10:244:2::/64 dev wigglenet-next proto 146",
  ]);
});

Deno.test("On the second interface what is missing, or down, was somebody else, and what a key or a keepalive is was not", () => {
  const host = rotating(ANNOUNCED);
  const { link, wireguard } = host.second;
  const changed = (second: Partial<ObservedSecond>) =>
    repairs({ ...host, second: { ...host.second, ...second } });
  assert.deepEqual(changed({ link: { ...link!, isUp: false } }), ["~ interface wigglenet-next"]);
  assert.deepEqual(changed({ link: { ...link!, addresses: new Set([...link!.addresses].slice(1)) } }), [
    "+ address wigglenet-next",
  ]);
  assert.deepEqual(changed({ wireguard: { ...wireguard!, peers: new Map() } }), ["+ peer n2"]);
  assert.deepEqual(changed({ wireguard: { ...wireguard!, publicKey: keyOf(77) } }), []);
});
