// The agent on the model host: passes as reconcile makes them, with every confirmation checked against a read.

import assert from "node:assert/strict";
import type { DesiredState } from "../../src/core/desired/desired_state.ts";
import type { ObservedState } from "../../src/core/observed/observed_state.ts";
import { confirm } from "../../src/core/plan/confirm.ts";
import { describe } from "../../src/core/plan/describe.ts";
import { diff } from "../../src/core/plan/diff.ts";
import type { Plan, Step } from "../../src/core/plan/plan.ts";
import { ModelHost, NOW } from "./model_host.ts";

/** The steps as apply takes them: those of one stage run at once, so that any order of them must do. */
export function inStages({ steps }: Plan, isReversed: boolean): Step[] {
  const order = isReversed ? steps.toReversed() : steps;
  return [...order].sort((a, b) => a.stage - b.stage);
}

/** What a pass of the agent begins with. */
export interface Pass {
  readonly desired: DesiredState;
  readonly observed: ObservedState;
  readonly isReversed: boolean;
}

/** One pass of the agent. Checks each confirmation against a read; returns what the agent then takes the host for. */
function pass(host: ModelHost, { desired, observed, isReversed }: Pass): ObservedState {
  const plan = diff(desired, observed, NOW);
  for (const step of inStages(plan, isReversed)) {
    for (const action of step.actions) host.act(action);
    if (step.confirms === undefined) observed = host.observe(desired, observed);
    else {
      observed = confirm(observed, [step.confirms]);
      assert.deepEqual(believed(observed, desired), believed(host.observe(desired, observed), desired));
    }
  }
  return observed;
}

/** What confirmations are about. A peer that nobody wants may lose allowed IPs to others on its way out. */
function believed({ table, routes, wireguard, link }: ObservedState, { peers }: DesiredState) {
  return {
    sets: table?.sets,
    routes,
    peers: link && peers.map(({ publicKey }) => wireguard?.peers.get(publicKey)),
  };
}

/** The agent runs until nothing is left to do, which takes one pass. */
export function converge(host: ModelHost, first: Pass): ObservedState {
  const observed = pass(host, first);
  const read = host.observe(first.desired, observed);
  assert.deepEqual(describe(diff(first.desired, read, NOW)).filter((line) => !line.startsWith("…")), []);
  assert.deepEqual(describe(diff(first.desired, observed, NOW)).filter((line) => !line.startsWith("…")), []);
  return observed;
}

/** What a host is compared by. */
export type HostState =
  & Pick<ObservedState, "table" | "fastpath" | "routes" | "hostRouting" | "link" | "overlay" | "wireguard">
  & {
    readonly cni: ObservedState["cni"] | undefined;
  };

/** All of the host that the agent is answerable for. A peer without an address keeps an endpoint that it once had. */
export function stateOf(host: ModelHost, desired: DesiredState): HostState {
  const { wireguard, table, fastpath, routes, hostRouting, link, overlay, cni } = host.observe(desired);
  const silent = new Set<string>(
    desired.peers.filter((peer) => peer.endpoint === undefined).map((it) => it.publicKey),
  );
  const peers = [...wireguard?.peers ?? []].map(([key, peer]) =>
    [key, silent.has(key) ? { ...peer, endpoint: undefined } : peer] as const
  );
  const isForeign = cni.linkTarget === undefined;
  return {
    ...{ table, fastpath, routes, link, overlay },
    ...(hostRouting && { hostRouting }),
    wireguard: wireguard && { ...wireguard, peers: new Map(peers) },
    cni: desired.cni === undefined && isForeign ? undefined : cni,
  };
}

const CLEAN = new WeakMap<DesiredState, HostState>();

/** What a new host comes to: found out once for each that is wanted. Not to be changed. */
export function fromClean(desired: DesiredState): HostState {
  const state = CLEAN.get(desired) ?? onCleanHost(desired);
  CLEAN.set(desired, state);
  return state;
}

function onCleanHost(desired: DesiredState): HostState {
  const host = new ModelHost();
  converge(host, { desired, observed: host.observe(desired), isReversed: false });
  return stateOf(host, desired);
}
