// `wigglenet run`: the agent. Everything that can be refused is refused before anything is touched.

import type { ParsedNode } from "../core/nodes/node.ts";
import { nodeParser, nodePicker } from "../core/nodes/node_parser.ts";
import { type GivenSettings, type Settings, usesTunnel } from "../core/settings/settings.ts";
import { ipsecUdpPort } from "../core/transport/ipsec/names.ts";
import { DeclaredKeeper, type DeclaredOptions } from "../shell/declared/declared_keeper.ts";
import { FactKeeper } from "../shell/fact_keeper.ts";
import { sweepLeftovers } from "../shell/files.ts";
import { currentNonce } from "../shell/ipsec_nonce.ts";
import { ensureKey, type HostKey } from "../shell/key_file.ts";
import { Log } from "../shell/log.ts";
import { NameResolver } from "../shell/name_resolver.ts";
import { becomeOnlyAgent } from "../shell/only_agent.ts";
import { giveUpContainers, giveUpPlugins, requirePaths } from "../shell/permissions.ts";
import { requireInterface, requirePrograms } from "../shell/preconditions.ts";
import { policyParts } from "../shell/policy/policy_parts.ts";
import { Publisher } from "../shell/publish.ts";
import { PodCidrExpression } from "../shell/pod_cidr_expression.ts";
import type { Onlooker } from "../shell/progress.ts";
import { type FixedFacts, wireguardOf } from "../shell/read_facts.ts";
import { makesVxlan, readFirstSight } from "../shell/read_network.ts";
import { Reconciler, type ReconcilerOptions } from "../shell/reconcile.ts";
import { Systemd } from "../shell/systemd.ts";
import { factsOf, type OpenedSource, openSource } from "../shell/sources/open_source.ts";
import { serveStatus, STATUS_SOCKET } from "../shell/status_socket.ts";
import { Telemetry } from "../shell/telemetry.ts";
import { HostWatch } from "../shell/watch_host.ts";
import { statusOf } from "./agent_status.ts";
import { parseArguments } from "./arguments.ts";
import { awaitName } from "./name_node.ts";
import { requireNodes } from "./read_nodes.ts";
import { VERSION } from "./version.ts";

/** Runs until SIGTERM or SIGINT; 0 then, 1 when it cannot start. The data plane stays. */
export async function runAgent(args: readonly string[]): Promise<number> {
  const systemd = await Systemd.open((why) => console.error(`wigglenet: systemd is not told: ${why}`));
  try {
    return await runTold(args, systemd);
  } catch (error) {
    await systemd?.failed((error as Error).message);
    throw error;
  } finally {
    systemd?.close();
  }
}

async function runTold(args: readonly string[], systemd: Systemd | undefined): Promise<number> {
  const { settings: given } = await parseArguments(args, []);
  requireNodes(given);
  giveUpPlugins();
  giveUpContainers(given);
  const log = new Log(given.logFormat, given.logLevel);
  const host = await requireHost(given);
  const signal = endSignal();
  signal.addEventListener("abort", () => systemd?.stopping());
  const settings = await awaitName(given, { log, signal, systemd });
  return settings === undefined ? 0 : await runNamed(settings, { host, log, signal, systemd });
}

/** Ends with the first SIGTERM or SIGINT. */
function endSignal(): AbortSignal {
  const end = new AbortController();
  for (const signal of ["SIGTERM", "SIGINT"] as const) Deno.addSignalListener(signal, () => end.abort());
  return end.signal;
}

/** What is known before anything is touched. */
interface Start {
  readonly host: HostParts;
  readonly log: Log;
  readonly signal: AbortSignal;
  readonly systemd: Systemd | undefined;
}

async function runNamed(settings: Settings, { host, log, signal, systemd }: Start): Promise<number> {
  const readKey = () => keyOf(settings, log);
  const publicKey = (await readKey())?.publicKey;
  log.info(`wigglenet ${VERSION} starts`, { node: settings.nodeName, wireguard: host.wireguard, publicKey });
  const { source, api, openPolicies, openDeclared } = await openSource(settings, {
    parse: nodeParser(settings),
    pick: nodePicker(settings),
    nameOf: ({ node }) => node?.name,
    onChange: () => reconciler.sourceChanged(),
  });
  const fixed = { ...host, readKey, drawnNonce: currentNonce, ...factsOf(api) };
  const publisher = api && new Publisher({ settings, api, log });
  const names = new NameResolver(() => reconciler.doubtFacts());
  const keeper = new FactKeeper(settings, fixed, () => names.answers);
  const publish: ReconcilerOptions["publish"] = (nodes, facts) => publisher?.consider(nodes, facts);
  const policies = policyParts(settings, { openPolicies, log, onChange: () => reconciler.policy?.changed() });
  const progress = () => policies.addTo(reconciler.progress());
  const told = { settings, source, progress, policies: policies.told };
  const report = () => declared.report;
  const telemetry = new Telemetry({ ...told, version: VERSION, log, api, systemd, declared: report });
  // What watches begins behind the first pass: it would keep a booting node from its mesh.
  const publishing = () => publisher?.passed(reconciler.progress());
  const onlooker = afterEachPass(telemetry, () => watch.start(), publishing);
  const policiesKnown = () => policies.settled(signal);
  const parts = { settings, source, keeper, names, log, publish, onlooker, policiesKnown };
  const reconciler: Reconciler = new Reconciler({ ...parts, policy: policies.input });
  const declared = keeperOf({ source, api, openDeclared }, { settings, log, implementation: host.wireguard });
  const socket = await serveStatus(() => statusOf({ ...told, publisher, telemetry, declared }));
  if (socket === undefined) {
    log.warn(`another agent answers on ${STATUS_SOCKET}: this one's status is not served`);
  }
  const watch = new HostWatch({ reconciler, keeper, settings, log, traced: policies.traced });
  onAbort(signal, () => reconciler.stop());
  await telemetry.start();
  policies.start();
  await source.start();
  declared.start();
  try {
    await reconciler.run();
    log.info("stops; the data plane stays");
    return 0;
  } finally {
    watch.close();
    names.close();
    publisher?.close();
    telemetry.close();
    socket?.close();
    for (const part of [declared, policies, source]) await part?.close();
  }
}

/** Also where that has been before. */
function onAbort(signal: AbortSignal, act: () => void): void {
  signal.addEventListener("abort", act);
  if (signal.aborted) act();
}

/** What keeps declared networks, where the Nodes come from. */
function keeperOf<T extends ParsedNode>(
  { source, api, openDeclared }: Pick<OpenedSource<T>, "source" | "api" | "openDeclared">,
  options: Pick<DeclaredOptions, "settings" | "log" | "implementation">,
): DeclaredKeeper {
  const nodes = () => source.state().items;
  const { settings: { nodeName: node }, log } = options;
  return new DeclaredKeeper({
    ...options,
    source: openDeclared({ node, nodes: () => nodes().length, log }),
    nodes,
    api,
  });
}

/** The onlooker, and what else is to be done after a pass. */
function afterEachPass(onlooker: Onlooker, ...acts: readonly (() => void)[]): Onlooker {
  return {
    passed: () => {
      for (const act of acts) act();
      onlooker.passed();
    },
    applied: (outcomes, durationMs) => onlooker.applied(outcomes, durationMs),
  };
}

type HostParts = Pick<FixedFacts, "wireguard" | "expression" | "sight" | "isUdpLacking">;

/** Throws Error where this host, or who else runs here, cannot have an agent; nothing was changed then. */
async function requireHost(settings: GivenSettings): Promise<HostParts> {
  requirePaths(settings);
  const mayHaveTables = await requirePrograms(settings);
  const expression = await PodCidrExpression.load(settings);
  await expression?.requireGood();
  if (!becomeOnlyAgent()) {
    throw new Error(
      "another agent runs in this network namespace: stop it first " +
        "(wigglenet status shows it; ss -xlp who holds @wigglenet-agent)",
    );
  }
  await sweepLeftovers([settings.cniConfigPath, settings.privateKeyPath]);
  const sight = await readFirstSight(settings, mayHaveTables);
  const wireguard = await wireguardOf(settings, sight);
  await requireInterface(settings, { implementation: wireguard, link: sight.link });
  const isUdpLacking = ipsecUdpPort(settings) !== undefined && !await makesVxlan();
  return { wireguard, expression, sight, isUdpLacking };
}

/** The host's key, with a line in the log where it was not in its file. */
async function keyOf(settings: Settings, log: Log): Promise<HostKey | undefined> {
  if (!usesTunnel(settings)) return undefined;
  const key = await ensureKey(settings);
  if (key.problem !== undefined || key.origin === "file") return key;
  const fields = { path: settings.privateKeyPath, publicKey: key.publicKey };
  if (key.origin === "chance") log.info("made a private key", fields);
  else log.warn("the private key file was missing: wrote it anew from the interface", fields);
  return key;
}
