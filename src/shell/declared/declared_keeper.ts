// Keeps declared networks beside the pod network: a loop of its own, so that neither ever waits for the other. What it wants and
// does is decided in core.

import type { DeclaredId, DeclaredObject } from "../../core/declared/declared_object.ts";
import type { NodeParts } from "../../core/declared/status/node_parts.ts";
import { type DeclaredReport, type DeclaredSight, reportOf } from "../../core/declared/status/report.ts";
import { isTenant } from "../../core/declared/want/grants.ts";
import { ALL_TENANTS, type WantedInterface } from "../../core/declared/want/wanted_interface.ts";
import type { Waiting } from "../../core/desired/desired_state.ts";
import { describeChange } from "../../core/plan/describe.ts";
import type { ParsedNode } from "../../core/nodes/node.ts";
import type { Settings } from "../../core/settings/settings.ts";
import { Backoff } from "../backoff.ts";
import type { Log } from "../log.ts";
import { NameResolver } from "../name_resolver.ts";
import type { DeclaredSource } from "../sources/declared_source.ts";
import type { ApiClient } from "../sources/kubernetes/api_client.ts";
import { tellBlocked, tellChanges, tellProblems } from "../tell.ts";
import { converge, type Passed } from "./converge.ts";
import { declaredKeyFolder, forgetTenantKeys, removeDeclaredKeys } from "./declared_keys.ts";
import { Places } from "./containers/places.ts";
import { readTraces, tracesFile } from "./containers/traces.ts";
import { DeclaredPublisher } from "./declared_publisher.ts";
import { KeptWish } from "./kept_wish.ts";
import { LastGood } from "./last_good.ts";
import { PassBudget } from "./pass_budget.ts";
import { PlanHerald } from "./plan_herald.ts";
import { secretFolder, SecretKeys } from "./secret_keys.ts";
import { DeclaredObserver } from "./observe_declared.ts";

/** Drift is seen by looking: one program, and one more for each WireGuard interface. */
const LOOK_MS = 1_000;
/** A tenth of the time at most is spent on it: in a mesh of 200 a look takes 0.4 s (2026-11-23). */
const REST_TIMES = 9;
/** `status` has them all. */
const SHOWN = 20;
/** Between two passes of which one follows the other. */
const LEAST_PAUSE_MS = 20;
/** Where all that is declared is for other nodes. */
const IDLE_LOOK_MS = 10_000;
/** Where nobody declares anything, what an earlier agent has left can wait: a booting node has better to do. */
const LEFTOVERS_MS = 10_000;

/** What the keeper needs. */
export interface DeclaredOptions {
  readonly settings: Settings;
  readonly implementation: "kernel" | "userspace";
  readonly source: DeclaredSource;
  /** All Nodes that are known; the same list until one changes. */
  readonly nodes: () => readonly ParsedNode[];
  readonly log: Log;
  /** Where it is told what stands; undefined: nowhere. */
  readonly api?: ApiClient | undefined;
}

/** Where the manifests put the agent; a kubeconfig need not say any. */
const USUAL_NAMESPACE = "kube-system";

/** The loop. */
export class DeclaredKeeper {
  readonly #backoff = new Backoff();
  readonly #budget = new PassBudget();
  readonly #observer = new DeclaredObserver();
  readonly #names = new NameResolver(() => this.wake());
  #timer: ReturnType<typeof setTimeout> | undefined;
  #pass: Promise<void> | undefined;
  #isAgain = false;
  #hasApplied = false;
  #isClosed = false;
  readonly #leftoversAtMs = performance.now() + LEFTOVERS_MS;
  /** Undefined: nothing of ours is there, and nobody declares anything. */
  #lookMs: number | undefined = LOOK_MS;
  readonly #known = new LastGood();
  readonly #wish: KeptWish;
  readonly #secrets: SecretKeys | undefined;
  readonly #places: Places | undefined;
  readonly #publisher: DeclaredPublisher | undefined;
  readonly #tenantsPublisher: DeclaredPublisher | undefined;
  readonly #herald: PlanHerald | undefined;
  #report: DeclaredReport | undefined;
  /** Of whom keys are kept. */
  #keyed: readonly DeclaredObject[] | undefined;
  #swept: Promise<unknown> = Promise.resolve();

  constructor(private readonly options: DeclaredOptions) {
    const { api, settings: { nodeName }, log, source } = options;
    source.listen(() => this.wake());
    const { declaredSecretsNamespace: secrets } = options.settings;
    const namespaceOfSecrets = api === undefined || secrets === "" ? undefined : secrets;
    this.#wish = new KeptWish(options.settings, namespaceOfSecrets);
    this.#secrets = namespaceOfSecrets === undefined ? undefined : new SecretKeys({
      client: api!,
      namespace: namespaceOfSecrets,
      folder: secretFolder(options.settings),
      nodes: () => options.nodes().length,
      onChange: () => this.wake(),
    });
    if (options.settings.hasDeclaredContainers) this.#places = new Places(tracesFile(options.settings));
    if (api === undefined) return;
    const namespace = api.credentials.namespace ?? USUAL_NAMESPACE;
    const nodes = () => options.nodes().flatMap(({ node }) => node?.name ?? []);
    this.#publisher = new DeclaredPublisher({ client: api, nodeName, log });
    this.#tenantsPublisher = new DeclaredPublisher({ client: api, nodeName, log, ofTenants: true });
    this.#herald = new PlanHerald({ client: api, namespace, nodeName, nodes, log });
  }

  /** What the last pass has found; undefined: there was none, or nothing is declared here. */
  get report(): DeclaredReport | undefined {
    return this.#report;
  }

  /** What keeps it from telling the others. */
  get waiting(): readonly Waiting[] {
    return this.#publisher?.waiting() ?? [];
  }

  /** Begins. */
  start(): void {
    // What an agent before this one has read is read anew, where it is still asked for.
    this.#swept = removeDeclaredKeys(secretFolder(this.options.settings)).catch(() => {});
    this.options.source.start();
    if (this.#places === undefined) this.#tellOfContainers();
  }

  /** What an agent with another setting has put into containers this one cannot keep. */
  async #tellOfContainers(): Promise<void> {
    const { settings, log } = this.options;
    const places = (await readTraces(tracesFile(settings))).filter(({ namespace }) => namespace !== "");
    if (places.length === 0) return;
    const names = places.slice(0, SHOWN).map(({ id }) => id).join(", ");
    log.warn(`what is declared in containers (${names}) stays as it is: DECLARED_CONTAINERS=false`);
  }

  /** Something has changed, or may have: passes over everything, once more where a pass is under way. */
  wake(): void {
    if (this.#isClosed) return;
    if (this.#pass !== undefined) {
      this.#isAgain = true;
      return;
    }
    clearTimeout(this.#timer);
    const waitMs = this.#budget.waitMs(performance.now());
    if (waitMs > 0) this.#timer = setTimeout(() => this.#begin(), waitMs);
    else this.#begin();
  }

  #begin(): void {
    const startMs = performance.now();
    this.#pass = this.#tryPass().finally(() => {
      this.#pass = undefined;
      this.#budget.spent(performance.now() - startMs, performance.now());
      if (this.#isClosed) return;
      // Never without a pause: what somebody else changes as often, or the kernel does not keep, would have all of a processor.
      const isDue = this.#isAgain || this.#hasApplied;
      const restMs = REST_TIMES * (performance.now() - startMs);
      const waitMs = isDue
        ? Math.max(LEAST_PAUSE_MS, this.#backoff.paceMs(this.#hasApplied))
        : this.#lookMs && Math.max(this.#lookMs, Math.min(IDLE_LOOK_MS, restMs));
      this.#isAgain = this.#hasApplied = false;
      if (waitMs !== undefined) this.#timer = setTimeout(() => this.wake(), waitMs);
    });
  }

  /** Ends the loop behind the pass that is under way; nothing is taken down. */
  async close(): Promise<void> {
    this.#isClosed = true;
    clearTimeout(this.#timer);
    this.#names.close();
    await Promise.all([this.#pass, this.options.source.close()]);
    this.#places?.close();
  }

  async #tryPass(): Promise<void> {
    await this.#swept;
    this.#backoff.begin();
    if (this.#backoff.isHeld("all")) return;
    try {
      await this.#passOver();
      this.#backoff.succeeded("all");
    } catch (error) {
      this.#failed("all", (error as Error).message);
    }
  }

  async #passOver(): Promise<void> {
    const { settings, source, log } = this.options;
    tellProblems(log, source.problems());
    const [parsed, tenants] = [source.declared(), source.tenants()];
    if (parsed === undefined) return;
    const isIdle = this.#lookMs === undefined || performance.now() < this.#leftoversAtMs;
    if (parsed.length === 0 && isIdle && this.#report === undefined) return;
    const { objects, unread, isHeld } = this.#known.take(parsed);
    const nodes = this.#othersFor(objects);
    if (nodes === "unknown") return;
    const isAllKnown = tenants === "listed" && !unread.some((it) => isTenant(it) && !isHeld(it));
    if (isAllKnown && objects !== this.#keyed) {
      this.#keyed = objects;
      await forgetTenantKeys(declaredKeyFolder(settings), objects).catch((error) => log.error(error.message));
    }
    const wanted = this.#wish.of({ objects, nodes: this.options.nodes(), said: nodes ?? [] });
    for (const { kind, name, claim, reason } of firstOf([...unread, ...wanted.rejected], (it) => it)) {
      log.warn(`rejected: ${kind} ${name}: ${claim}: ${reason}`);
    }
    this.#secrets?.want(wanted);
    // Not waited for: who knows no name still has interfaces to make, and is woken by an answer.
    this.#names.want(hostNames(wanted.interfaces));
    const passed = await converge({
      wanted,
      unread: [
        ...unread.filter((it) => !isHeld(it) && !isTenant(it)),
        ...tenants === "unknown" ? ALL_TENANTS : [],
      ],
      observer: this.#observer,
      places: this.#places,
      implementation: this.options.implementation,
      server: settings.wireguardGo,
      keyFolder: declaredKeyFolder(settings),
      resolved: this.#names.answers,
      ...(this.#secrets && { secrets: this.#secrets.known }),
      held: this.#backoff.heldParts(),
      onKeyError: (_, error) => log.error(error.message),
    });
    const isBusy = wanted.interfaces.length > 0 || passed.hasOurs || this.#publisher?.isGone === false;
    this.#lookMs = isBusy ? LOOK_MS : parsed.length > 0 ? IDLE_LOOK_MS : undefined;
    this.#settle(passed);
    this.#tell({
      nodeName: settings.nodeName,
      objects,
      unread,
      wanted,
      ...passed,
      failing: this.#backoff.failing(),
    }, nodes);
  }

  /** What other nodes say, where that matters here; without it the keys of all would be gone for a moment. */
  #othersFor(objects: readonly DeclaredObject[]): readonly NodeParts[] | undefined | "unknown" {
    const { source, settings: { nodeName }, api } = this.options;
    const isMember = objects.some((it) =>
      it.kind === "WireGuardNetworkPlan" && it.spec.nodes.some((node) => node.nodeName === nodeName)
    );
    source.needNodes(isMember || this.#herald?.isHolder === true);
    return source.nodes() ?? (isMember && api !== undefined ? "unknown" : undefined);
  }

  #tell(sight: DeclaredSight, nodes: readonly NodeParts[] | undefined): void {
    const report = reportOf(sight);
    const isNothing = report.objects.length === 0 && sight.objects.length === 0;
    this.#report = isNothing ? undefined : report;
    const findings = { report, objects: sight.objects, nodes };
    // A key that is about to be read is not taken back for a moment.
    if (this.#secrets?.isSettled !== false) this.#publisher?.passed(findings);
    this.#tenantsPublisher?.passed(findings);
    this.#herald?.passed(findings);
  }

  #settle({ plan, outcomes }: Passed): void {
    const { log } = this.options;
    tellBlocked(log, { ...plan, waiting: firstOf(plan.waiting, ({ owner }) => owner), rejected: [] });
    this.#backoff.keepOnly(new Set(plan.steps.map(({ part }) => part)));
    for (const { step, error } of outcomes) {
      if (error === undefined) {
        this.#backoff.succeeded(step.part);
        tellChanges(log, step, step.cause ?? "declared");
        this.#hasApplied = true;
        const contest = step.changes.length > 0 &&
          this.#backoff.repaired(step.part, describeChange(step.changes[0]!));
        if (contest) log.error(contest.text, { retryInMs: contest.retryInMs });
      } else this.#failed(step.part, `${describeChange(step.changes[0]!)}: ${error.message}`);
    }
  }

  #failed(what: Parameters<Backoff["failed"]>[0], message: string): void {
    const retryInMs = Math.round(this.#backoff.failed(what, message));
    this.options.log.error(`cannot go on with declared networks: ${message}`, { retryInMs });
  }
}

/** Some of the cluster's and some of tenants', who may have thousands. */
function firstOf<T>(all: readonly T[], ownerOf: (it: T) => DeclaredId): T[] {
  const ofTenants = (are: boolean) => all.filter((it) => isTenant(ownerOf(it)) === are).slice(0, SHOWN);
  return [...ofTenants(false), ...ofTenants(true)];
}

function hostNames(interfaces: readonly WantedInterface[]): ReadonlySet<string> {
  return new Set(interfaces.flatMap(({ link }) => {
    if (link.kind !== "wireguard") return [];
    return link.peers.flatMap(({ endpoint }) => typeof endpoint?.host === "string" ? endpoint.host : []);
  }));
}
