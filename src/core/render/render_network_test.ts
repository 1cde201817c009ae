import assert from "node:assert/strict";
import { desireOf, keyOf, ordinaryNode } from "../../../test/cluster.ts";
import { renderAll } from "./render_all.ts";
import { renderCni, renderPeers, renderWireguard } from "./render_network.ts";

// What the original agent wrote on a dual-stack node.
const ORIGINAL_CONFLIST = `{
  "cniVersion": "0.3.1",
  "name": "wigglenet",
  "plugins": [
    {
      "type": "ptp",
      "ipam": {
        "type": "host-local",
        "routes": [{"dst": "::/0"}, {"dst": "0.0.0.0/0"}],
        "dataDir": "/run/cni-ipam-state",
        "resolvConf": "",
        "ranges": [
          [{"rangeStart": "", "rangeEnd": "", "subnet": "fd00:10:244:1::/64", "gateway": ""}],
          [{"rangeStart": "", "rangeEnd": "", "subnet": "10.244.1.0/24", "gateway": ""}]
        ]
      },
      "dns": {}
    },
    {"type": "portmap", "capabilities": {"portMappings": true}}
  ]
}`;

/** Fields that say nothing: plugins take a missing one for the same. */
function withoutEmpty(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutEmpty);
  if (typeof value !== "object" || value === null) return value;
  const fields = Object.entries(value).filter(([, field]) => field !== "" && JSON.stringify(field) !== "{}");
  return Object.fromEntries(fields.map(([name, field]) => [name, withoutEmpty(field)]));
}

Deno.test("The CNI file means what the original's means, and mtu", () => {
  const cni = desireOf([ordinaryNode(1)]).cni!;
  const wanted = withoutEmpty(JSON.parse(ORIGINAL_CONFLIST)) as { plugins: { mtu?: number }[] };
  wanted.plugins[0]!.mtu = 1420;
  assert.deepEqual(JSON.parse(renderCni(cni)), wanted);
  const { mtuBytes: _, ...rest } = cni;
  delete wanted.plugins[0]!.mtu;
  assert.deepEqual(JSON.parse(renderCni({ ...rest, mtuBytes: undefined })), wanted);
});

Deno.test("The CNI file of one family has the default route of that family only, and ends with a line feed", () => {
  const text = renderCni({ mtuBytes: 1420, podCidrs: ["10.244.1.0/24"] });
  assert.equal(
    text,
    `{
  "cniVersion": "0.3.1",
  "name": "wigglenet",
  "plugins": [
    {
      "type": "ptp",
      "mtu": 1420,
      "ipam": {
        "type": "host-local",
        "routes": [
          {
            "dst": "0.0.0.0/0"
          }
        ],
        "dataDir": "/run/cni-ipam-state",
        "ranges": [
          [
            {
              "subnet": "10.244.1.0/24"
            }
          ]
        ]
      }
    },
    {
      "type": "portmap",
      "capabilities": {
        "portMappings": true
      }
    }
  ]
}
`,
  );
  const ipv6 = JSON.parse(renderCni({ mtuBytes: 1420, podCidrs: ["fd00::/64"] }));
  assert.deepEqual(ipv6.plugins[0].ipam.routes, [{ dst: "::/0" }]);
});

const TWO = desireOf([ordinaryNode(1), ordinaryNode(2), { ...ordinaryNode(3), internal: [] }]);

Deno.test("The WireGuard configuration names each peer's node and holds no private key", () => {
  assert.equal(
    renderWireguard(TWO),
    `[Interface]
ListenPort = 24601

[Peer]
# n2
PublicKey = ${keyOf(2)}
AllowedIPs = 10.9.1.2/32,10.244.2.0/24,fd00:10:244:2::/64,fd09::2/128
Endpoint = 10.9.1.2:24601

[Peer]
# n3
PublicKey = ${keyOf(3)}
AllowedIPs = 10.244.3.0/24,fd00:10:244:3::/64
`,
  );
  assert.equal(renderWireguard(desireOf([ordinaryNode(1)])), "[Interface]\nListenPort = 24601\n\n");
  assert.equal(renderWireguard(desireOf([ordinaryNode(1)], { FIREWALL_ONLY: "1" })), "");
});

Deno.test("A keepalive is set or turned off where that is asked for", () => {
  const section = (keepaliveSeconds: number) => renderPeers([{ ...TWO.peers[1]!, keepaliveSeconds }]);
  for (const [seconds, text] of [[0, "off"], [25, "25"]] as const) {
    assert.equal(
      section(seconds),
      `[Peer]
# n3
PublicKey = ${keyOf(3)}
AllowedIPs = 10.244.3.0/24,fd00:10:244:3::/64
PersistentKeepalive = ${text}
`,
    );
  }
  const own = (keepalive: string) =>
    renderWireguard(desireOf([{ ...ordinaryNode(1), keepalive }, ordinaryNode(2)]));
  assert.match(own("15"), /^PersistentKeepalive = 15$/m);
  assert.doesNotMatch(own("0"), /Keepalive/);
  assert.equal(renderPeers([]), "");
});

Deno.test("render shows everything that the node gets, and nothing of it twice", () => {
  const { nft, wireguard, fastpath, cni, ...rest } = renderAll(
    desireOf([ordinaryNode(1), { ...ordinaryNode(2), podCIDRs: [] }]),
  );
  assert.ok(
    nft.startsWith("table inet wigglenet\n") && wireguard.startsWith("[Interface]") && cni !== undefined,
  );
  assert.equal(fastpath, undefined);
  assert.deepEqual(rest, {
    links: [{ name: "wigglenet", kind: "wireguard", mtu: 1420, port: 24601 }],
    addresses: [
      { address: "10.244.1.1/32", dev: "wigglenet" },
      { address: "fd00:10:244:1::1/128", dev: "wigglenet" },
    ],
    routes: [
      {
        destination: "10.244.1.0/24",
        type: "unreachable",
        text: "unreachable 10.244.1.0/24 proto 146 metric 32760",
      },
      {
        destination: "fd00:10:244:1::/64",
        type: "unreachable",
        text: "unreachable fd00:10:244:1::/64 proto 146 metric 32760",
      },
    ],
    rejected: [],
    waiting: [{ what: "peer n2", why: "no pod CIDR", next: "look at Node n2" }],
  });
  const firewall = renderAll(desireOf([ordinaryNode(1)], { FIREWALL_ONLY: "1" }));
  assert.deepEqual([firewall.links, firewall.addresses, firewall.routes, firewall.wireguard, firewall.cni], [
    ...[[], [], []],
    "",
    undefined,
  ]);
});
