// Declared networks from the Kubernetes API: plans whole, and of the kinds that say a node those of this one. A cluster without the
// definitions, or whose role does not have them, costs one question now and then. Tenants' kinds are definitions and rights of their
// own (with_tenants.ts).

import type { ParsedDeclared } from "../../../core/declared/declared_object.ts";
import { CLUSTER_KINDS, TENANT_KINDS } from "../../../core/declared/kinds/kinds.ts";
import { declaredResource } from "../../../core/declared/kinds/resource.ts";
import { WIREGUARD_NODE } from "../../../core/declared/kinds/wireguard_node.ts";
import { parseDeclared, pickDeclared } from "../../../core/declared/parse_declared.ts";
import { type NodeParts, parseNodeParts, pickNodeParts } from "../../../core/declared/status/node_parts.ts";
import type { Log } from "../../log.ts";
import type { SourceProblem } from "../node_source.ts";
import type { DeclaredSource } from "../declared_source.ts";
import { type ApiClient, ApiError, type Reply } from "./api_client.ts";
import { KubernetesSource } from "./kubernetes_source.ts";
import { NeededSource } from "./needed_source.ts";

/** As of policies: the objects hardly ever change. */
const SILENCE_MS = 100_000;
const LINGER_MS = 60_000;
/** A cluster of any size is asked no oftener than twenty times a second whether it knows the kinds by now. */
const PROBE_MS = 10_000;
const PROBE_MS_A_NODE = 50;

/** Of each kind, for one node: as many as a grant may allow. Who has all rights in a namespace may have made a hundred thousand. */
const MOST_OF_NAMESPACE = 256;

/** What the source needs. */
export interface ApiDeclaredOptions {
  readonly client: ApiClient;
  readonly node: string;
  /** How many nodes the cluster has. */
  readonly nodes: () => number;
  readonly log: Log;
  readonly probeMs?: number;
  /** Of these kinds; left out: of those of the cluster. */
  readonly ofTenants?: true;
}

/** The objects of one cluster. */
export class ApiDeclaredSource implements Omit<DeclaredSource, "tenants"> {
  #parts: readonly NeededSource<ParsedDeclared>[] = [];
  #nodes: NeededSource<NodeParts> | undefined;
  /** What {@link declared} last told, and of what. */
  #lists: readonly (readonly ParsedDeclared[])[] = [];
  #items: readonly ParsedDeclared[] = [];
  #onChange: () => void = () => {};
  #probing: ReturnType<typeof setTimeout> | undefined;
  #ending: Promise<unknown> = Promise.resolve();
  #isTold = false;
  #isAbsent = false;
  #isClosed = false;

  constructor(private readonly options: ApiDeclaredOptions) {}

  listen(onChange: () => void): void {
    this.#onChange = onChange;
  }

  start(): void {
    this.#probe();
  }

  /** The API has said that it does not know all of them, or does not let this agent see them. */
  get isAbsent(): boolean {
    return this.#isAbsent;
  }

  declared(): readonly ParsedDeclared[] | undefined {
    if (this.#parts.length === 0 || !this.#parts.every(({ isComplete }) => isComplete)) return undefined;
    const lists = this.#parts.map((part) => part.items());
    if (!lists.every((list, i) => list === this.#lists[i])) {
      this.#lists = lists;
      this.#items = lists.flat();
    }
    return this.#items;
  }

  needNodes(areNeeded: boolean): void {
    this.#nodes?.need(areNeeded);
  }

  nodes(): readonly NodeParts[] | undefined {
    return this.#nodes?.isComplete ? this.#nodes.items() : undefined;
  }

  problems(): readonly SourceProblem[] {
    return this.#all().flatMap((part) => part.problems());
  }

  /** Connections that stand may lead nowhere: somebody else could not reach the API. */
  doubt(): void {
    for (const part of this.#all()) part.doubt();
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    this.#giveUp();
    await this.#ending;
  }

  get #kinds(): typeof CLUSTER_KINDS | typeof TENANT_KINDS {
    return this.options.ofTenants ? TENANT_KINDS : CLUSTER_KINDS;
  }

  #all(): readonly NeededSource<unknown>[] {
    return this.#nodes === undefined ? this.#parts : [...this.#parts, this.#nodes];
  }

  /** Asks whether the API knows the kinds, and lets this agent see them: it may not yet. */
  async #probe(): Promise<void> {
    const { log, ofTenants } = this.options;
    const answer = await this.#askForKinds().catch(() => undefined);
    if (this.#isClosed) return;
    if (answer?.status === 200) return this.#open();
    const isAbsent = answer?.status === 404 || answer?.status === 403;
    // Who does not answer says nothing of it.
    if (isAbsent && !this.#isAbsent) {
      this.#isAbsent = true;
      this.#onChange();
    }
    if (!ofTenants && !this.#isTold && isAbsent) {
      this.#isTold = true;
      const what = answer!.status === 404 ? "does not know them" : "does not let this agent see them";
      log.info(`no declared networks: the API ${what}; deploy/kubernetes/declared has what they need`);
    }
    const { nodes, probeMs = PROBE_MS } = this.options;
    const waitMs = Math.max(probeMs, nodes() * PROBE_MS_A_NODE) * (0.75 + Math.random() / 2);
    this.#probing = setTimeout(() => this.#probe(), waitMs);
  }

  /** The first that is not 200; else the last. With one of them missing all of them say nothing. */
  async #askForKinds(): Promise<Reply> {
    let answer: Reply | undefined;
    for (const kind of this.#kinds) {
      const path = `${declaredResource(kind).path}?limit=1`;
      answer = await this.options.client.request({ method: "GET", path });
      if (answer.status !== 200) break;
    }
    return answer!;
  }

  #open(): void {
    const { node, log } = this.options;
    if (this.#isTold) log.info("declared networks: the API has them now");
    this.#isTold = this.#isAbsent = false;
    if (!this.options.ofTenants) {
      this.#nodes = this.#part(WIREGUARD_NODE, { pick: pickNodeParts, parse: parseNodeParts });
    }
    this.#parts = this.#kinds.map((kind) =>
      this.#part(kind, {
        pick: pickDeclared,
        parse: (json, origin) => parseDeclared(kind.name, json, origin),
        node: kind.selectable.length > 0 ? node : undefined,
      })
    );
    for (const part of this.#parts) part.need(true);
  }

  #part<T>(
    kind: { readonly name: string; readonly plural: string },
    { node, ...store }: {
      readonly pick: (json: unknown) => unknown;
      readonly parse: (json: unknown, origin: string) => T;
      readonly node?: string | undefined;
    },
  ): NeededSource<T> {
    const { client } = this.options;
    const onChange = () => this.#onChange();
    const onLost = (error: Error) => {
      if (error instanceof ApiError && error.status === 404) this.#areGone();
    };
    const resource = declaredResource(kind, { node });
    const bounds = this.options.ofTenants ? { mostOfNamespace: MOST_OF_NAMESPACE } : {};
    const options = { ...store, ...bounds, resource, onChange, onLost, silenceMs: SILENCE_MS };
    return new NeededSource({
      make: () => new KubernetesSource(client, options),
      onChange,
      lingerMs: LINGER_MS,
    });
  }

  /** The definitions were removed: what was known is nobody's word any more, and nothing is changed by that. */
  #areGone(): void {
    if (this.#isClosed || this.#parts.length === 0) return;
    this.#giveUp();
    this.#probing = setTimeout(() => this.#probe(), 0);
  }

  #giveUp(): void {
    clearTimeout(this.#probing);
    this.#ending = Promise.all([this.#ending, ...this.#all().map((part) => part.close())]);
    this.#parts = [];
    this.#nodes = undefined;
  }
}
