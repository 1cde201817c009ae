// What wakes the loop: monitors of the kernel, file watches, polls where there are no events, audits for all the rest.

import { concernsNetwork, concernsTable } from "../core/observed/monitor_lines.ts";
import { type Settings, usesTunnel } from "../core/settings/settings.ts";
import { follow, type Follower, type Run } from "./command.ts";
import { RUN_FOLDER } from "./files.ts";
import type { Log } from "./log.ts";
import type { Reconciler } from "./reconcile.ts";

const AUDIT_MS = 30_000;
const CANARY_MS = 2_000;
const POLL_MS = 1_000;
/** Up to here WireGuard is read every second; a dump of more peers takes longer, and may come more rarely. */
const PEERS_PER_POLL = 1_000;
const FACTS_MS = 2_000;
const WATCH_MS = 500;
const LONGEST_RESTART_MS = 30_000;

/** Everything that watches; close it to end all processes and timers. */
export class HostWatch {
  readonly #timers = new Map<string, ReturnType<typeof setTimeout>>();
  readonly #followers = new Map<string, Follower>();
  readonly #watchers = new Map<string, Deno.FsWatcher>();
  #isClosed = false;

  constructor(readonly reconciler: Reconciler, readonly settings: Settings, readonly log: Log) {}

  start(): void {
    const { reconciler, settings } = this;
    this.#supervise({ program: "nft", args: ["monitor"] }, (line) => {
      if (concernsTable(line)) reconciler.heard("table", line);
    });
    this.#supervise({ program: "ip", args: ["-o", "monitor", "link", "address", "route"] }, (line) => {
      if (concernsNetwork(line, reconciler.networkConcern)) reconciler.heard("network", line);
      else if (/^(Deleted )?\d+: /.test(line)) {
        this.#once(
          "facts",
          FACTS_MS,
          () => reconciler.doubtFacts(),
        );
      }
    });
    this.#every("audit", () => AUDIT_MS * (0.9 + Math.random() / 5), () => {
      this.#watchCni();
      reconciler.audit();
    });
    if (usesTunnel(settings)) {
      this.#every(
        "peers",
        () => POLL_MS * Math.max(1, reconciler.peerCount / PEERS_PER_POLL),
        () => reconciler.doubt("wireguard"),
      );
    }
    this.#watchCni();
  }

  close(): void {
    this.#isClosed = true;
    for (const timer of this.#timers.values()) clearTimeout(timer);
    for (const follower of this.#followers.values()) follower.close();
    for (const watcher of this.#watchers.values()) watcher.close();
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

  /** Keeps a monitor running. While it is down, the table is read every two seconds instead. */
  #supervise(run: Run, onLine: (line: string) => void, failures = 0): void {
    const name = `${run.program} monitor`;
    if (this.#isClosed) return;
    const startMs = performance.now();
    let follower: Follower;
    try {
      follower = follow(run, onLine);
    } catch (error) {
      follower = { ended: Promise.resolve(String(error)), close: () => {} };
    }
    this.#followers.set(name, follower);
    // Whatever happened before it listened is seen by reading.
    this.reconciler.doubt("table", "network");
    follower.ended.then((why) => {
      if (this.#isClosed) return;
      const count = performance.now() - startMs > LONGEST_RESTART_MS ? 0 : failures + 1;
      const delayMs = Math.min(LONGEST_RESTART_MS, 500 * 2 ** count) * (0.5 + Math.random() / 2);
      this.log.warn(`${name} ended (${why}); reading every ${CANARY_MS} ms until it runs again`);
      this.#canary(name, performance.now() + delayMs);
      this.#once(`restart ${name}`, delayMs, () => this.#supervise(run, onLine, count));
    });
  }

  #canary(name: string, untilMs: number): void {
    if (performance.now() > untilMs) return;
    this.reconciler.doubt("table", "network");
    this.#once(`canary ${name}`, CANARY_MS, () => this.#canary(name, untilMs));
  }

  /** Watches the folders of the CNI file; one that is not there is tried again soon. */
  #watchCni(): void {
    const path = this.settings.cniConfigPath;
    for (const folder of [path.slice(0, path.lastIndexOf("/")) || "/", RUN_FOLDER]) {
      if (this.#isClosed || this.#watchers.has(folder)) continue;
      try {
        const watcher = Deno.watchFs(folder, { recursive: false });
        this.#watchers.set(folder, watcher);
        // Whatever happened before it was watched is seen by reading.
        this.reconciler.doubt("cni");
        this.#followFolder(folder, watcher);
      } catch {
        this.#watchSoon();
      }
    }
  }

  #watchSoon(): void {
    this.#once("watch", WATCH_MS, () => this.#watchCni());
  }

  async #followFolder(folder: string, watcher: Deno.FsWatcher): Promise<void> {
    const names = [this.settings.cniConfigPath, `${RUN_FOLDER}/cni`];
    for await (const { kind, paths } of watcher) {
      if (paths.some((path) => path === folder || names.some((name) => path.startsWith(name)))) {
        this.reconciler.doubt("cni");
      }
      if (kind === "remove" && paths.includes(folder)) break;
    }
    this.#watchers.delete(folder);
    this.#watchSoon();
  }
}
