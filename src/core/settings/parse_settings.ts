// What the user wrote -> Settings. A bad value never falls back to the default: all bad ones are named together and
// nothing starts.

import { quote, refused } from "../net/refusal.ts";
import type { Setting } from "./grammar.ts";
import { GREETING_PORT, ipsecUdpPort } from "../transport/ipsec/names.ts";
import { ownTransports } from "../transport/own_transports.ts";
import { transportsText } from "../transport/stated.ts";
import type { Transport } from "../transport/transport.ts";
import { isOverlayMedium } from "../transport/overlay_kinds.ts";
import { TRANSPORTS } from "../transport/transports.ts";
import { nextPort } from "../rotation/names.ts";
import { encryptsHosts } from "./host_settings.ts";
import { flagOf, type GivenSettings, type PodCidrSource, SETTINGS, usesTunnel } from "./settings.ts";

/** Values by variable name: what the user wrote, from the environment or a flag. */
export type RawSettings = Readonly<Record<string, string | undefined>>;

/**
 * Reads all settings. Flags win over the environment.
 * @returns the settings, or one line for each bad one: variable, value and what is accepted
 */
export function parseSettings(
  environment: RawSettings,
  flags: RawSettings,
): GivenSettings | readonly string[] {
  const problems: string[] = [];
  const settings: Record<string, unknown> = {};
  for (const [name, setting] of Object.entries<Setting<unknown>>(SETTINGS)) {
    const text = flags[setting.env] ?? (environment[setting.env] || setting.fallback);
    const value = setting.parse(text);
    if (value === undefined || refused(value)) problems.push(problemText(setting, { text, value }));
    else settings[name] = value;
  }
  const all = settings as unknown as GivenSettings;
  problems.push(...contradictions(all), ...transports(all, (env) => flags[env] ?? environment[env] ?? ""));
  return problems.length > 0 ? problems : all;
}

function problemText(
  setting: Setting<unknown>,
  { text, value }: { text: string; value: unknown },
): string {
  const name = `${setting.env} (${flagOf(setting.env)})`;
  const why = refused(value) ? `: ${value.reason}` : "";
  return `${name} is ${quote(text)}${why}; accepted: ${setting.accepts}`;
}

function contradictions(settings: GivenSettings): readonly string[] {
  return [
    ...podCidrSources(settings),
    ...metricsTls(settings),
    ...oneAddress(settings),
    ...hosts(settings),
    ...vxlanPort(settings),
    ...espPort(settings),
    ...oneOverlay(settings),
    ...bridge(settings),
  ];
}

/** TLS that is half asked for is refused: without it everybody could read what is served. */
function metricsTls(settings: GivenSettings): readonly string[] {
  const { isMetricsEnabled, metricsCertFile, metricsKeyFile, metricsClientCaFile } = settings;
  if (!isMetricsEnabled) return [];
  const missing = (env: string, because: string) => `${env} (${flagOf(env)}) is not set: ${because} needs it`;
  return [
    ...(metricsCertFile === "" && metricsKeyFile !== ""
      ? [missing("METRICS_TLS_CERT_FILE", "METRICS_TLS_KEY_FILE")]
      : []),
    ...(metricsKeyFile === "" && metricsCertFile !== ""
      ? [missing("METRICS_TLS_KEY_FILE", "METRICS_TLS_CERT_FILE")]
      : []),
    ...(metricsClientCaFile !== "" && metricsCertFile === "" && metricsKeyFile === ""
      ? [missing("METRICS_TLS_CERT_FILE", "METRICS_TLS_CLIENT_CA_FILE")]
      : []),
  ];
}

/** Two servers cannot listen on one address. */
function oneAddress({ isMetricsEnabled, metricsAddress, healthAddress }: GivenSettings): readonly string[] {
  // Each may be missing here: then it has a problem of its own.
  if (!isMetricsEnabled || !healthAddress || metricsAddress?.port !== healthAddress.port) return [];
  const { host } = healthAddress;
  if (host !== undefined && metricsAddress.host !== undefined && host !== metricsAddress.host) return [];
  return [
    `HEALTH_BIND_ADDR (--health-bind-addr) is ${healthAddress.text}, and METRICS_BIND_ADDR ${metricsAddress.text}: give ` +
    "it another port, or leave it out, for both are served beside the metrics",
  ];
}

/** The tunnel stands while nodes change over, and its next port while a key rotates. */
function vxlanPort(settings: GivenSettings): readonly string[] {
  const { vxlanPort: port, port: tunnel } = settings;
  if (!mediaOf(settings).includes("vxlan")) return [];
  if (port !== tunnel && port !== nextPort(tunnel)) return [];
  return [
    `VXLAN_PORT (--vxlan-port) is ${port}, which is WireGuard's, or is its while keys rotate: choose another one`,
  ];
}

/** The same, and greetings are in ESP themselves. */
function espPort(settings: GivenSettings): readonly string[] {
  // Each may be missing here: then it has a problem of its own.
  if (!settings.transportIpv4 || !settings.transportIpv6) return [];
  const { port: tunnel } = settings;
  const port = ipsecUdpPort(settings);
  const owner = port === GREETING_PORT
    ? "that of greetings"
    : port === tunnel || port === nextPort(tunnel)
    ? "WireGuard's, or is its while keys rotate"
    : undefined;
  return port === undefined || owner === undefined
    ? []
    : [`IPSEC_UDP_PORT (--ipsec-udp-port) is ${port}, which is ${owner}: choose another one`];
}

/** The host wraps by one interface. */
function oneOverlay(settings: GivenSettings): readonly string[] {
  const { transportIpv4, transportIpv6 } = settings;
  const [v4, v6] = mediaOf(settings);
  if (v4 === v6 || !isOverlayMedium(v4) || !isOverlayMedium(v6)) return [];
  return [
    `TRANSPORT_IPV4 is ${transportIpv4} and TRANSPORT_IPV6 is ${transportIpv6}: a node wraps by one of both; set them alike`,
  ];
}

/** Each may be missing here: then it has a problem of its own. */
function mediaOf({ transportIpv4, transportIpv6 }: GivenSettings): readonly Transport["medium"][] {
  return [transportIpv4, transportIpv6].map((name) => name && TRANSPORTS[name].medium);
}

/** Without a tunnel nothing can go through it. */
function hosts(settings: GivenSettings): readonly string[] {
  // Each may be missing here: then it has a problem of its own.
  if (!settings.transportIpv4 || !settings.transportIpv6) return [];
  if (!encryptsHosts(settings)) return [];
  const transports = ownTransports(settings);
  if (transports !== undefined) {
    return [
      `HOST_ENCRYPTION (--host-encryption) is require, and pods' packets are to leave in the clear ` +
      `(${transportsText(transports)}): set it to off, or TRANSPORT_IPV4 and TRANSPORT_IPV6 to wireguard`,
    ];
  }
  if (usesTunnel(settings)) return [];
  return [
    "HOST_ENCRYPTION (--host-encryption) is require, and there is no tunnel: leave FIREWALL_ONLY out, and one of " +
    "NATIVE_ROUTING_IPV4 and NATIVE_ROUTING_IPV6 (or `native` of TRANSPORT_IPV4 and TRANSPORT_IPV6)",
  ];
}

/**
 * What is said twice must be the same. Whether the default was said or is one only the variables tell.
 * @param said the text of a variable, empty where there is none
 */
function transports(settings: GivenSettings, said: (env: string) => string): readonly string[] {
  const { isFirewallOnly, isNativeIpv4, isNativeIpv6 } = settings;
  return ([[4, isNativeIpv4], [6, isNativeIpv6]] as const).flatMap(([family, isNative]) => {
    const env = `TRANSPORT_IPV${family}`;
    const text = said(env);
    const rival = isFirewallOnly ? "FIREWALL_ONLY" : isNative ? `NATIVE_ROUTING_IPV${family}` : undefined;
    if (rival === undefined || text === "" || text === "native") return [];
    return [
      `${env} (${flagOf(env)}) is ${
        quote(text)
      }, and with ${rival} this agent routes nothing: leave one of them out`,
    ];
  });
}

/** Without a CNI file of ours no pod is attached by it. */
function bridge({ isBridged, isFirewallOnly }: GivenSettings): readonly string[] {
  return isBridged && isFirewallOnly
    ? [
      "CNI_BRIDGE (--cni-bridge) is true, and with FIREWALL_ONLY this agent attaches no pods: leave one of them out",
    ]
    : [];
}

function podCidrSources(settings: GivenSettings): readonly string[] {
  const uses = (source: PodCidrSource) =>
    settings.podCidrSourceIpv4 === source || settings.podCidrSourceIpv6 === source;
  const problems: string[] = [];
  if (uses("file") && settings.podCidrSourcePath === "") {
    problems.push(
      "POD_CIDR_SOURCE_PATH (--pod-cidr-source-path) is not set: a pod CIDR source is `file`, give its path",
    );
  }
  if (uses("expression") && settings.podCidrExpression === "" && settings.podCidrExpressionPath === "") {
    problems.push(
      "POD_CIDR_EXPRESSION (--pod-cidr-expression) is not set: a pod CIDR source is `expression`, give it, " +
        "or its file in POD_CIDR_EXPRESSION_PATH",
    );
  }
  return problems;
}
