// Writes what this node says of its declared networks: its WireGuardNode, and the conditions of the objects that are for this node
// alone. By what core makes of a pass; as often as something has changed, and of handshakes once in five minutes.

import type { DeclaredId, DeclaredObject } from "../../core/declared/declared_object.ts";
import { API_VERSION } from "../../core/declared/kinds/kind.ts";
import { declaredResource } from "../../core/declared/kinds/resource.ts";
import { WIREGUARD_NODE } from "../../core/declared/kinds/wireguard_node.ts";
import { nodeStatus } from "../../core/declared/status/node_status.ts";
import type { NodeParts } from "../../core/declared/status/node_parts.ts";
import type { DeclaredReport } from "../../core/declared/status/report.ts";
import type { Waiting } from "../../core/desired/desired_state.ts";
import { retryMs } from "../../core/kubernetes/retry.ts";
import { fieldsOf } from "../../core/kubernetes/fields.ts";
import { isTenant } from "../../core/declared/want/grants.ts";
import type { Log } from "../log.ts";
import type { ApiClient, Call } from "../sources/kubernetes/api_client.ts";
import { BY, ConditionWriter, isThere } from "./condition_writer.ts";

/** What a pass has found. */
export interface DeclaredFindings {
  readonly report: DeclaredReport;
  readonly objects: readonly DeclaredObject[];
  /** What WireGuardNodes say; undefined: not known. */
  readonly nodes: readonly NodeParts[] | undefined;
}

/** What the publisher needs. */
export interface DeclaredPublisherOptions {
  readonly client: Pick<ApiClient, "request">;
  readonly nodeName: string;
  readonly log: Log;
  /** Of what is in namespaces, which no WireGuardNode has; left out: of what is the cluster's. Neither waits for the other. */
  readonly ofTenants?: true;
}

/** After a write nothing is written for so long; each further write doubles it, until nothing was written for a minute. */
const FIRST_PACE_MS = 1_000;
const LONGEST_PACE_MS = 15_000;
const CALM_MS = 60_000;
/** By then the watch has told what was written. */
const ECHO_MS = 5_000;
/** Behind a change the first handshakes are told soon, and then by and by: a mesh of 200 is told by everybody to everybody. */
const SOON_MS = 15_000;
const REFRESH_MS = 300_000;
const REFRESH_MS_AN_INTERFACE = 10_000;

/** Keeps one WireGuardNode. */
export class DeclaredPublisher {
  /** The status as it was written last, without what grows old by itself; undefined: not by this agent; empty: there is none. */
  #written: string | undefined;
  /** With it. */
  #full = "";
  #refreshAtMs = 0;
  /** When what was written is back, at the latest. */
  #echoMs = -Infinity;
  readonly #conditions: ConditionWriter;
  #notBeforeMs = -Infinity;
  #writtenMs = -Infinity;
  #paceMs = 0;
  #failures = 0;
  #trouble: string | undefined;
  #isBusy = false;

  constructor(private readonly options: DeclaredPublisherOptions) {
    this.#conditions = new ConditionWriter(options.client);
  }

  /** There is no WireGuardNode of this node. */
  get isGone(): boolean {
    return this.#written === "";
  }

  /** A pass has ended. */
  passed(findings: DeclaredFindings): void {
    if (this.#isBusy || performance.now() < this.#notBeforeMs) return;
    this.#isBusy = true;
    this.#work({ ...findings, report: this.#partOf(findings.report) }).catch((error: Error) =>
      this.#failed(error)
    ).finally(() => this.#isBusy = false);
  }

  #partOf({ objects, interfaces }: DeclaredReport): DeclaredReport {
    const isMeant = (it: DeclaredId) => isTenant(it) === (this.options.ofTenants === true);
    return { objects: objects.filter(isMeant), interfaces: interfaces.filter(({ owner }) => isMeant(owner)) };
  }

  /** What `status` shows while it cannot be written. */
  waiting(): Waiting[] {
    if (this.#trouble === undefined) return [];
    return [{
      what: `WireGuardNode ${this.options.nodeName}`,
      why: `the others cannot know what is declared here: ${this.#trouble}`,
      next: "apply deploy/kubernetes/declared; it is tried again",
    }];
  }

  async #work(findings: DeclaredFindings): Promise<void> {
    const hasWritten = !this.options.ofTenants && await this.#writeNode(findings);
    const { hasAsked, trouble } = await this.#conditions.write(findings.report, findings.objects);
    this.#failures = 0;
    this.#trouble = trouble;
    if (trouble !== undefined) this.#warn(trouble);
    if (!hasWritten && !hasAsked) return;
    const nowMs = performance.now();
    const isSoon = nowMs - this.#writtenMs < CALM_MS + this.#paceMs;
    this.#paceMs = isSoon ? Math.min(LONGEST_PACE_MS, this.#paceMs * 2) : FIRST_PACE_MS;
    this.#writtenMs = nowMs;
    this.#notBeforeMs = nowMs + this.#paceMs * (1 + Math.random() / 4);
  }

  async #writeNode({ report, nodes }: DeclaredFindings): Promise<boolean> {
    if (report.objects.length === 0) return await this.#removeNode();
    const nowMs = performance.now();
    const text = JSON.stringify(nodeStatus(report, undefined));
    const isNew = text !== this.#written || nowMs >= this.#echoMs && this.#isLost(report, nodes);
    if (!isNew && nowMs < this.#refreshAtMs) return false;
    const status = nodeStatus(report, Date.now() / 1000);
    const full = JSON.stringify(status);
    const refreshMs = Math.max(REFRESH_MS, report.interfaces.length * REFRESH_MS_AN_INTERFACE);
    this.#refreshAtMs = nowMs + (isNew ? SOON_MS : refreshMs) * (1 + Math.random() / 4);
    if (!isNew && full === this.#full) return false;
    await this.#putNode(status);
    this.#written = text;
    this.#full = full;
    this.#echoMs = performance.now() + ECHO_MS;
    return true;
  }

  /** Somebody has removed it, or changed a key in it: the others would cut the links. */
  #isLost({ objects, interfaces }: DeclaredReport, nodes: readonly NodeParts[] | undefined): boolean {
    if (nodes === undefined) return false;
    const own = nodes.find(({ node }) => node === this.options.nodeName);
    return objects.some(({ kind, name }) => {
      if (kind !== "WireGuardNetworkPlan") return false;
      const ours = interfaces.filter(({ owner }) => owner.kind === kind && owner.name === name);
      const publicKey = ours.find((it) => it.publicKey !== undefined)?.publicKey;
      const part = own?.plans.get(name);
      return part === undefined || part.publicKey !== publicKey;
    });
  }

  async #putNode(status: unknown): Promise<void> {
    const { nodeName } = this.options;
    const folder = declaredResource(WIREGUARD_NODE).path;
    const patch = {
      method: "PATCH",
      path: `${folder}/${nodeName}${BY}`,
      body: { status },
      isMerge: true,
    } as const;
    if (!await this.#ask(patch, "patch wireguardnodes")) {
      const ownerReferences = await this.#owners();
      const { kind } = declaredResource(WIREGUARD_NODE);
      const body = { apiVersion: API_VERSION, kind, metadata: { name: nodeName, ownerReferences }, status };
      const made = { method: "POST", path: `${folder}${BY}`, body } as const;
      if (!await this.#ask(made, "create wireguardnodes")) {
        throw new Error("the API does not know WireGuardNodes");
      }
    }
  }

  /** It goes with its Node. */
  async #owners(): Promise<unknown[]> {
    const { client, nodeName: name } = this.options;
    const path = `/api/v1/nodes?fieldSelector=metadata.name%3D${name}`;
    const { items } = fieldsOf((await client.request({ method: "GET", path })).body);
    const { uid } = fieldsOf(fieldsOf(Array.isArray(items) ? items[0] : undefined).metadata);
    return typeof uid === "string" ? [{ apiVersion: "v1", kind: "Node", name, uid }] : [];
  }

  async #removeNode(): Promise<boolean> {
    if (this.#written === "") return false;
    const path = `${declaredResource(WIREGUARD_NODE).path}/${this.options.nodeName}`;
    const wasThere = await this.#ask({ method: "DELETE", path }, "delete wireguardnodes");
    this.#written = "";
    return wasThere;
  }

  /** False where there is none. */
  async #ask(call: Call, what: string): Promise<boolean> {
    return isThere(await this.options.client.request(call), what);
  }

  #failed(error: Error): void {
    const waitMs = retryMs({ failures: ++this.#failures, chance: Math.random(), askedMs: 0 });
    this.#notBeforeMs = performance.now() + FIRST_PACE_MS + waitMs;
    this.#trouble = error.message;
    this.#warn(error.message);
  }

  #warn(trouble: string): void {
    this.options.log.warn(`cannot say what is declared here: ${trouble}`);
  }
}
