// The agent's whole loop on a model host, by a clock of its own: what it does is what the shell does, every command and file of it.

import type { DesiredState } from "../../src/core/desired/desired_state.ts";
import type { ParsedNode } from "../../src/core/nodes/node.ts";
import { parseNode } from "../../src/core/nodes/parse_node.ts";
import { parseSettings } from "../../src/core/settings/parse_settings.ts";
import type { Settings } from "../../src/core/settings/settings.ts";
import { FactKeeper } from "../../src/shell/fact_keeper.ts";
import { Log } from "../../src/shell/log.ts";
import { NameResolver } from "../../src/shell/name_resolver.ts";
import type { Progress } from "../../src/shell/progress.ts";
import { Reconciler } from "../../src/shell/reconcile.ts";
import type { NodeSource } from "../../src/shell/sources/node_source.ts";
import { HostWatch } from "../../src/shell/watch_host.ts";
import { type Scenario, SCENARIOS } from "../netns/scenarios.ts";
import { OWN_KEY } from "./clusters.ts";
import { ModelClock } from "./model_clock.ts";
import type { ModelHost } from "./model_host.ts";
import { type Fault, ModelMachine } from "./model_machine.ts";
import { ModelPrograms } from "./model_programs.ts";

/** A cluster, and what serves its tunnel on this host. */
export interface Situation extends Scenario {
  readonly wireguard: "kernel" | "userspace";
}

/** All clusters of the layer netns, by name; the first one also with wireguard-go. */
export const SITUATIONS: ReadonlyMap<string, Situation> = new Map<string, Situation>([
  ...Object.entries(SCENARIOS).map(([name, it]) => [name, { ...it, wireguard: "kernel" as const }] as const),
  ["dual stack, in user space", { ...SCENARIOS["dual stack"]!, wireguard: "userspace" }],
]);

/** What came of an agent that ran for a while. */
export interface Life {
  readonly desired: DesiredState;
  readonly progress: Progress;
  readonly machine: ModelMachine;
  /** Trouble that was under `failing` at some time. */
  readonly failing: ReadonlySet<string>;
  /** When it was in sync for good, since it began. */
  readonly settledMs: number;
  /** How much it had asked for by then. */
  readonly settledAsked: number;
}

/** How an agent is run. */
export interface LifeOptions {
  readonly host: ModelHost;
  readonly fault?: Fault;
  readonly ms: number;
  /** Hears of each thing that is done. */
  readonly onDone?: (what: string) => void;
}

function settingsOf({ settings }: Situation): Settings {
  const flags = Object.fromEntries(Object.entries(settings).filter(([, value]) => value !== undefined));
  const parsed = parseSettings({ NODE_NAME: "n1" }, flags as Record<string, string>);
  if (!("nodeName" in parsed)) throw new Error(parsed.join("\n"));
  return parsed as Settings;
}

function sourceOf(items: readonly ParsedNode[]): NodeSource<ParsedNode> {
  return {
    places: ["nodes.yaml"],
    start: () => Promise.resolve(),
    state: () => ({ items, complete: true, problems: [] }),
    close: () => Promise.resolve(),
  };
}

/** Runs an agent on a host. Rejects when it ends by itself. */
export async function live(situation: Situation, { host, fault, ms, onDone }: LifeOptions): Promise<Life> {
  const settings = settingsOf(situation);
  const addresses = situation.nodes[0]!.status.addresses!.map(({ address }) => {
    return `${address}/${address.includes(":") ? 64 : 24}`;
  });
  host.files.set(settings.privateKeyPath, "");
  using clock = ModelClock.install();
  using machine = new ModelMachine(host, new ModelPrograms(host, addresses));
  machine.fault = fault;
  machine.onDone = onDone ?? (() => {});
  const log = new Log("text", "info");
  const items: ParsedNode[] = situation.nodes.map((node) => parseNode(node, "nodes.yaml"));
  const names = new NameResolver(() => {});
  const fixed = {
    wireguard: situation.wireguard,
    readKey: () => Promise.resolve({ publicKey: OWN_KEY }),
    expression: undefined,
  };
  const keeper = new FactKeeper(settings, fixed, () => names.answers);
  const failing = new Set<string>();
  let [settledMs, settledAsked] = [Infinity, 0];
  const startMs = clock.nowMs;
  const passed = () => {
    watch.start();
    const { failing: now, isInSync } = reconciler.progress();
    for (const [what, { error }] of Object.entries(now)) failing.add(`${what}: ${error}`);
    if (!isInSync) settledMs = Infinity;
    else if (settledMs === Infinity) {
      [settledMs, settledAsked] = [clock.nowMs - startMs, machine.asked.length];
    }
  };
  const source = sourceOf(items);
  const onlooker = { passed, applied: () => {} };
  const reconciler = new Reconciler({ settings, source, keeper, names, log, publish: () => {}, onlooker });
  const watch = new HostWatch({ reconciler, keeper, settings, log, traced: () => {} });
  let death: unknown;
  const end = reconciler.run().catch((error) => death = error);
  await clock.pass(ms, () => death !== undefined);
  const progress = reconciler.progress();
  reconciler.stop();
  watch.close();
  names.close();
  await clock.pass(60_000, () => false); // what hangs is ended
  await end;
  if (death !== undefined) throw death;
  const { desired } = progress;
  if (desired === undefined) throw new Error(`nothing was ever wanted:\n${machine.said.join("\n")}`);
  return { desired, progress, machine, failing, settledMs, settledAsked };
}
