// What wakes the loop: monitors of the kernel, file watches, polls where there are no events, audits for all the rest.

import { bridgeInterface } from "../core/bridge/names.ts";
import {
  concernsBaseChains,
  concernsBridge,
  concernsFastpath,
  concernsNetwork,
  concernsRules,
  concernsTable,
  isOfKernel,
  type PathDoubt,
  pathDoubtOf,
  takesRoutes,
  tellsOfIpvs,
  tellsOfLoss,
  tellsOfPlace,
} from "../core/observed/monitor_lines.ts";
import { isTrace } from "../core/observed/traced_drop.ts";
import type { ObservedState } from "../core/observed/observed_state.ts";
import { nextInterface, nextKeyPath, requestedKeyPath } from "../core/rotation/names.ts";
import { type Settings, usesTunnel } from "../core/settings/settings.ts";
import { ipsecInterface } from "../core/transport/ipsec/names.ts";
import { isLively } from "../core/transport/ipsec/rollover.ts";
import { concernsPolicies } from "../core/transport/ipsec/xfrm_text.ts";
import { usesIpsec } from "../core/transport/own_transports.ts";
import { follow, type Follower } from "./command.ts";
import type { FactKeeper } from "./fact_keeper.ts";
import type { Log } from "./log.ts";
import { observeCni } from "./observe.ts";
import type { Reconciler } from "./reconcile.ts";
import { stampOf } from "./sources/file_content.ts";

const NO_ROUTES: ObservedState["routes"] = { 4: new Set(), 6: new Set() };
const AUDIT_MS = 30_000;
const CANARY_MS = 2_000;
/** A monitor that was started is taken to listen after this: it does not say when it does. */
const LISTENS_MS = 500;
/** On a busy machine it may take longer: what it may not have told is read a second time after {@link CANARY_MS}. */
const SURELY_LISTENS_MS = 1_000;
const POLL_MS = 1_000;
/** Up to here WireGuard is read every second; a dump of more peers takes longer, and may come more rarely. */
const PEERS_PER_POLL = 1_000;
/** Nor more rarely than this, of however many: who rotates a key must be heard three times in a row (rotation/heard.ts). */
const MOST_POLLS = 5;
/** Associations at rest. By 100 Gbit/s of least packets one carries 3 * 10^8 meanwhile: it is spent at 2^30. */
const RESTING_MS = 2_000;
const MAX_PATH_DOUBTS = 100;
const FACTS_MS = 2_000;
const CNI_MS = 250;
const KEY_MS = 1_000;
const LONGEST_RESTART_MS = 30_000;

/** Programs that tell of changes. */
const MONITORS = {
  "nft monitor": { program: "nft", args: ["monitor"] },
  "ip monitor": { program: "ip", args: ["-o", "monitor", "link", "address", "route", "rule"] },
  // Of policies alone: of associations that go it prints the keys (docs/decisions/0060).
  "ip xfrm monitor": { program: "ip", args: ["-o", "xfrm", "monitor", "policy"] },
} as const;
type Monitored = keyof typeof MONITORS;

/** What is watched for. */
export interface HostWatchOptions {
  readonly reconciler: Reconciler;
  readonly keeper: FactKeeper;
  readonly settings: Settings;
  readonly log: Log;
  /** Hears of packets that somebody traces. */
  readonly traced: (line: string) => void;
}

/** Everything that watches; close it to end all processes and timers. */
export class HostWatch {
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #followers = new Map<string, Follower>();
  /** By their texts: many lines tell of the same. */
  #pathDoubts = new Map<string, PathDoubt>();
  /** Until when events of which monitor may go unheard: it died, or has just begun. */
  readonly #deafUntilMs = new Map<Monitored, number>();
  #isStarted = false;
  #isClosed = false;
  #keyStamps: string | undefined;

  constructor(private readonly options: HostWatchOptions) {}

  /** Begins; whatever happened before is seen by reading. Does nothing when it has begun. */
  start(): void {
    if (this.#isStarted) return;
    this.#isStarted = true;
    const { reconciler, keeper, settings, settings: { interfaceName }, traced } = this.options;
    const [second, bridge] = [nextInterface(interfaceName), bridgeInterface(interfaceName)];
    const ipsec = usesIpsec(settings) ? ipsecInterface(settings) : undefined;
    this.#supervise("nft monitor", (line) => {
      if (isTrace(line)) traced(line);
      else if (concernsTable(line)) reconciler.heard("table", line);
      else if (concernsFastpath(line)) reconciler.doubt("fastpath");
      else if (concernsBridge(line)) reconciler.doubt("bridge");
      else if (concernsBaseChains(line, keeper.dropChains)) this.#doubtChains();
      else if (tellsOfLoss(line)) this.#doubtTables();
    });
    this.#supervise("ip monitor", (line) => {
      const observed = reconciler.observed ?? { routes: NO_ROUTES };
      const { routes } = observed;
      this.#heardOfPaths(line);
      const isOurs = (name: string) => concernsNetwork(line, name, routes);
      const isLink = /^(Deleted )?\d+: /.test(line);
      if (isLink && ipsec !== undefined && isOurs(ipsec)) reconciler.doubt("ipsec");
      if (isOurs(interfaceName)) reconciler.heard("network", line);
      else if (isOurs(second)) {
        if (isLink) {
          reconciler.heard("second", line);
          reconciler.doubtFacts(); // whose it is
        } else if (!isOfKernel(line)) reconciler.heard("network", line);
      } else if (isOurs(bridge)) this.#heardOfBridge(isLink);
      else if (concernsRules(line)) reconciler.doubt("network");
      else if (tellsOfIpvs(line)) reconciler.doubtFacts(); // policies go by it: at once
      else if (tellsOfPlace(line, reconciler.progress().desired?.clear)) reconciler.doubt("network");
      else if (isLink) {
        if (takesRoutes(line, observed)) {
          reconciler.doubt("network");
          reconciler.doubtFacts(); // who was near by it may be so no more
        }
        this.#once("facts", FACTS_MS, () => {
          reconciler.doubtFacts();
          reconciler.doubt("network", "second", "ipsec"); // an interface of another name may be ours, renamed
        });
      }
    });
    this.#every("audit", () => AUDIT_MS * (0.9 + Math.random() / 5), () => reconciler.audit());
    this.#every("cni", () => CNI_MS, () => this.#lookAtCni());
    if (usesTunnel(settings)) this.#poll();
    if (ipsec !== undefined) this.#watchIpsec();
  }

  /** What no monitor tells: files, sessions of WireGuard. */
  #poll(): void {
    const { reconciler } = this.options;
    this.#every("key", () => KEY_MS, () => this.#lookAtKey());
    this.#every(
      "peers",
      () => POLL_MS * Math.min(MOST_POLLS, Math.max(1, reconciler.peerCount / PEERS_PER_POLL)),
      () => reconciler.progress().desired?.link && reconciler.doubt("wireguard"),
    );
  }

  /** Of policies there are events, of associations none but with their keys. */
  #watchIpsec(): void {
    const { reconciler } = this.options;
    this.#supervise("ip xfrm monitor", (line) => {
      if (concernsPolicies(line)) reconciler.doubt("ipsec");
    });
    const peerCount = () => reconciler.progress().desired?.ipsec.peers.length ?? 0;
    const leastMs = () => {
      const { ipsec } = reconciler.observed ?? {};
      return ipsec === undefined || isLively(ipsec) ? POLL_MS : RESTING_MS;
    };
    this.#every("associations", () => Math.max(leastMs(), POLL_MS * peerCount() / PEERS_PER_POLL), () => {
      if (peerCount() > 0) reconciler.doubt("associations");
    });
  }

  /** A foreign route into our interface concerns us, and is a loop when it leads to an endpoint. */
  #heardOfPaths(line: string): void {
    const { reconciler, keeper } = this.options;
    const doubt = pathDoubtOf(line, keeper.pathDevs);
    if (doubt === undefined) return;
    this.#pathDoubts.set(doubt === "all" ? doubt : doubt.text, doubt);
    if (this.#pathDoubts.size > MAX_PATH_DOUBTS) this.#pathDoubts = new Map([["all", "all"]]);
    this.#once("paths", FACTS_MS, () => {
      const doubts = [...this.#pathDoubts.values()];
      this.#pathDoubts.clear();
      if (doubts.includes("all")) reconciler.doubtFacts(); // it may be a default route: an uplink, or what a router told
      reconciler.doubtPaths(doubts);
    });
  }

  /** Of the bridge or its ports. */
  #heardOfBridge(isLink: boolean): void {
    this.options.reconciler.doubt("bridge");
    if (isLink) this.options.reconciler.doubtFacts();
  }

  #doubtTables(): void {
    this.options.reconciler.doubt("table", "fastpath", "bridge");
    this.options.reconciler.doubtChains(); // no audit reads them
  }

  #doubtChains(): void {
    this.#once("chains", FACTS_MS, () => this.options.reconciler.doubtChains());
  }

  close(): void {
    this.#isClosed = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    for (const follower of this.#followers.values()) follower.close();
  }

  #once(name: string, delayMs: number, act: () => void): void {
    if (this.#isClosed || this.#timers.has(name)) return;
    this.#timers.set(
      name,
      setTimeout(() => {
        this.#timers.delete(name);
        act();
      }, delayMs),
    );
  }

  #every(name: string, delayMs: () => number, act: () => void): void {
    this.#once(name, delayMs(), () => {
      act();
      this.#every(name, delayMs, act);
    });
  }

  /** Keeps a monitor running. While it is down, what it would tell of is read every two seconds instead. */
  #supervise(name: Monitored, onLine: (line: string) => void, failures = 0): void {
    if (this.#isClosed) return;
    const startMs = performance.now();
    let follower: Follower;
    try {
      follower = follow(MONITORS[name], onLine);
    } catch (error) {
      follower = { ended: Promise.resolve(String(error)), close: () => {} };
    }
    this.#followers.set(name, follower);
    this.#deafFor(name, SURELY_LISTENS_MS);
    this.#once("canary", LISTENS_MS, () => this.#canary());
    follower.ended.then((why) => {
      if (this.#isClosed) return;
      const count = performance.now() - startMs > LONGEST_RESTART_MS ? 0 : failures + 1;
      const delayMs = Math.min(LONGEST_RESTART_MS, 500 * 2 ** count) * (0.5 + Math.random() / 2);
      this.options.log.warn(`${name} ended (${why}); reading every ${CANARY_MS} ms until it runs again`);
      this.#deafFor(name, delayMs + SURELY_LISTENS_MS);
      this.#canary();
      this.#once(`restart ${name}`, delayMs, () => this.#supervise(name, onLine, count));
    });
  }

  #deafFor(name: Monitored, ms: number): void {
    const untilMs = performance.now() + ms;
    this.#deafUntilMs.set(name, Math.max(untilMs, this.#deafUntilMs.get(name) ?? 0));
  }

  /** Reads in place of the events, the last time when all monitors listen again. */
  #canary(): void {
    const { reconciler } = this.options;
    if (this.#deafUntilMs.has("nft monitor")) {
      reconciler.policy?.listens();
      this.#doubtTables();
    }
    if (this.#deafUntilMs.has("ip xfrm monitor")) reconciler.doubt("ipsec");
    if (this.#deafUntilMs.has("ip monitor")) {
      reconciler.doubt("network", "second", "ipsec", "bridge");
      reconciler.doubtFacts();
      reconciler.doubtPaths(["all"]);
    }
    for (const [name, untilMs] of this.#deafUntilMs) {
      if (performance.now() >= untilMs) this.#deafUntilMs.delete(name);
    }
    if (this.#deafUntilMs.size > 0) this.#once("canary", CANARY_MS, () => this.#canary());
  }

  /**
   * By looking, for events are not to be had: Deno (2.9.6) tells nothing when a watched folder goes with all that is in
   * it, or when a link leads elsewhere.
   */
  async #lookAtCni(): Promise<void> {
    const { cni } = this.options.reconciler.observed ?? {};
    // Why it cannot be read the loop tells, which reads it next.
    const seen = await observeCni(this.options.settings.cniConfigPath).catch(() => undefined);
    const isSame = seen !== undefined && seen.text === cni?.text && seen.linkTarget === cni?.linkTarget;
    if (!isSame) this.options.reconciler.doubt("cni");
  }

  /** The key file has other content, or is gone: then it is looked at until it is back. */
  async #lookAtKey(): Promise<void> {
    const { privateKeyPath: path } = this.options.settings;
    const stampAt = (path: string) => Deno.stat(path).then(stampOf, () => undefined);
    const stamp = await stampAt(path);
    const stamps = [stamp, await stampAt(nextKeyPath(path)), await stampAt(requestedKeyPath(path))].join();
    if (stamp === undefined || stamps !== this.#keyStamps) this.options.reconciler.doubtFacts();
    this.#keyStamps = stamps;
  }
}
