import assert from "node:assert/strict";
import { settingsOf } from "../../../test/cluster.ts";
import { parseSettings } from "./parse_settings.ts";
import {
  expressionFamilies,
  familySettings,
  flagOf,
  isNamed,
  SETTINGS,
  type Settings,
  usesTunnel,
} from "./settings.ts";

function problems(
  environment: Record<string, string>,
  flags: Record<string, string> = {},
): readonly string[] {
  const settings = parseSettings({ NODE_NAME: "n1", ...environment }, flags);
  assert.ok(Array.isArray(settings), "accepted");
  return settings;
}

Deno.test("The defaults are the original's, and STRICT is on", () => {
  assert.deepEqual(settingsOf(), {
    nodeName: "n1",
    nodes: [],
    keyRotation: "manual",
    kubeconfig: [],
    interfaceName: "wigglenet",
    port: 24601,
    privateKeyPath: "/etc/wigglenet/private.key",
    wireguardMode: "auto",
    wireguardGo: "started",
    mtu: "auto",
    endpointFamily: "dualstack",
    cniConfigPath: "/etc/cni/net.d/10-wigglenet.conflist",
    ...{ isBridged: false, arePluginsInstalled: true },
    ...{ masqueradeIpv4: true, masqueradeIpv6: true, noMasqueradeCidrs: [] },
    filterIpv4: false,
    filterIpv6: false,
    isStrict: true,
    clusterPodCidrs: [],
    ...{ declaredSecretsNamespace: "", hasDeclaredContainers: false },
    ...{ hostEncryption: "off", hostExemptPorts: [] },
    areSysctlsManaged: false,
    nodeIpInterfaces: [],
    isFirewallOnly: false,
    isFlowtableEnabled: false,
    flowtableDevices: "auto",
    flowtablePackets: 128,
    ...{ transportIpv4: "wireguard", transportIpv6: "wireguard", vxlanVni: 146, vxlanPort: 24603 },
    ...{ isNativeIpv4: false, isNativeIpv6: false, ipsecUdpPort: 24606 },
    podCidrSourceIpv4: "spec",
    podCidrSourceIpv6: "spec",
    podCidrSourcePath: "",
    podCidrExpression: "",
    podCidrExpressionPath: "",
    isPolicyEnabled: true,
    unknownPods: "closed",
    establishedFlows: "revoke",
    policyLog: "off",
    firewallBackend: "nftables",
    isMetricsEnabled: false,
    metricsAddress: { host: undefined, port: 9091, text: ":9091" },
    metricsCertFile: "",
    metricsKeyFile: "",
    metricsClientCaFile: "",
    healthAddress: "",
    logFormat: "text",
    logLevel: "info",
  });
});

Deno.test("All bad values are named in one go: variable, flag, value and what is accepted", () => {
  const environment = {
    NODE_NAME: "N 1",
    WIGGLENET_IFACE_NAME: "wiggle net",
    WIGGLENET_WG_PORT: "0",
    WIGGLENET_PRIVKEY_PATH: "private.key",
    WIGGLENET_MTU: "575",
    FILTER_IPV4: "yes",
    NO_MASQUERADE_CIDRS: "10.1.0.0/16,0.0.0.0/0",
    CLUSTER_POD_CIDRS: "10.0.0.0/8, 10.244.1.5/16",
    POD_CIDR_SOURCE_IPV6: "file",
    FIREWALL_BACKEND: "iptables",
  };
  assert.deepEqual(problems(environment), [
    'NODE_NAME (--node-name) is "N 1": "N 1" is not a node name (a DNS-1123 subdomain); accepted: the name of a Node',
    'WIGGLENET_IFACE_NAME (--iface-name) is "wiggle net"; accepted: an interface name of 1 to 15 letters, digits, `_`, `.`, `-`',
    'WIGGLENET_WG_PORT (--wg-port) is "0"; accepted: a port, 1 to 65535',
    'WIGGLENET_PRIVKEY_PATH (--privkey-path) is "private.key"; accepted: an absolute path',
    'WIGGLENET_MTU (--mtu) is "575"; accepted: auto, or 576 to 65535 bytes, with IPv6 pods from 1280',
    'NO_MASQUERADE_CIDRS (--no-masquerade-cidrs) is "10.1.0.0/16,0.0.0.0/0": 0.0.0.0/0 is everywhere, which MASQUERADE_IPV4=false says; accepted: a comma-separated list of CIDRs',
    'FILTER_IPV4 (--filter-ipv4) is "yes"; accepted: true or false',
    'CLUSTER_POD_CIDRS (--cluster-pod-cidrs) is "10.0.0.0/8, 10.244.1.5/16": "10.244.1.5/16" has host bits: the network is 10.244.0.0/16; accepted: a comma-separated list of CIDRs',
    'FIREWALL_BACKEND (--firewall-backend) is "iptables"; accepted: nftables; there is no iptables backend',
    "POD_CIDR_SOURCE_PATH (--pod-cidr-source-path) is not set: a pod CIDR source is `file`, give its path",
  ]);
});

Deno.test("No setting must be given: without a name the host's Node is to be found", () => {
  for (
    const [environment, flags] of [[{}, {}], [{ NODE_NAME: "" }, {}], [{ NODE_NAME: "n1" }, {
      NODE_NAME: "",
    }]] as const
  ) {
    const settings = parseSettings(environment, flags);
    assert.ok("nodeName" in settings);
    assert.equal(settings.nodeName, "");
    assert.equal(isNamed(settings), false);
  }
  assert.equal(isNamed(settingsOf({ NODE_NAME: "n2" })), true);
});

Deno.test("A flag wins over the environment, also with an empty value; an empty variable is the default", () => {
  const environment = {
    NODE_NAME: "n1",
    WIGGLENET_WG_PORT: "1",
    CLUSTER_POD_CIDRS: "10.0.0.0/8",
    FILTER_IPV4: "",
  };
  const settings = parseSettings(environment, { WIGGLENET_WG_PORT: "2", CLUSTER_POD_CIDRS: "" }) as Settings;
  assert.deepEqual([settings.port, settings.clusterPodCidrs, settings.filterIpv4], [2, [], false]);
  assert.equal(problems({ WIGGLENET_WG_PORT: "1" }, { WIGGLENET_WG_PORT: "" }).length, 1);
});

Deno.test("A bad variable is named even where a flag of another setting is good, and not where its own flag wins", () => {
  assert.equal(problems({ FILTER_IPV4: "x" }, { FILTER_IPV6: "true" }).length, 1);
  assert.ok("nodeName" in parseSettings({ NODE_NAME: "n1", FILTER_IPV4: "x" }, { FILTER_IPV4: "true" }));
});

Deno.test("Booleans are those of Go's strconv.ParseBool and no others", () => {
  const read = (text: string) => parseSettings({ NODE_NAME: "n1", FILTER_IPV4: text }, {});
  for (const text of ["1", "t", "T", "TRUE", "true", "True"]) {
    assert.equal((read(text) as Settings).filterIpv4, true, text);
  }
  for (const text of ["0", "f", "F", "FALSE", "false", "False"]) {
    assert.equal((read(text) as Settings).filterIpv4, false, text);
  }
  for (const text of ["yes", "no", "on", "tRUE", "2", " true", "null", "constructor"]) {
    assert.ok(Array.isArray(read(text)), text);
  }
});

const accepted: readonly [variable: string, good: readonly string[], bad: readonly string[]][] = [
  ["WIGGLENET_WG_PORT", ["1", "65535"], ["65536", "-1", "1e3", "0x10", " 80", "80.0", "٨٠"]],
  ["WIGGLENET_MTU", ["auto", "576", "1280", "8920", "65535"], ["65536", "AUTO", "1420.5"]],
  [
    "WIGGLENET_IFACE_NAME",
    ["wg0", "a", "eth0.100", "abcdefghijklmno"],
    ["abcdefghijklmnop", ".", "..", "a/b", "a b", "wg*", 'w"g', "wg\n", "wg0;", "é", "wg%d", "a@b"],
  ],
  ["CNI_CONFIG_PATH", ["/etc/cni/net.d/x"], ["x", "~/x", "./x"]],
  ["WG_IP_FAMILY", ["ipv4", "ipv6", "dualstack"], ["IPv4", "4", "both"]],
  ["WIREGUARD_MODE", ["auto", "kernel", "userspace"], ["go"]],
  ["WIREGUARD_GO", ["started", "awaited"], ["true", "external"]],
  ["POD_CIDR_SOURCE_IPV4", ["spec", "none"], ["expression", "nodes"]],
  ["LOG_LEVEL", ["debug", "info", "warn", "error"], ["trace"]],
  ["LOG_FORMAT", ["text", "json"], ["yaml"]],
  ["NODE_IP_INTERFACES", ["eth0", "eth0, eth1", ","], ["eth0;", "eth0 eth1"]],
  ["CLUSTER_POD_CIDRS", ["10.244.0.0/16,fd00::/48"], ["0.0.0.0/0", "::/0", "127.0.0.0/8", "10.0.0.1", "x"]],
  ["FIREWALL_BACKEND", ["nftables"], ["iptables", "nft"]],
  ["METRICS_BIND_ADDR", [":9091", "127.0.0.1:9091", "[::1]:9091", "localhost:80"], [
    "9091",
    ":http",
    "::1:9091",
  ]],
  ["HEALTH_BIND_ADDR", ["127.0.0.1:9092"], ["127.0.0.1", "/run/health.sock"]],
  ["METRICS_TLS_CERT_FILE", ["/etc/tls/tls.crt"], ["tls.crt"]],
];

for (const [variable, good, bad] of accepted) {
  Deno.test(`${variable} accepts ${good.join(", ")}, and not ${JSON.stringify(bad)}`, () => {
    for (const text of good) settingsOf({ [variable]: text });
    for (const text of bad) assert.equal(problems({ [variable]: text }).length, 1, text);
  });
}

Deno.test("CLUSTER_POD_CIDRS is kept sorted and without what is nested", () => {
  const { clusterPodCidrs } = settingsOf({
    CLUSTER_POD_CIDRS: "fd00::/48,10.244.0.0/16,10.1.0.0/16,10.244.7.0/24",
  });
  assert.deepEqual(clusterPodCidrs.map(({ text }) => text), ["10.1.0.0/16", "10.244.0.0/16", "fd00::/48"]);
});

Deno.test("The source `file` needs a path, and the path alone is no mistake", () => {
  assert.equal(problems({ POD_CIDR_SOURCE_IPV4: "file" }).length, 1);
  settingsOf({ POD_CIDR_SOURCE_IPV4: "file", POD_CIDR_SOURCE_PATH: "/run/cidrs" });
  settingsOf({ POD_CIDR_SOURCE_PATH: "/run/cidrs" });
});

Deno.test("The source `expression` needs an expression or its file, and those alone are no mistake", () => {
  assert.deepEqual(problems({ POD_CIDR_SOURCE_IPV6: "expression" }), [
    "POD_CIDR_EXPRESSION (--pod-cidr-expression) is not set: a pod CIDR source is `expression`, give it, or its file in POD_CIDR_EXPRESSION_PATH",
  ]);
  const families = (environment: Record<string, string>) => expressionFamilies(settingsOf(environment));
  const inline = { POD_CIDR_EXPRESSION: 'cidr("10.0.0.0/24")' };
  assert.deepEqual(families(inline), []);
  assert.deepEqual(families({ ...inline, POD_CIDR_SOURCE_IPV6: "expression" }), [6]);
  const byFile = { POD_CIDR_EXPRESSION_PATH: "/run/pod-cidr.cel", POD_CIDR_SOURCE_IPV4: "expression" };
  assert.deepEqual(families(byFile), [4]);
  assert.deepEqual(families({ ...byFile, FIREWALL_ONLY: "true" }), []);
});

Deno.test("An expression has at most 16384 characters", () => {
  const [problem] = problems({ POD_CIDR_EXPRESSION: " ".repeat(16_385) });
  assert.match(problem!, /accepted: a CEL expression of at most 16384 characters$/);
});

Deno.test("TLS that is half asked for is refused, for who asks for it must not be served without", () => {
  const [cert, key, ca] = [{ METRICS_TLS_CERT_FILE: "/c" }, { METRICS_TLS_KEY_FILE: "/k" }, {
    METRICS_TLS_CLIENT_CA_FILE: "/a",
  }];
  const on = { ENABLE_METRICS: "1" };
  settingsOf({ ...on, ...cert, ...key });
  settingsOf({ ...on, ...cert, ...key, ...ca });
  settingsOf({ ...cert });
  assert.deepEqual(problems({ ...on, ...cert }), [
    "METRICS_TLS_KEY_FILE (--metrics-tls-key-file) is not set: METRICS_TLS_CERT_FILE needs it",
  ]);
  assert.match(problems({ ...on, ...key })[0]!, /^METRICS_TLS_CERT_FILE .* METRICS_TLS_KEY_FILE needs it$/);
  assert.match(
    problems({ ...on, ...ca })[0]!,
    /^METRICS_TLS_CERT_FILE .* METRICS_TLS_CLIENT_CA_FILE needs it$/,
  );
});

Deno.test("Metrics and health alone need two addresses, unless there are no metrics", () => {
  const health = { HEALTH_BIND_ADDR: "127.0.0.1:9091" };
  settingsOf(health);
  settingsOf({ ...health, ENABLE_METRICS: "1", METRICS_BIND_ADDR: "[::1]:9091" });
  assert.match(problems({ ...health, ENABLE_METRICS: "1" })[0]!, /^HEALTH_BIND_ADDR .* give it another port/);
  assert.equal(problems({ ...health, ENABLE_METRICS: "1", METRICS_BIND_ADDR: "x" }).length, 1);
});

Deno.test("A flag is its variable in kebab case without the prefix, and no two are alike", () => {
  assert.equal(flagOf("WIGGLENET_PRIVKEY_PATH"), "--privkey-path");
  assert.equal(flagOf("NATIVE_ROUTING_IPV4"), "--native-routing-ipv4");
  const flags = Object.values(SETTINGS).map(({ env }) => flagOf(env));
  assert.equal(new Set(flags).size, flags.length);
});

Deno.test("Every default is a value that its own setting accepts", () => {
  for (const { env, fallback, parse } of Object.values(SETTINGS)) {
    if (fallback !== undefined) assert.notEqual(parse(fallback), undefined, env);
  }
});

Deno.test("KEY_ROTATION is off, manual, or hours or days within bounds", () => {
  const parsed = ["off", "manual", "1h", "30d", "3650d"].map((text) =>
    settingsOf({ KEY_ROTATION: text }).keyRotation
  );
  assert.deepEqual(parsed, ["off", "manual", 1, 720, 87_600]);
  for (const text of ["", "0d", "30", "30 d", "-1d", "1.5d", "3651d", "30m", "d"]) {
    assert.equal(SETTINGS.keyRotation.parse(text), undefined, text);
  }
});

Deno.test("A tunnel is used unless both families are native or the agent is a firewall only", () => {
  assert.equal(usesTunnel(settingsOf()), true);
  assert.equal(usesTunnel(settingsOf({ NATIVE_ROUTING_IPV4: "1" })), true);
  assert.equal(usesTunnel(settingsOf({ NATIVE_ROUTING_IPV4: "1", NATIVE_ROUTING_IPV6: "1" })), false);
  assert.equal(usesTunnel(settingsOf({ FIREWALL_ONLY: "1" })), false);
  const native = settingsOf({ NATIVE_ROUTING_IPV6: "1", FILTER_IPV6: "1", MASQUERADE_IPV4: "0" });
  assert.deepEqual([4, 6].map((family) => familySettings(native, family as 4 | 6)), [
    {
      isMasqueraded: false,
      isFiltered: false,
      transport: "wireguard",
      isRouted: true,
      podCidrSource: "spec",
    },
    { isMasqueraded: true, isFiltered: true, transport: "native", isRouted: false, podCidrSource: "spec" },
  ]);
});

Deno.test("native is said by TRANSPORT or by the original's variable, and never together with another", () => {
  for (const family of [4, 6] as const) {
    const [ours, originals] = [`TRANSPORT_IPV${family}`, `NATIVE_ROUTING_IPV${family}`];
    for (const said of [{ [ours]: "native" }, { [originals]: "1" }, { [ours]: "native", [originals]: "1" }]) {
      assert.equal(familySettings(settingsOf(said), family).isRouted, false);
      assert.equal(familySettings(settingsOf(said), family === 4 ? 6 : 4).isRouted, true);
    }
    for (const rival of [originals, "FIREWALL_ONLY"]) {
      assert.deepEqual(problems({ [ours]: "wireguard", [rival]: "1" }), [
        `${ours} (${
          flagOf(ours)
        }) is "wireguard", and with ${rival} this agent routes nothing: leave one of them out`,
      ]);
      assert.equal(familySettings(settingsOf({ [ours]: "native", [rival]: "1" }), family).isRouted, false);
    }
  }
});

Deno.test("a transport that there is not is refused, whatever else is asked for", () => {
  assert.deepEqual(problems({ TRANSPORT_IPV6: "pigeons", HOST_ENCRYPTION: "require" }), [
    'TRANSPORT_IPV6 (--transport-ipv6) is "pigeons"; accepted: wireguard, native, direct, direct-or-wireguard, vxlan, vxlan-or-wireguard, ' +
    "gre, gre-or-wireguard, ipsec, ipsec-or-wireguard",
  ]);
});
