// `wigglenet run`: the agent. Everything that can be refused is refused before anything is touched.

import type { ParsedNode } from "../core/nodes/node.ts";
import { peerStatuses, type Status } from "../core/plan/status.ts";
import { parserFor } from "../core/publish/annotations.ts";
import { NOT_YET, type Settings, usesTunnel } from "../core/settings/settings.ts";
import { FactKeeper } from "../shell/fact_keeper.ts";
import { sweepLeftovers } from "../shell/files.ts";
import { ensureKey, type HostKey } from "../shell/key_file.ts";
import { Log } from "../shell/log.ts";
import { NameResolver } from "../shell/name_resolver.ts";
import { becomeOnlyAgent } from "../shell/only_agent.ts";
import { requirePaths } from "../shell/permissions.ts";
import { requireInterface, requirePrograms } from "../shell/preconditions.ts";
import { Publisher } from "../shell/publish.ts";
import { wireguardOf } from "../shell/read_facts.ts";
import { Reconciler, type ReconcilerOptions } from "../shell/reconcile.ts";
import type { NodeSource } from "../shell/sources/node_source.ts";
import { openSource } from "../shell/sources/open_source.ts";
import { serveStatus, STATUS_SOCKET } from "../shell/status_socket.ts";
import { HostWatch } from "../shell/watch_host.ts";
import { parseArguments } from "./arguments.ts";
import { requireNodes } from "./read_nodes.ts";
import { VERSION } from "./version.ts";

function isOn(value: string | undefined): boolean {
  return /^(1|t|true)$/i.test(value ?? "");
}

/** Runs until SIGTERM or SIGINT; 0 then, 1 when it cannot start. The data plane stays. */
export async function runAgent(args: readonly string[]): Promise<number> {
  const { settings } = parseArguments(args, []);
  requireNodes(settings);
  const log = new Log(settings.logFormat, settings.logLevel);
  requirePaths(settings);
  await requirePrograms(settings);
  if (!becomeOnlyAgent()) {
    throw new Error(
      "another agent runs in this network namespace: stop it first " +
        "(wigglenet status shows it; ss -xlp who holds @wigglenet-agent)",
    );
  }
  await sweepLeftovers([settings.cniConfigPath, settings.privateKeyPath]);
  const wireguard = await wireguardOf(settings);
  await requireInterface(settings, wireguard);
  const readKey = () => keyOf(settings, log);
  const publicKey = (await readKey())?.publicKey;
  log.info(`wigglenet ${VERSION} starts`, { node: settings.nodeName, wireguard, publicKey });
  for (const name of NOT_YET.filter((name) => isOn(Deno.env.get(name)))) {
    log.warn(`${name} is ignored: this version does not have it yet`);
  }
  const { source, api } = await openSource(settings, {
    parse: parserFor(settings.nodeName),
    onChange: () => reconciler.sourceChanged(),
  });
  const fixed = { wireguard, readKey, isPublished: api !== undefined };
  const publisher = api && new Publisher({ settings, api, log });
  const names = new NameResolver(() => reconciler.doubtFacts());
  const keeper = new FactKeeper(settings, fixed, () => names.answers);
  const publish: ReconcilerOptions["publish"] = (nodes, facts) => publisher?.consider(nodes, facts);
  const reconciler: Reconciler = new Reconciler({ settings, source, keeper, names, log, publish });
  const socket = await serveStatus(() => statusOf(settings, { source, reconciler, publisher }));
  if (socket === undefined) {
    log.warn(`another agent answers on ${STATUS_SOCKET}: this one's status is not served`);
  }
  const watch = new HostWatch({ reconciler, keeper, settings, log });
  for (const signal of ["SIGTERM", "SIGINT"] as const) {
    Deno.addSignalListener(signal, () => reconciler.stop());
  }
  await source.start();
  watch.start();
  await reconciler.run();
  log.info("stops; the data plane stays");
  watch.close();
  names.close();
  publisher?.close();
  socket?.close();
  await source.close();
  return 0;
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

interface Parts {
  readonly source: NodeSource<ParsedNode>;
  readonly reconciler: Reconciler;
  readonly publisher: Publisher | undefined;
}

function statusOf(settings: Settings, { source, reconciler, publisher }: Parts): Status {
  const progress = reconciler.progress();
  const link = progress.desired?.link;
  const { items, complete, problems } = source.state();
  return {
    node: settings.nodeName,
    version: VERSION,
    podCidrs: progress.desired?.cni?.podCidrs ?? [],
    mtu: link && { bytes: link.mtuBytes, why: link.mtuReason },
    source: {
      paths: source.places,
      isComplete: complete,
      objects: items.length,
      problems,
      heardMs: source.liveness?.().heardMs,
    },
    peers: peerStatuses(progress.desired, progress.observed),
    applied: {
      isInSync: progress.isInSync,
      steps: progress.appliedSteps,
      lastMs: progress.lastApplyMs,
      failing: progress.failing,
    },
    rejected: progress.desired?.rejected ?? items.flatMap(({ rejected }) => rejected),
    waiting: [...progress.waiting, ...publisher?.waiting() ?? []],
    drift: progress.drift,
  };
}
