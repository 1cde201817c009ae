// Sums up for each plan what all nodes say of it, where this node holds the Lease for it.

import { pauseMs } from "../../core/kubernetes/retry.ts";
import type { DeclaredObject, NetworkPlan } from "../../core/declared/declared_object.ts";
import { conditionPatch } from "../../core/declared/status/node_status.ts";
import { planSummary } from "../../core/declared/status/plan_status.ts";
import type { PlanPart } from "../../core/declared/kinds/wireguard_node.ts";
import { LeaseKeeper } from "../events/lease_keeper.ts";
import type { Log } from "../log.ts";
import type { ApiClient } from "../sources/kubernetes/api_client.ts";
import { isThere, statusPatch } from "./condition_writer.ts";
import type { DeclaredFindings } from "./declared_publisher.ts";

/** What the herald needs. */
export interface PlanHeraldOptions {
  readonly client: ApiClient;
  /** Where the Lease stands. */
  readonly namespace: string;
  readonly nodeName: string;
  /** Names of all Nodes. */
  readonly nodes: () => readonly string[];
  readonly log: Log;
}

const LEASE = "wigglenet-plans";
const LOOK_MS = 3_000;
/** A node's turn to ask for the Lease for the first time. */
const TURN_MS = 2_000;
/** A plan is as long as its mesh, and every agent is told what is written to it. */
const PACE_MS = 10_000;
const REFRESH_MS = 600_000;
/** Behind a change. */
const SOON_MS = 30_000;

interface Told {
  readonly nodes: string;
  readonly full: string;
  readonly notBeforeMs: number;
  readonly refreshAtMs: number;
}

/** Of all plans. */
export class PlanHerald {
  readonly #lease: LeaseKeeper;
  readonly #told = new Map<string, Told>();
  /** When the first plan was seen. */
  #sinceMs: number | undefined;
  #notBeforeMs = -Infinity;
  #failures = 0;
  #isBusy = false;

  constructor(private readonly options: PlanHeraldOptions) {
    const { client, namespace, nodeName: own, nodes } = options;
    const now = () => performance.now();
    this.#lease = new LeaseKeeper({ client, namespace, name: LEASE, own, nodes: () => nodes().length, now });
  }

  /** This node must know what the others say. */
  get isHolder(): boolean {
    return this.#lease.isHeld;
  }

  /** A pass has ended. */
  passed(findings: DeclaredFindings): void {
    const plans = findings.objects.filter((it): it is NetworkPlan => it.kind === "WireGuardNetworkPlan");
    const nowMs = performance.now();
    if (plans.length === 0) return void (this.#sinceMs = undefined);
    this.#sinceMs ??= nowMs;
    const rank = this.options.nodes().filter((name) => name < this.options.nodeName).length;
    if (this.#isBusy || nowMs < Math.max(this.#notBeforeMs, this.#sinceMs + rank * TURN_MS)) return;
    this.#isBusy = true;
    this.#notBeforeMs = nowMs + LOOK_MS;
    this.#work(plans, findings).then(() => this.#failures = 0, (error: Error) => {
      const retryInMs = pauseMs(++this.#failures);
      this.#notBeforeMs = performance.now() + retryInMs;
      this.options.log.warn(`cannot sum up plans: ${error.message}`, { retryInMs });
    }).finally(() => this.#isBusy = false);
  }

  async #work(plans: readonly NetworkPlan[], { nodes }: DeclaredFindings): Promise<void> {
    await this.#lease.ask();
    if (!this.#lease.isHeld) return this.#told.clear();
    if (nodes === undefined) return;
    const names = new Set(this.options.nodes());
    for (const name of this.#told.keys()) if (!plans.some((it) => it.name === name)) this.#told.delete(name);
    for (const plan of plans) {
      const parts = new Map(nodes.flatMap(({ node, plans: of }): [string, PlanPart][] => {
        const part = of.get(plan.name);
        return part === undefined ? [] : [[node, part]];
      }));
      await this.#tell(plan, planSummary({ plan, parts, nodes: names, nowMs: Date.now() }));
    }
  }

  async #tell(plan: DeclaredObject, { verdict, nodes }: ReturnType<typeof planSummary>): Promise<void> {
    const nowMs = performance.now();
    const last = this.#told.get(plan.name);
    if (last !== undefined && nowMs < last.notBeforeMs) return;
    const lasting = JSON.stringify(nodes.map(({ lastHandshake: _, linksUp: __, ...rest }) => rest));
    const full = JSON.stringify(nodes);
    const patch = conditionPatch(verdict, plan.stated, Date.now());
    const isNew = patch !== undefined || lasting !== last?.nodes;
    if (!isNew && (nowMs < last.refreshAtMs || full === last.full)) return;
    const { client } = this.options;
    isThere(await client.request(statusPatch(plan, { ...patch, nodes })), "patch the status of plans");
    this.#told.set(plan.name, {
      nodes: lasting,
      full,
      notBeforeMs: nowMs + PACE_MS,
      refreshAtMs: nowMs + (isNew ? SOON_MS : REFRESH_MS),
    });
  }
}
