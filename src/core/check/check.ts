// Can this host do it, and is it well? What was seen of it -> findings, each with a remedy.

import { forwardingRemedy } from "../desired/forwarding.ts";
import { obstaclesIn, type Surroundings } from "../desired/obstacles.ts";
import type { Family } from "../net/address.ts";
import { nftFinding } from "./nft_version.ts";
import { mtuFindings, type MtuReport } from "./mtu_probe.ts";
import { pitfallFindings, type Pitfalls } from "./pitfalls.ts";
import type { Rejected } from "../nodes/node.ts";
import type { ClearStatus, PeerStatus } from "../plan/status.ts";
import { type Program, PROGRAM_PACKAGES } from "../shipped/programs.ts";

/** What `wigglenet check` looks at. Undefined: could not be read, which is a finding of its own where it matters. */
export interface HostReport extends Surroundings {
  /** First line of each program's version; undefined: not found. */
  readonly programs: Readonly<Partial<Record<Program, string | undefined>>>;
  /** What is there for the tunnel; undefined: no family needs one, and there is none. */
  readonly tunnel: {
    readonly hasKernel: boolean;
    readonly hasTun: boolean;
    readonly mode: "auto" | "kernel" | "userspace";
    readonly port: number;
    readonly interfaceName: string;
    /** Our interface is up, and has the port. */
    readonly isListening: boolean;
    /** The second interface, where keys may rotate; it has its port, if it is up. */
    readonly second?: SecondReport;
    /** UDP ports that somebody listens on. */
    readonly udpPorts: readonly number[];
    /** The private key file, where its mode lets others than its owner read it. */
    readonly exposedKeyPath?: string;
  } | undefined;
  readonly hasNetAdmin: boolean;
  /** Why nobody knows which Node this host is; undefined: it is known. */
  readonly naming: string | undefined;
  /** By family; undefined: the kernel has it not. */
  readonly forwarding: Readonly<Partial<Record<Family, boolean>>>;
  readonly families: readonly Family[];
  /** IPv4 rp_filter in force, by interface. */
  readonly rpFilter: Readonly<Record<string, number>>;
  /** What would keep metrics or probes from being served; looked at while no agent runs, which says it itself. */
  readonly serving: {
    /** `METRICS_BIND_ADDR :9091` of each address whose port is somebody else's. */
    readonly taken: readonly { readonly env: string; readonly text: string; readonly port: number }[];
    /** What is wrong with certificate, key and authorities; undefined: nothing, or TLS is not asked for. */
    readonly tlsProblem: string | undefined;
  };
  /** The running agent's own words; that it is there and says none; undefined: there is none. */
  readonly agent:
    | {
      readonly isInSync: boolean;
      readonly failing: readonly string[];
      readonly waiting: readonly string[];
      readonly rejected: readonly Rejected[];
      readonly podCidrs: readonly string[];
      readonly peers: readonly PeerStatus[];
      readonly clear?: readonly ClearStatus[];
    }
    | "hangs"
    | undefined;
  /** Undefined: nothing of a pod network is asked for, or this host cannot be looked at. */
  readonly pitfalls: Pitfalls | undefined;
  /** UDP port of WireGuard. */
  readonly port: number;
  /** Why the expression gives no pod CIDRs here; undefined: it does, or there is none. */
  readonly expression: string | undefined;
  /** Undefined: nobody asked, or nothing could be tried. */
  readonly mtu: MtuReport | undefined;
}

/** What of that is looked at. */
export interface SecondReport {
  readonly name: string;
  readonly port: number;
  readonly isListening: boolean;
}

/** Something that is not well. */
export interface Finding {
  /** An `error` keeps the network from working, a `warning` may. */
  readonly level: "error" | "warning";
  readonly what: string;
  readonly remedy: string;
}

const STRICT = 1;

/** All findings, errors first. */
export function findingsOf(report: HostReport): Finding[] {
  const findings = [
    ...programFindings(report),
    ...tunnelFindings(report),
    ...kernelFindings(report),
    ...obstacleFindings(report),
    ...expressionFindings(report),
    ...namingFindings(report),
    ...servingFindings(report),
    ...agentFindings(report),
    ...(report.pitfalls === undefined ? [] : pitfallFindings(report.pitfalls, meshOf(report))),
    ...(report.mtu === undefined ? [] : mtuFindings(report.mtu)),
  ];
  return [...findings.filter(isError), ...findings.filter((finding) => !isError(finding))];
}

function meshOf({ agent, port }: HostReport): Parameters<typeof pitfallFindings>[1] {
  if (typeof agent !== "object") return { own: [], peers: [], port };
  const { podCidrs: own, peers, clear = [] } = agent;
  return { own, peers, clear, port };
}

function isError({ level }: Finding): boolean {
  return level === "error";
}

function error(what: string, remedy: string): Finding {
  return { level: "error", what, remedy };
}

function warning(what: string, remedy: string): Finding {
  return { level: "warning", what, remedy };
}

function programFindings({ programs, hasNetAdmin }: HostReport): Finding[] {
  const missing = Object.entries(programs).filter(([, version]) => version === undefined).map(([name]) =>
    name as Program
  );
  const tooOld = programs.nft === undefined ? undefined : nftFinding(programs.nft);
  return [
    ...(tooOld === undefined ? [] : [tooOld]),
    ...missing.map((name) => error(`${name} is not installed`, `apt-get install ${PROGRAM_PACKAGES[name]}`)),
    ...(hasNetAdmin ? [] : [
      error("CAP_NET_ADMIN is missing", "run as root, or give the container the capability NET_ADMIN"),
    ]),
  ];
}

function tunnelFindings({ tunnel }: HostReport): Finding[] {
  if (tunnel === undefined) return [];
  const { hasKernel, hasTun, mode, port, interfaceName, isListening, second, udpPorts, exposedKeyPath } =
    tunnel;
  const findings: Finding[] = [];
  if (!hasKernel && mode === "kernel") {
    findings.push(error("this kernel has no WireGuard", "modprobe wireguard, or WIREGUARD_MODE=auto"));
  }
  if (!hasKernel && mode === "auto") {
    findings.push(warning(
      "this kernel has no WireGuard: wireguard-go takes its place, at a part of its speed",
      "modprobe wireguard; WIREGUARD_MODE=userspace says that this is meant",
    ));
  }
  if ((mode === "userspace" || !hasKernel && mode === "auto") && !hasTun) {
    findings.push(
      error("/dev/net/tun is not there", "modprobe tun, or start the container with --device /dev/net/tun"),
    );
  }
  if (!isListening && udpPorts.includes(port)) {
    findings.push(error(
      `UDP port ${port} is somebody else's: ${interfaceName} cannot listen`,
      `ss -ulnp shows who; end it, or choose another WIGGLENET_WG_PORT on all nodes`,
    ));
  }
  if (second !== undefined) findings.push(...secondFindings(second, udpPorts));
  if (exposedKeyPath !== undefined) {
    findings.push(
      warning(`${exposedKeyPath} may be read by others than its owner`, `chmod 600 ${exposedKeyPath}`),
    );
  }
  return findings;
}

/** What keeps keys from rotating: somebody else has the second interface's port. */
export function secondFindings(
  { name, port, isListening }: SecondReport,
  udpPorts: readonly number[],
): Finding[] {
  if (isListening || !udpPorts.includes(port)) return [];
  return [error(
    `UDP port ${port} is somebody else's: ${name} could not listen, and no key rotates`,
    `ss -ulnp shows who; end it, choose another WIGGLENET_WG_PORT on all nodes, or set KEY_ROTATION to off`,
  )];
}

function kernelFindings({ families, forwarding, rpFilter }: HostReport): Finding[] {
  const off = families.filter((family) => forwarding[family] !== true);
  const strict = Object.entries(rpFilter).filter(([, value]) => value === STRICT).map(([name]) => name);
  return [
    ...off.map((family) => error(`IPv${family} is not forwarded`, forwardingRemedy(family))),
    ...strict.map((name) =>
      warning(
        `rp_filter is strict on ${name}: what a node sends through the tunnel may be dropped`,
        `sysctl -w net.ipv4.conf.${name}.rp_filter=2`,
      )
    ),
  ];
}

function obstacleFindings(report: HostReport): Finding[] {
  return obstaclesIn(report).map(({ what, remedy, isCertain }) =>
    isCertain ? error(what, remedy) : warning(what, remedy)
  );
}

function expressionFindings({ expression }: HostReport): Finding[] {
  if (expression === undefined) return [];
  return [
    error(expression, "without a pod CIDR the agent does not start; wigglenet node shows what is given"),
  ];
}

/** An agent waits until it is known, or does not start. */
function namingFindings({ naming }: HostReport): Finding[] {
  return naming === undefined ? [] : [error("nobody knows which Node this host is", naming)];
}

/** Only warnings: the data plane does without. */
function servingFindings({ serving: { taken, tlsProblem } }: HostReport): Finding[] {
  return [
    ...taken.map(({ env, text, port }) =>
      warning(
        `TCP port ${port} is somebody else's: ${env}=${text} cannot be served`,
        `ss -ltnp sport = :${port} shows who; end it, or choose another ${env}`,
      )
    ),
    ...(tlsProblem === undefined
      ? []
      : [warning(`metrics cannot be served: ${tlsProblem}`, "mend the files that METRICS_TLS_* name")]),
  ];
}

function agentFindings({ agent, tunnel }: HostReport): Finding[] {
  if (agent === undefined) return [error("no agent runs", "wigglenet run, or systemctl start wigglenet")];
  if (agent === "hangs") {
    const remedy = "systemctl restart wigglenet, or end the process that ss -xlp shows at wigglenet-agent";
    return [error("the agent hangs: it runs and does not answer", remedy)];
  }
  return [
    ...agent.failing.map((what) => error(what, "it is tried again; wigglenet diff shows what is left")),
    ...agent.waiting.map((what) => warning(what, "wigglenet status says what to do")),
    ...rejectedFindings(agent.rejected.filter(({ claim }) => claim !== tunnel?.exposedKeyPath)),
    ...(agent.isInSync || agent.failing.length > 0
      ? []
      : [error("the agent is not in sync", "wigglenet diff shows what is left")]),
  ];
}

const SHOWN_REFUSALS = 10;

/** Prefixes that overlap, keys that two show: decided alike on every node, but one of them is cut off. */
function rejectedFindings(rejected: readonly Rejected[]): Finding[] {
  const shown = rejected.slice(0, SHOWN_REFUSALS).map(({ node, claim, reason, kind }) =>
    warning(
      `refused: ${node}: ${claim}: ${reason}`,
      kind === "host" ? "mend that file or setting" : `mend what ${node} says`,
    )
  );
  const left = rejected.length - shown.length;
  return left === 0
    ? shown
    : [...shown, warning(`refused: ${left} more claims`, "wigglenet status names all of them")];
}
