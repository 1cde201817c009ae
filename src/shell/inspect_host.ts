// Reads what `wigglenet check` judges. Writes nothing but the probe interface of read_facts.ts.

import { isExposed } from "./key_file.ts";
import type { HostReport, SecondReport } from "../core/check/check.ts";
import { isForwardingWait } from "../core/desired/forwarding.ts";
import { isObstacleWait } from "../core/desired/obstacles.ts";
import type { MtuReport } from "../core/check/mtu_probe.ts";
import type { Family } from "../core/net/address.ts";
import type { NodeMetadata } from "../core/nodes/node.ts";
import type { Status } from "../core/plan/status.ts";
import {
  familySettings,
  type GivenSettings,
  SETTINGS,
  usesMetricsTls,
  usesTunnel,
} from "../core/settings/settings.ts";
import { nextInterface, nextPort } from "../core/rotation/names.ts";
import { needsKeys } from "../core/transport/own_transports.ts";
import type { Program } from "../core/shipped/programs.ts";
import { locate, run } from "./command.ts";
import { inspectPitfalls } from "./inspect_pitfalls.ts";
import { observeLink } from "./observe.ts";
import { hasNetAdmin } from "./preconditions.ts";
import { probeMtu } from "./probe_mtu.ts";
import { PodCidrExpression } from "./pod_cidr_expression.ts";
import { hasKernelWireguard, hasTunDevice, readInterfaces } from "./read_facts.ts";
import { readNetconf } from "./read_netconf.ts";
import { readDropChains, readSurroundings } from "./read_surroundings.ts";
import { sleep } from "./sleep.ts";
import { readStatus } from "./status_socket.ts";

const VERSION_FLAG: Readonly<Record<Program, string>> = {
  nft: "--version",
  ip: "-V",
  wg: "--version",
  ss: "-V",
  ln: "--version",
  cat: "--version",
  "wireguard-go": "--version",
  ping: "-V",
  conntrack: "--version",
  sysctl: "--version",
  nsenter: "--version",
  stat: "--version",
};
/** Of others' programs called ping none can forbid fragments. */
const IPUTILS = /iputils/;
/** For as long as `check --mtu` takes peers up. */
const PROBE_MS = 60_000;

/** What is looked at beside the rest. */
export interface Inspection extends Pick<HostReport, "naming"> {
  /** Of our own Node, for an expression. */
  readonly metadata: NodeMetadata;
  readonly isMtuProbed: boolean;
  /** Hears how many of how many peers were probed. */
  readonly onProgress: (done: number, all: number) => void;
}

/** Looks at everything; what cannot be read is left out, and judged so. */
export async function inspectHost(settings: GivenSettings, inspection: Inspection): Promise<HostReport> {
  const families = ([4, 6] as const).filter((family) => isRouted(settings, family));
  const hasAdmin = await hasNetAdmin();
  const isTunnelled = usesTunnel(settings) && (needsKeys(settings) || await hasLink(settings));
  const tunnel = isTunnelled ? await inspectTunnel(settings, hasAdmin) : undefined;
  const isUserspace = tunnel !== undefined &&
    (tunnel.mode === "userspace" || tunnel.mode === "auto" && !tunnel.hasKernel);
  const netconf = await readNetconf();
  const needed: Program[] = [
    "nft",
    "ip",
    "ss",
    ...(tunnel === undefined ? [] : ["wg" as const]),
    ...(isUserspace ? ["wireguard-go" as const] : []),
    ...(settings.hasDeclaredContainers ? ["nsenter", "stat"] as const : []),
    ...(settings.areSysctlsManaged ? ["sysctl" as const] : []),
    ...(inspection.isMtuProbed ? ["ping" as const] : []),
  ];
  const versions = await Promise.all(
    needed.map(async (program) => [program, await versionOf(program)] as const),
  );
  const programs: HostReport["programs"] = Object.fromEntries(versions);
  const answer = await readSettled();
  const status = typeof answer === "object" ? answer : undefined;
  return {
    programs,
    tunnel,
    hasNetAdmin: hasAdmin,
    naming: inspection.naming,
    forwarding: netconf.forwarding,
    families,
    rpFilter: tunnel === undefined
      ? {}
      : { [settings.interfaceName]: netconf.rpFilterOf(settings.interfaceName) },
    ...await readSurroundings(settings, await readDropChains()),
    serving: answer === undefined ? await inspectServing(settings) : { taken: [], tlsProblem: undefined },
    agent: typeof answer === "object" ? agentOf(answer) : answer,
    pitfalls: hasAdmin ? await inspectPitfalls(settings, status?.peers ?? []) : undefined,
    port: settings.port,
    expression: await expressionTrouble(settings, inspection.metadata),
    mtu: programs.ping === undefined || status === undefined
      ? undefined
      : await inspectMtu(settings, status, inspection),
  };
}

/** How long an agent may be at a pass: what it is about to apply is not told as left. */
const SETTLED_MS = 2_000;

async function readSettled(): ReturnType<typeof readStatus> {
  for (const endMs = performance.now() + SETTLED_MS;; await sleep(200)) {
    const answer = await readStatus();
    if (typeof answer !== "object" || performance.now() >= endMs) return answer;
    const { isInSync, failing } = answer.applied;
    if (isInSync || Object.keys(failing).length > 0) return answer;
  }
}

/** Why the expression gives no pod CIDRs now; undefined: it does, or there is none. */
async function expressionTrouble(settings: GivenSettings, node: NodeMetadata): Promise<string | undefined> {
  try {
    const expression = await PodCidrExpression.load(settings);
    if (expression === undefined) return undefined;
    const { trouble } = await expression.read({ interfaces: await readInterfaces(settings), node }, []);
    return trouble;
  } catch (error) {
    return (error as Error).message;
  }
}

async function inspectMtu(
  { interfaceName }: GivenSettings,
  { peers }: Status,
  { onProgress }: Inspection,
): Promise<MtuReport | undefined> {
  const link = await observeLink(interfaceName);
  if (link === undefined) return undefined;
  const { mtuBytes } = link;
  return await probeMtu(peers, {
    interfaceName,
    mtuBytes,
    limitMs: PROBE_MS,
    onProgress: (done) => onProgress(done, peers.length),
  });
}

function isRouted(settings: GivenSettings, family: Family): boolean {
  return !settings.isFirewallOnly && familySettings(settings, family).podCidrSource !== "none";
}

/** First line of what the program says of itself; undefined when it is not there. */
async function versionOf(program: Program): Promise<string | undefined> {
  if (locate(program) === undefined) return undefined;
  const text = await run({ program, args: [VERSION_FLAG[program]] }).catch((error: Error) => error.message);
  if (program === "ping" && !IPUTILS.test(text)) return undefined;
  return text.split("\n")[0]!.trim();
}

/** Where all leaves in the clear the tunnel stands for others, or not at all. */
async function hasLink({ interfaceName }: GivenSettings): Promise<boolean> {
  return locate("ip") !== undefined && await observeLink(interfaceName) !== undefined;
}

async function inspectTunnel(
  settings: GivenSettings,
  hasAdmin: boolean,
): Promise<NonNullable<HostReport["tunnel"]>> {
  const { interfaceName, port, wireguardMode: mode } = settings;
  const link = locate("ip") === undefined ? undefined : await observeLink(interfaceName);
  const isKernels = link?.kind === "wireguard";
  return {
    hasKernel: isKernels || hasAdmin && locate("ip") !== undefined && await hasKernelWireguard(),
    hasTun: !hasAdmin || locate("ip") === undefined || await hasTunDevice(),
    mode,
    port,
    interfaceName,
    isListening: link?.isUp === true && await listensOn(settings),
    ...(settings.keyRotation !== "off" && { second: await inspectSecond(settings) }),
    udpPorts: await readPorts("udp"),
    ...(await isExposed(settings.privateKeyPath) ? { exposedKeyPath: settings.privateKeyPath } : {}),
  };
}

/** The interface by which keys rotate, whether it is there or not. */
export async function inspectSecond({ interfaceName, port }: GivenSettings): Promise<SecondReport> {
  const second = { interfaceName: nextInterface(interfaceName), port: nextPort(port) };
  const link = locate("ip") === undefined ? undefined : await observeLink(second.interfaceName);
  return {
    name: second.interfaceName,
    port: second.port,
    isListening: link?.isUp === true && await listensOn(second),
  };
}

/** False when the interface has another port; true also where nobody may be told. */
async function listensOn(
  { interfaceName, port }: Pick<GivenSettings, "interfaceName" | "port">,
): Promise<boolean> {
  const command = { program: "wg", args: ["show", interfaceName, "listen-port"] } as const;
  const text = await run(command).catch(() => "");
  return text === "" || Number(text) === port;
}

/** Ports that somebody listens on; none where `ss` is missing. `ss -Hlun`: the fourth field is `ADDRESS:PORT`. */
export async function readPorts(protocol: "udp" | "tcp"): Promise<number[]> {
  if (locate("ss") === undefined) return [];
  const listing = await run({ program: "ss", args: [protocol === "udp" ? "-Hlun" : "-Hltn"] }).catch(() =>
    ""
  );
  return listing.split("\n").flatMap((line) => /:(\d+)$/.exec(line.split(/\s+/)[3] ?? "")?.[1] ?? []).map(
    Number,
  );
}

/** By port alone: who holds another address of it is asked to move all the same, which is a warning. */
async function inspectServing(settings: GivenSettings): Promise<HostReport["serving"]> {
  const { isMetricsEnabled, metricsAddress, healthAddress } = settings;
  const addresses = [
    ...(isMetricsEnabled ? [{ env: SETTINGS.metricsAddress.env, ...metricsAddress }] : []),
    ...(healthAddress === "" ? [] : [{ env: SETTINGS.healthAddress.env, ...healthAddress }]),
  ];
  const ports = addresses.length === 0 ? [] : await readPorts("tcp");
  const isTlsUsed = isMetricsEnabled && usesMetricsTls(settings);
  const tlsProblem = isTlsUsed
    ? await (await import("./metrics/tls_files.ts")).readTls(settings).then(
      () => undefined,
      (error: Error) => error.message,
    )
    : undefined;
  return { taken: addresses.filter(({ port }) => ports.includes(port)), tlsProblem };
}

/** What is looked at here besides is not told twice. */
function agentOf({ applied, waiting, rejected, podCidrs, peers, clear }: Status): HostReport["agent"] {
  const others = waiting.filter(({ what }) => !isForwardingWait(what) && !isObstacleWait(what));
  return {
    isInSync: applied.isInSync,
    failing: Object.entries(applied.failing).map(([part, { error }]) => `${part}: ${error}`),
    waiting: others.map(({ what, why }) => `${what}: ${why}`),
    rejected,
    podCidrs,
    peers,
    ...(clear && { clear }),
  };
}
