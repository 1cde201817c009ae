// Every setting once: variable, flag, default, meaning, grammar. README's table is generated from it.

import type { Family } from "../net/address.ts";
import { parseNodeName } from "../nodes/parse_node.ts";
import type { NodeName } from "../nodes/node.ts";
import { type BindAddress, parseBindAddress } from "../net/bind_address.ts";
import type { Refusal } from "../net/refusal.ts";
import {
  boolean,
  choice,
  integer,
  interfaceNames,
  isInterfaceName,
  list,
  optionalPath,
  path,
  type Setting,
} from "./grammar.ts";
import { HOST_SETTINGS } from "./host_settings.ts";
import { KEY_SETTINGS } from "./key_settings.ts";
import { POLICY_SETTINGS } from "./policy_settings.ts";
import { TRAFFIC_SETTINGS } from "./traffic_settings.ts";
import { TRANSPORT_SETTINGS } from "./transport_settings.ts";
import type { TransportName } from "../transport/transport.ts";
import { TRANSPORTS } from "../transport/transports.ts";

/** The most characters of an expression. */
export const MAX_EXPRESSION = 16_384;

const POD_CIDR_SOURCES = ["spec", "none", "file", "expression"] as const;

/** Where this node's pod CIDRs of a family come from. */
export type PodCidrSource = (typeof POD_CIDR_SOURCES)[number];

function podCidrSource(env: string): Setting<PodCidrSource> {
  return choice(env, {
    words: POD_CIDR_SOURCES,
    fallback: "spec",
    meaning:
      "Where this node's pod CIDRs of the family come from: `spec.podCIDRs` of its Node, nowhere, a file, or an expression.",
  });
}

/** The table of settings, in the order of the documentation. */
export const SETTINGS = {
  nodeName: {
    env: "NODE_NAME",
    fallback: "",
    accepts: "the name of a Node",
    meaning:
      "This node's Node object; without it the one whose `status.nodeInfo` has this host's machine-id or system UUID.",
    parse: (text: string) => text === "" ? text : parseNodeName(text),
  } satisfies Setting<NodeName | "">,
  nodes: {
    env: "WIGGLENET_NODES",
    fallback: "",
    accepts: "a comma-separated list of paths",
    meaning: "Files and folders of Node manifests; the flag may be repeated.",
    parse: list,
  } satisfies Setting<string[]>,
  kubeconfig: {
    env: "KUBECONFIG",
    fallback: "",
    accepts: "paths with colons between them",
    meaning: "Credentials of a cluster whose API is asked for Nodes; a pod needs none.",
    parse: (text: string) => text.split(":").filter((path) => path !== ""),
  } satisfies Setting<string[]>,
  interfaceName: {
    env: "WIGGLENET_IFACE_NAME",
    fallback: "wigglenet",
    accepts: "an interface name of 1 to 15 letters, digits, `_`, `.`, `-`",
    meaning: "The WireGuard interface.",
    parse: (text: string) => isInterfaceName(text) ? text : undefined,
  } satisfies Setting<string>,
  port: {
    env: "WIGGLENET_WG_PORT",
    fallback: "24601",
    accepts: "a port, 1 to 65535",
    meaning: "UDP port of WireGuard, this node's and every peer's.",
    parse: (text: string) => integer(text, 1, 65535),
  } satisfies Setting<number>,
  ...KEY_SETTINGS,
  wireguardMode: choice("WIREGUARD_MODE", {
    words: ["auto", "kernel", "userspace"],
    fallback: "auto",
    meaning: "WireGuard of the kernel, or wireguard-go; `auto` takes the kernel's where it has one.",
  }),
  wireguardGo: choice("WIREGUARD_GO", {
    words: ["started", "awaited"],
    fallback: "started",
    meaning: "Where wireguard-go is needed: this agent starts it, or it is awaited, and runs by itself.",
  }),
  mtu: {
    env: "WIGGLENET_MTU",
    fallback: "auto",
    accepts: "auto, or 576 to 65535 bytes, with IPv6 pods from 1280",
    meaning: "MTU of the tunnel and of new pods; `auto`: what the narrowest path to a peer leaves.",
    parse: (text: string) => text === "auto" ? text : integer(text, 576, 65535),
  } satisfies Setting<"auto" | number>,
  endpointFamily: choice("WG_IP_FAMILY", {
    words: ["dualstack", "ipv4", "ipv6"],
    fallback: "dualstack",
    meaning:
      "Which family a peer's endpoint may be, and nodes' addresses of `vxlan`, `gre` and `ipsec`; `dualstack`: any, of endpoints IPv4 first.",
  }),
  cniConfigPath: path("CNI_CONFIG_PATH", "/etc/cni/net.d/10-wigglenet.conflist", "The CNI configuration."),
  isBridged: boolean(
    "CNI_BRIDGE",
    false,
    "Pods hang on a [bridge](#a-bridge) rather than each on an interface of its own; drain the node before you change it.",
  ),
  arePluginsInstalled: boolean("INSTALL_CNI_PLUGINS", true, "`install-cni` adds missing CNI plugins."),
  ...TRAFFIC_SETTINGS,
  ...HOST_SETTINGS,
  nodeIpInterfaces: {
    env: "NODE_IP_INTERFACES",
    fallback: "",
    accepts: "a comma-separated list of interface names",
    meaning: "Interfaces whose global unicast addresses are node addresses too.",
    parse: interfaceNames,
  } satisfies Setting<string[]>,
  isFirewallOnly: boolean(
    "FIREWALL_ONLY",
    false,
    "No tunnel, no routes, no CNI file: filter and masquerade only.",
  ),
  areSysctlsManaged: boolean(
    "MANAGE_SYSCTLS",
    false,
    "Switches on the forwarding that pods need, and loosens `rp_filter` where `HOST_ENCRYPTION` or ESP in UDP asks for it.",
  ),
  isFlowtableEnabled: boolean(
    "ENABLE_FLOWTABLE",
    false,
    "Established flows take a short cut past the rules of this host, by a flowtable.",
  ),
  flowtableDevices: {
    env: "FLOWTABLE_DEVICES",
    fallback: "auto",
    accepts: "auto, or a comma-separated list of interface names",
    meaning: "Interfaces that flows may enter the short cut by; `auto`: all of this host, pods' included.",
    parse: (text: string) => text === "auto" ? text : interfaceNames(text),
  } satisfies Setting<"auto" | string[]>,
  flowtablePackets: {
    env: "FLOWTABLE_PACKET_THRESHOLD",
    fallback: "128",
    accepts: "1 to 999999 packets",
    meaning: "So many packets of a flow, both ways together, go the long way.",
    parse: (text: string) => integer(text, 1, 999999),
  } satisfies Setting<number>,
  ...TRANSPORT_SETTINGS,
  podCidrSourceIpv4: podCidrSource("POD_CIDR_SOURCE_IPV4"),
  podCidrSourceIpv6: podCidrSource("POD_CIDR_SOURCE_IPV6"),
  podCidrSourcePath: {
    env: "POD_CIDR_SOURCE_PATH",
    fallback: "",
    accepts: "an absolute path",
    meaning: "The file of the `file` source: one CIDR a line.",
    parse: (text: string) => text === "" || text.startsWith("/") ? text : undefined,
  } satisfies Setting<string>,
  podCidrExpression: {
    env: "POD_CIDR_EXPRESSION",
    fallback: "",
    accepts: `a CEL expression of at most ${MAX_EXPRESSION} characters`,
    meaning:
      "The expression of the `expression` source, see [pod CIDRs by expression](#pod-cidrs-by-expression).",
    parse: (text: string) => text.length > MAX_EXPRESSION ? undefined : text,
  } satisfies Setting<string>,
  podCidrExpressionPath: {
    env: "POD_CIDR_EXPRESSION_PATH",
    fallback: "",
    accepts: "an absolute path",
    meaning: "The file that holds the expression; it wins over `POD_CIDR_EXPRESSION`.",
    parse: (text: string) => text === "" || text.startsWith("/") ? text : undefined,
  } satisfies Setting<string>,
  ...POLICY_SETTINGS,
  firewallBackend: {
    env: "FIREWALL_BACKEND",
    fallback: "nftables",
    accepts: "nftables; there is no iptables backend",
    meaning: "Kept for manifests of the original.",
    parse: (text: string) => text === "nftables" ? text : undefined,
  } satisfies Setting<string>,
  isMetricsEnabled: boolean("ENABLE_METRICS", false, "Serves `/metrics`, `/healthz` and `/readyz`."),
  metricsAddress: {
    env: "METRICS_BIND_ADDR",
    fallback: ":9091",
    accepts: "`:9091`, `127.0.0.1:9091`, `[::1]:9091`",
    meaning: "Where they are served; without an address: on all of this host.",
    parse: parseBindAddress,
  } satisfies Setting<BindAddress>,
  metricsCertFile: optionalPath(
    "METRICS_TLS_CERT_FILE",
    "The server's certificate and chain, PEM: they are served by TLS alone then. Read anew when it changes.",
  ),
  metricsKeyFile: optionalPath("METRICS_TLS_KEY_FILE", "The private key to it."),
  metricsClientCaFile: optionalPath(
    "METRICS_TLS_CLIENT_CA_FILE",
    "Certificates, PEM: only clients that have one from these authorities are served.",
  ),
  healthAddress: {
    env: "HEALTH_BIND_ADDR",
    fallback: "",
    accepts: "`127.0.0.1:9092` and the like, or nothing",
    meaning: "Serves `/healthz` and `/readyz` alone, by plain HTTP, with or without metrics.",
    parse: (text: string) => text === "" ? text : parseBindAddress(text),
  } satisfies Setting<BindAddress | "">,
  logFormat: choice("LOG_FORMAT", {
    words: ["text", "json"],
    fallback: "text",
    meaning: "One event a line on stderr.",
  }),
  logLevel: choice("LOG_LEVEL", {
    words: ["info", "debug", "warn", "error"],
    fallback: "info",
    meaning: "The least severe event that is logged.",
  }),
} as const;

type Parsed<S> = S extends { parse: (text: string) => infer T } ? Exclude<T, Refusal | undefined> : never;

/** All settings as they were given, each whole. `nodeName` may be empty: the Node is to be found then. */
export type GivenSettings = { readonly [Name in keyof typeof SETTINGS]: Parsed<(typeof SETTINGS)[Name]> };

/** The settings of a host whose Node is known. */
export interface Settings extends GivenSettings {
  readonly nodeName: NodeName;
}

/** True where somebody has said which Node is this host. */
export function isNamed(settings: GivenSettings): settings is Settings {
  return settings.nodeName !== "";
}

/** The flag of a variable: kebab case, without the WIGGLENET_ prefix. */
export function flagOf(env: string): string {
  return `--${env.replace(/^WIGGLENET_/, "").toLowerCase().replaceAll("_", "-")}`;
}

/** What the settings say of one family. */
export interface FamilySettings {
  readonly isMasqueraded: boolean;
  readonly isFiltered: boolean;
  /** `native` also with FIREWALL_ONLY and NATIVE_ROUTING. */
  readonly transport: TransportName;
  /** This agent routes and guards. False: somebody else does. */
  readonly isRouted: boolean;
  readonly podCidrSource: PodCidrSource;
}

/** The per-family settings of one family. */
export function familySettings(settings: GivenSettings, family: Family): FamilySettings {
  const isIpv4 = family === 4;
  const isNative = settings.isFirewallOnly || (isIpv4 ? settings.isNativeIpv4 : settings.isNativeIpv6);
  const transport = isNative ? "native" : isIpv4 ? settings.transportIpv4 : settings.transportIpv6;
  return {
    isMasqueraded: isIpv4 ? settings.masqueradeIpv4 : settings.masqueradeIpv6,
    isFiltered: isIpv4 ? settings.filterIpv4 : settings.filterIpv6,
    transport,
    isRouted: TRANSPORTS[transport].medium !== undefined,
    podCidrSource: isIpv4 ? settings.podCidrSourceIpv4 : settings.podCidrSourceIpv6,
  };
}

/** Families whose pod CIDRs an expression gives. */
export function expressionFamilies(settings: GivenSettings): readonly Family[] {
  if (settings.isFirewallOnly) return [];
  return ([4, 6] as const).filter((family) =>
    familySettings(settings, family).podCidrSource === "expression"
  );
}

/** True when this agent routes at least one family: WireGuard is used, and peers need keys. */
export function usesTunnel(settings: GivenSettings): boolean {
  return familySettings(settings, 4).isRouted || familySettings(settings, 6).isRouted;
}

/** True when metrics are served by TLS. */
export function usesMetricsTls({ metricsCertFile }: GivenSettings): boolean {
  return metricsCertFile !== "";
}
