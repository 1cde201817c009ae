// docs/migrate.md against the settings: nothing that the original has is left out, nothing is named that is not there.

import assert from "node:assert/strict";
import migrate from "../../docs/migrate.md" with { type: "text" };
import { SETTINGS } from "../../src/core/settings/settings.ts";

/** Every variable that the original reads (v0.7.0, internal/config/config.go). */
const ORIGINAL = [
  "CNI_CONFIG_PATH",
  "ENABLE_FLOWTABLE",
  "ENABLE_METRICS",
  "ENABLE_NETWORK_POLICY",
  "FILTER_IPV4",
  "FILTER_IPV6",
  "FIREWALL_BACKEND",
  "FIREWALL_ONLY",
  "FLOWTABLE_DEVICES",
  "FLOWTABLE_PACKET_THRESHOLD",
  "MASQUERADE_IPV4",
  "MASQUERADE_IPV6",
  "METRICS_BIND_ADDR",
  "METRICS_TLS_CERT_FILE",
  "METRICS_TLS_CLIENT_CA_FILE",
  "METRICS_TLS_KEY_FILE",
  "NATIVE_ROUTING_IPV4",
  "NATIVE_ROUTING_IPV6",
  "NODE_IP_INTERFACES",
  "NODE_NAME",
  "POD_CIDR_EXPRESSION",
  "POD_CIDR_EXPRESSION_PATH",
  "POD_CIDR_SOURCE_IPV4",
  "POD_CIDR_SOURCE_IPV6",
  "POD_CIDR_SOURCE_PATH",
  "WG_IP_FAMILY",
  "WIGGLENET_IFACE_NAME",
  "WIGGLENET_PRIVKEY_PATH",
  "WIGGLENET_WG_PORT",
];
/** Of other programs, for which the document says what takes their place, and what every pod of a cluster has. */
const FOREIGN = [
  ...["CNI_BRIDGE", "CONTROL_PLANE_ENDPOINT", "HOST_IP", "NET_ADMIN", "POD_SUBNET"],
  "KUBERNETES_SERVICE_HOST",
];
const VARIABLE = /`([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)(?:=\w+)?`/g;

/** The part under a heading, up to the next one of any level. */
function part(heading: string): string {
  const found = migrate.split(/^#+ /m).find((text) => text.startsWith(`${heading}\n`));
  assert.ok(found, heading);
  return found;
}

/** Variables in the first column of a part's table. */
function rows(text: string): string[] {
  const first = text.split("\n").filter((line) => line.startsWith("| `")).map((line) => line.split("|")[1]!);
  return first.flatMap((cell) => [...cell.matchAll(VARIABLE)].map(([, name]) => name!));
}

Deno.test("each setting of the original has a row, and no other has", () => {
  assert.deepEqual(rows(part("Its settings")).sort(), ORIGINAL);
});

Deno.test("every setting that is named exists", () => {
  const ours = new Set<string>(Object.values(SETTINGS).map(({ env }) => env));
  const named = [...migrate.matchAll(VARIABLE)].map(([, name]) => name!);
  assert.deepEqual(named.filter((name) => !ours.has(name) && !FOREIGN.includes(name)), []);
});

Deno.test("defaults that the original has are ours", () => {
  const defaults = Object.fromEntries(
    Object.values(SETTINGS).map(({ env, fallback }) => [env, fallback as string | undefined]),
  );
  const same = {
    WIGGLENET_IFACE_NAME: "wigglenet",
    WIGGLENET_WG_PORT: "24601",
    WIGGLENET_PRIVKEY_PATH: "/etc/wigglenet/private.key",
    WG_IP_FAMILY: "dualstack",
    CNI_CONFIG_PATH: "/etc/cni/net.d/10-wigglenet.conflist",
    MASQUERADE_IPV4: "true",
    MASQUERADE_IPV6: "true",
    FILTER_IPV4: "false",
    FILTER_IPV6: "false",
    NODE_IP_INTERFACES: "",
    FIREWALL_ONLY: "false",
    NATIVE_ROUTING_IPV4: "false",
    NATIVE_ROUTING_IPV6: "false",
    POD_CIDR_SOURCE_IPV4: "spec",
    POD_CIDR_SOURCE_IPV6: "spec",
    POD_CIDR_SOURCE_PATH: "",
    POD_CIDR_EXPRESSION: "",
    POD_CIDR_EXPRESSION_PATH: "",
    FIREWALL_BACKEND: "nftables",
    ENABLE_METRICS: "false",
    METRICS_BIND_ADDR: ":9091",
    METRICS_TLS_CERT_FILE: "",
    METRICS_TLS_KEY_FILE: "",
    METRICS_TLS_CLIENT_CA_FILE: "",
    ENABLE_FLOWTABLE: "false",
    FLOWTABLE_PACKET_THRESHOLD: "128",
  };
  for (const [env, fallback] of Object.entries(same)) assert.equal(defaults[env], fallback, env);
});
