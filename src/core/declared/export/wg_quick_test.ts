import assert from "node:assert/strict";
import { declared, type ObjectJson } from "../../../../test/declared/walk_through.ts";
import type { PublicKey } from "../../net/keys.ts";
import { Refusal } from "../../net/refusal.ts";
import type { NetworkPlan } from "../declared_object.ts";
import { parseDeclared } from "../parse_declared.ts";
import { exportNode, type ExportWish } from "./wg_quick.ts";

const KEY = "wDBZu1y0MvkLcfFOcVDZ4kHnPX0LZ2tTWLdxHFw7aBY=" as PublicKey;
const PUBLISHED: ExportWish["published"] = new Map([["office", new Map([["n1", KEY], ["n2", KEY]])]]);

function office(laptop: Record<string, unknown> = {}, name = "office"): ObjectJson {
  const others = ["n1", "n2"];
  return declared("WireGuardNetworkPlan", name, {
    defaultPortRange: { start: 25_000, end: 25_999 },
    nodes: [
      ...others.map((nodeName, i) => ({
        nodeName,
        underlay: { hostname: i === 0 ? "gw.example.org" : "2001:db8::2" },
        addresses: [{ family: "inet", local: `10.4.0.${i + 1}` }],
      })),
      {
        nodeName: "laptop",
        addresses: [{ family: "inet", local: "10.4.0.9" }, {
          family: "inet6",
          local: "fd04::9",
          prefixlen: 64,
        }],
        mtu: 1380,
        ...laptop,
      },
    ],
    links: [
      ...others.map((fromNode) => ({ fromNode, toNodes: [{ nodeName: "laptop" }] })),
      { fromNode: "laptop", toNodes: others.map((nodeName) => ({ nodeName })) },
    ],
  });
}

function exported(plans: readonly ObjectJson[], wish: Partial<ExportWish> = {}): string {
  const read = plans.map((json) => parseDeclared("WireGuardNetworkPlan", json, "").object as NetworkPlan);
  const found = exportNode({
    plans: read,
    planName: undefined,
    nodeName: "laptop",
    published: PUBLISHED,
    nowMs: Date.UTC(2026, 10, 22),
    ...wish,
  });
  return found instanceof Refusal ? found.reason : found.textFor("PRIVATE");
}

Deno.test("A laptop with two links gets one interface with a peer for each, at the port where that listens for it", () => {
  const text = exported([office()]);
  const [first, second] = [...text.matchAll(/:(25\d\d\d)$/gm)].map(([, port]) => port);
  assert.equal(
    text,
    `# laptop in WireGuardNetworkPlan office
[Interface]
PrivateKey = PRIVATE
Address = 10.4.0.9/32
Address = fd04::9/64
MTU = 1380

[Peer]
# n1
PublicKey = ${KEY}
AllowedIPs = 10.4.0.1/32
Endpoint = gw.example.org:${first}
PersistentKeepalive = 25

[Peer]
# n2
PublicKey = ${KEY}
AllowedIPs = 10.4.0.2/32
Endpoint = [2001:db8::2]:${second}
PersistentKeepalive = 25
`,
  );
});

function withOneAddress(plan: ObjectJson): ObjectJson {
  const [n1, n2, laptop] = plan.spec.nodes as readonly { readonly addresses: unknown }[];
  return { ...plan, spec: { ...plan.spec, nodes: [n1, { ...n2, addresses: n1!.addresses }, laptop] } };
}

const REFUSED: readonly [string, readonly ObjectJson[], Partial<ExportWish>, RegExp][] = [
  ["a node that no plan has", [office()], { nodeName: "phone" }, /^no plan has a node phone$/],
  ["a plan that is not there", [office()], { planName: "home" }, /^no plan home has a node laptop$/],
  [
    "a node of two plans",
    [office(), office({}, "other")],
    {},
    /^office and other have a node laptop: say which by --plan$/,
  ],
  [
    "a node whose time is over",
    [office({ expires: "2026-11-21T00:00:00Z" })],
    {},
    /^laptop has expired in plan office$/,
  ],
  [
    "a node whose peers have no keys",
    [office()],
    { published: new Map() },
    /^nobody has said the public key of n1, n2/,
  ],
  [
    "a node whose peers have one address",
    [withOneAddress(office())],
    {},
    /^n1 and n2 both have 10\.4\.0\.1\/32, and this is one interface/,
  ],
  [
    "a node that is reached at a port for each link",
    [office({ underlay: { hostname: "192.0.2.9" } })],
    {},
    /leave its underlay out/,
  ],
];

for (const [what, plans, wish, reason] of REFUSED) {
  Deno.test(`There is no file for ${what}`, () => assert.match(exported(plans, wish), reason));
}
