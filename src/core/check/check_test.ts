import assert from "node:assert/strict";
import { findingsOf, type HostReport } from "./check.ts";

const agent = { isInSync: true, failing: [], waiting: [], rejected: [], podCidrs: [], peers: [] };
const HEALTHY: HostReport = {
  programs: { nft: "nftables v1.0.6", ip: "ip utility", wg: "wireguard-tools v1.0" },
  tunnel: {
    hasKernel: true,
    hasTun: false,
    mode: "auto",
    port: 24601,
    interfaceName: "wigglenet",
    isListening: true,
    udpPorts: [24601],
  },
  hasNetAdmin: true,
  naming: undefined,
  forwarding: { 4: true, 6: true },
  families: [4, 6],
  rpFilter: { all: 0, wigglenet: 2 },
  dropChains: [],
  cni: { path: "/etc/cni/net.d/10-wigglenet.conflist", others: ["99-loopback.conf"], missingPlugins: [] },
  serving: { taken: [], tlsProblem: undefined },
  agent,
  pitfalls: undefined,
  port: 24601,
  expression: undefined,
  mtu: undefined,
};
const tunnel = HEALTHY.tunnel!;

const SECOND = { name: "wigglenet-next", port: 24602, isListening: true };

Deno.test("A healthy host has no findings", () => {
  assert.deepEqual(findingsOf(HEALTHY), []);
  const rotating = { ...HEALTHY, tunnel: { ...tunnel, udpPorts: [24601, 24602], second: SECOND } };
  assert.deepEqual(findingsOf(rotating), []);
  const firewallOnly = { ...HEALTHY, tunnel: undefined, cni: undefined, forwarding: {}, families: [] };
  assert.deepEqual(findingsOf(firewallOnly), []);
});

const sick: readonly (readonly [report: Partial<HostReport>, level: string, what: RegExp, remedy: RegExp])[] =
  [
    [{ programs: { nft: undefined, ip: "" } }, "error", /^nft is not installed$/, /install nftables$/],
    [
      { programs: { nft: "nftables v0.9.8 (E.D.S.)" } },
      "error",
      /^nft 0\.9\.8 is too old/,
      /nftables 1\.0\.6/,
    ],
    [
      { naming: "NODE_NAME is not set, and none of the Nodes has machine-id 3d1219c7...; set NODE_NAME" },
      "error",
      /^nobody knows which Node this host is$/,
      /machine-id 3d1219c7.*set NODE_NAME/,
    ],
    [{ hasNetAdmin: false }, "error", /CAP_NET_ADMIN/, /root/],
    [
      { tunnel: { ...tunnel, hasKernel: false, mode: "kernel" } },
      "error",
      /no WireGuard/,
      /modprobe wireguard/,
    ],
    [{ tunnel: { ...tunnel, hasKernel: false, hasTun: true } }, "warning", /wireguard-go takes/, /userspace/],
    [{ tunnel: { ...tunnel, mode: "userspace" } }, "error", /\/dev\/net\/tun/, /modprobe tun/],
    [
      {
        serving: {
          taken: [{ env: "METRICS_BIND_ADDR", text: ":9091", port: 9091 }],
          tlsProblem: undefined,
        },
      },
      "warning",
      /^TCP port 9091 is somebody else's: METRICS_BIND_ADDR=:9091/,
      /ss -ltnp sport = :9091/,
    ],
    [
      { serving: { taken: [], tlsProblem: "/k is not the key of /c" } },
      "warning",
      /^metrics cannot be served: \/k is not the key of \/c$/,
      /METRICS_TLS_\*/,
    ],
    [{ tunnel: { ...tunnel, isListening: false } }, "error", /UDP port 24601/, /ss -ulnp/],
    [
      { tunnel: { ...tunnel, udpPorts: [24601, 24602], second: { ...SECOND, isListening: false } } },
      "error",
      /^UDP port 24602 is somebody else's: wigglenet-next could not listen/,
      /ss -ulnp/,
    ],
    [
      { tunnel: { ...tunnel, exposedKeyPath: "/etc/wigglenet/private.key" } },
      "warning",
      /private\.key may be read by others/,
      /^chmod 600 \/etc\/wigglenet\/private\.key$/,
    ],
    [
      { forwarding: { 4: true, 6: false } },
      "error",
      /^IPv6 is not forwarded/,
      /net\.ipv6\.conf\.all\.forwarding=1/,
    ],
    [
      { forwarding: { 6: true } },
      "error",
      /^IPv4 is not forwarded$/,
      /^on the host, not in a pod: sysctl -w net\.ipv4\.ip_forward=1, and a file/,
    ],
    [{ rpFilter: { wigglenet: 1 } }, "warning", /rp_filter is strict on wigglenet/, /wigglenet\.rp_filter=2/],
    [
      { dropChains: ["ip filter FORWARD"] },
      "warning",
      /^ip filter FORWARD drops/,
      /nft list chain ip filter FORWARD/,
    ],
    [
      { cni: { ...HEALTHY.cni!, others: ["05-cilium.conflist"] } },
      "error",
      /05-cilium.* comes before/,
      /CNI_CONFIG_PATH/,
    ],
    [
      { cni: { ...HEALTHY.cni!, missingPlugins: ["ptp"] } },
      "error",
      /missing: ptp/,
      /containernetworking-plugins/,
    ],
    [{ agent: undefined }, "error", /^no agent runs/, /wigglenet run/],
    [{ agent: "hangs" }, "error", /^the agent hangs/, /systemctl restart wigglenet/],
    [{ agent: { ...agent, isInSync: false } }, "error", /not in sync/, /wigglenet diff/],
    [
      { agent: { ...agent, isInSync: false, failing: ["table: nft exited 1"] } },
      "error",
      /nft exited 1/,
      /diff/,
    ],
    [
      { agent: { ...agent, rejected: [{ node: "n3", claim: "public key K", reason: "n2 has it" }] } },
      "warning",
      /^refused: n3: public key K: n2 has it$/,
      /mend what n3 says/,
    ],
    [{ agent: { ...agent, waiting: ["peer n2: no pod CIDR"] } }, "warning", /peer n2/, /status/],
  ];

for (const [report, level, what, remedy] of sick) {
  Deno.test(`check finds ${what.source}`, () => {
    const findings = findingsOf({ ...HEALTHY, ...report });
    assert.equal(findings.length, 1, JSON.stringify(findings));
    assert.equal(findings[0]!.level, level);
    assert.match(findings[0]!.what, what);
    assert.match(findings[0]!.remedy, remedy);
  });
}

Deno.test("Errors come before warnings", () => {
  const findings = findingsOf({ ...HEALTHY, rpFilter: { all: 1 }, agent: undefined });
  assert.deepEqual(findings.map(({ level }) => level), ["error", "warning"]);
});
