// Which Node is this host: as NODE_NAME says, else the one among the Nodes that has this machine's ids.

import { type GivenSettings, isNamed, type Settings } from "../core/settings/settings.ts";
import type { Log } from "../shell/log.ts";
import { NameSearch } from "../shell/name_search.ts";
import { NO_PROGRESS, type Progress } from "../shell/progress.ts";
import type { Systemd } from "../shell/systemd.ts";
import { serveStatus } from "../shell/status_socket.ts";
import { missingSource } from "../shell/sources/open_source.ts";
import { Telemetry } from "../shell/telemetry.ts";
import { tellProblems } from "../shell/tell.ts";
import { statusOf } from "./agent_status.ts";
import { settle } from "./read_nodes.ts";
import { UsageError } from "./usage_error.ts";
import { VERSION } from "./version.ts";

/**
 * The settings with the name of this host's Node, for a command that looks once.
 * @throws Error when no Node, or more than one, is this host's; UsageError when there is nothing to look among
 */
export async function nameNode(settings: GivenSettings): Promise<Settings> {
  if (isNamed(settings)) return settings;
  if (missingSource(settings) !== undefined) {
    throw new UsageError(
      "NODE_NAME (--node-name) is not set: give the name of a Node; or Nodes to find this host among, " +
        "by --nodes PATH or --kubeconfig PATH",
    );
  }
  const search = await NameSearch.open(settings, () => {});
  try {
    await settle(search.source);
    const nodeName = search.found();
    if (nodeName !== undefined) return { ...settings, nodeName };
    const { why, next } = search.waiting();
    throw new Error(`${why}; ${next}`);
  } finally {
    await search.close();
  }
}

/** As long as the loop that is not there yet would sleep at most. */
const PASS_MS = 30_000;

/** How an agent waits. */
export interface Wait {
  readonly log: Log;
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Hears what is waited for. */
  readonly systemd: Systemd | undefined;
}

/**
 * The settings with the name of this host's Node, once there is one: until then status and probes say what is waited for,
 * and nothing is touched.
 * @returns undefined when it was ended before
 * @throws Error when more than one Node is this host's, or nothing tells this machine from others
 */
export async function awaitName(
  settings: GivenSettings,
  { log, signal, systemd }: Wait,
): Promise<Settings | undefined> {
  if (isNamed(settings)) return settings;
  let wake = () => {};
  const search = await NameSearch.open(settings, () => wake());
  const { source } = search;
  const progress = (): Progress => ({ ...NO_PROGRESS, waiting: [search.waiting()] });
  const telemetry = new Telemetry({
    ...{ settings, version: VERSION, log, source, api: undefined, progress, systemd },
  });
  const socket = await serveStatus(() =>
    statusOf({ settings, source, progress, publisher: undefined, telemetry })
  );
  signal.addEventListener("abort", () => wake());
  const timer = setInterval(() => wake(), PASS_MS);
  try {
    log.info("looks for this host's Node", { by: search.ids, in: source.places.join(", ") });
    await telemetry.start();
    await source.start();
    while (!signal.aborted) {
      telemetry.passed();
      const nodeName = search.found();
      if (nodeName !== undefined) {
        log.info(`this host is Node ${nodeName}`);
        return { ...settings, nodeName };
      }
      const changed = new Promise<void>((resolve) => wake = resolve);
      tellWaiting(log, search);
      await changed;
    }
    return undefined;
  } finally {
    clearInterval(timer);
    telemetry.close();
    socket?.close();
    await search.close();
  }
}

/** The log leaves out what it said a minute ago. */
function tellWaiting(log: Log, search: NameSearch): void {
  tellProblems(log, search.source.state().problems);
  const { what, why, next } = search.waiting();
  log.warn(`waiting for ${what}: ${why}; ${next}`);
}
