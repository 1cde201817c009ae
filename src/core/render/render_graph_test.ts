import assert from "node:assert/strict";
import type { PeerStatus } from "../plan/status.ts";
import { drawGraph } from "./render_graph.ts";
import { mermaidGraph } from "./render_mermaid.ts";
import { drawnOf, linksOf, type Sketch } from "./sketch.ts";

function peer(i: number, handshakeSeconds = 0): PeerStatus {
  return {
    node: `n${i}`,
    publicKey: "",
    endpoint: `10.9.1.${i}:24601`,
    allowedIps: [`10.244.${i}.0/24`, `10.9.1.${i}/32`, `fd00:10:244:${i}::/64`],
    handshakeSeconds,
    receivedBytes: 0,
    sentBytes: 0,
    candidates: [],
    keepaliveSeconds: 0,
  };
}

const SKETCH: Sketch = {
  node: "n1",
  podCidrs: ["10.244.1.0/24"],
  peers: [peer(2, 990), peer(3, 100), peer(4)],
  rejected: [
    { node: "n3", claim: `pod CIDR "<b>&"`, reason: "is not a CIDR" },
    { node: `nodes/evil"]\n.yaml`, claim: "Node", reason: "the object has no metadata.name\u0000" },
  ],
  nowSeconds: 1_000,
};

Deno.test("A picture has every node with its endpoint, prefixes, the age of its handshake, and what was rejected", () => {
  const svg = drawGraph(SKETCH);
  for (
    const words of ["n1", "n2", "10.9.1.2:24601", "10.244.2.0/24", "fd00:10:244:2::/64", "10 s", "15 min"]
  ) {
    assert.ok(svg.includes(`>${words}</text>`), words);
  }
  assert.ok(!svg.includes("10.9.1.2/32"));
  assert.match(svg, />never<\/text>/);
  assert.match(svg, /class="bad">pod CIDR &quot;&lt;b&gt;&amp;&quot;<title>/);
  assert.match(svg, /Kept out<\/text>\n.*nodes\/evil&quot;\]/);
  assert.match(svg, />2 rejected claims</);
});

Deno.test("Whatever a Node says, the picture is XML", () => {
  // deno-lint-ignore no-control-regex
  assert.doesNotMatch(drawGraph(SKETCH), /[\u0000-\u0008]|<b>|&(?!amp;|lt;|gt;|quot;)/);
});

Deno.test("What a card has no room for is cut, and told whole by its title", () => {
  const endpoint = "[2001:db8:abcd:1234:5678:9abc:def0:1234]:24601";
  const svg = drawGraph({
    ...SKETCH,
    podCidrs: ["2001:db8:abcd:1234:5678:9abc:def0::/112"],
    peers: [{ ...peer(2), endpoint, allowedIps: ["2001:db8:abcd:1234:5678:9abc:def1::/112"] }],
  });
  const lines = [...svg.matchAll(/class="mono(?: muted)?">([^<]*)(?:<title>([^<]*))?/g)];
  assert.deepEqual(lines.map(([, shown]) => shown!.length), [32, 32, 32]);
  assert.deepEqual(lines.map(([, , whole]) => whole), [
    "2001:db8:abcd:1234:5678:9abc:def0::/112",
    endpoint,
    "2001:db8:abcd:1234:5678:9abc:def1::/112",
  ]);
});

Deno.test("Of what is wrapped a card says where to and by what; of an interface in a container whose it is", () => {
  const route = "encap ip id 146 src 10.9.1.1 dst 10.9.1.5 key dev wigglenet-gre";
  const [drawn] = drawnOf([], [{ node: "n5", family: 4, route, podCidrs: ["10.244.5.0/24"] }]);
  assert.equal(drawn!.endpoint, "to 10.9.1.5 by wigglenet-gre");
  const told = {
    type: "wireguard",
    state: "up",
    listenPort: 1,
    publicKey: "",
    mtuBytes: 1420,
    addresses: [],
  } as const;
  const [link] = linksOf({
    objects: [],
    interfaces: [{
      ...told,
      name: "wg1",
      container: "docker/agent1",
      owner: { kind: "WireGuardInterface", name: "a" },
      peers: [{ node: "n2", publicKey: "", endpoint: undefined, handshakeSeconds: 0 }],
    }],
  });
  assert.equal(link!.interfaceName, "docker/agent1:wg1");
});

Deno.test("500 nodes fit into a megabyte, and none stands on another", () => {
  const peers = Array.from({ length: 500 }, (_, i) => peer(i + 2, 900));
  const svg = drawGraph({ ...SKETCH, peers });
  assert.ok(svg.length < 1_000_000, `${svg.length} characters`);
  const cards = [...svg.matchAll(/class="card"[^>]* x="(\d+)" y="(\d+)" width="(\d+)" height="(\d+)"/g)].map((
    [, ...numbers],
  ) => numbers.map(Number) as [number, number, number, number]);
  assert.ok(cards.length >= 500);
  assert.equal(new Set(cards.map(([x, y]) => `${x} ${y}`)).size, cards.length);
});

Deno.test("Up to twelve peers stand around the node and do not touch", () => {
  for (let count = 0; count <= 12; count++) {
    const svg = drawGraph({ ...SKETCH, peers: Array.from({ length: count }, (_, i) => peer(i + 2)) });
    const boxes = [
      ...svg.matchAll(
        /class="(?:card|own)"[^>]* x="(-?[\d.]+)" y="(-?[\d.]+)" width="(\d+)" height="(\d+)"/g,
      ),
    ]
      .map(([, ...numbers]) => numbers.map(Number) as [number, number, number, number]);
    assert.equal(boxes.length, count + 1);
    for (const [i, [x, y, width, height]] of boxes.entries()) {
      assert.ok(x >= 0 && y >= 80, `${count} peers: ${x} ${y}`);
      for (const [left, top] of boxes.slice(i + 1)) {
        const isApart = left! >= x + width || x >= left! + width || top! >= y + height || y >= top! + height;
        assert.ok(isApart, `${count} peers: ${[x, y]} and ${[left, top]}`);
      }
    }
  }
});

Deno.test("mermaid text has the same, with every character escaped that it would read", () => {
  assert.equal(
    mermaidGraph(SKETCH),
    `graph LR
  n0["n1<br/>10.244.1.0/24"]
  n0 -- "10.9.1.2:24601<br/>10 s" --- n1["n2<br/>10.244.2.0/24<br/>fd00:10:244:2::/64"]
  class n1 fresh
  n0 -- "10.9.1.3:24601<br/>15 min" --- n2["n3<br/>10.244.3.0/24<br/>fd00:10:244:3::/64"]
  class n2 old
  n0 -- "10.9.1.4:24601<br/>never" --- n3["n4<br/>10.244.4.0/24<br/>fd00:10:244:4::/64"]
  class n3 never
  n2 -.- r0["pod CIDR #34;#60;b#62;#38;#34;<br/>is not a CIDR"]:::rejected
  r1["nodes/evil#34;]#10;.yaml<br/>Node<br/>the object has no metadata.name#0;"]:::rejected
  classDef fresh stroke:#12906c
  classDef old stroke:#c77f0a
  classDef never stroke:#8a96a3
  classDef unknown stroke:#8a96a3
  classDef clear stroke:#3f7fd0
  classDef ipsec stroke:#12906c
  classDef rejected stroke:#b3261e,color:#b3261e
`,
  );
});

const LINKS = [
  {
    interfaceName: "wg-n1-n2-0",
    owner: "WireGuardNetworkPlan backbone",
    node: "n2",
    endpoint: "10.9.1.2:25001",
    handshakeSeconds: 990,
  },
  {
    interfaceName: "wg-n1-x-0",
    owner: "WireGuardNetworkPlan backbone",
    node: `lap"top`,
    endpoint: undefined,
    handshakeSeconds: 0,
  },
];

Deno.test("Declared links are drawn below the mesh, and as thick lines to nodes that need be no peers", () => {
  const svg = drawGraph({ ...SKETCH, links: LINKS });
  assert.match(svg, />wg-n1-n2-0 to n2 10\.9\.1\.2:25001, WireGuardNetworkPlan backbone 10 s<\/text>/);
  assert.match(
    svg,
    />wg-n1-x-0 to lap&quot;top \(waits for it to speak\), WireGuardNetworkPlan backbone never<\/text>/,
  );
  const mermaid = mermaidGraph({ ...SKETCH, links: LINKS });
  assert.match(mermaid, /^ {2}n0 ===\|"wg-n1-n2-0<br\/>WireGuardNetworkPlan backbone<br\/>10 s"\| n1$/m);
  assert.match(mermaid, /^ {2}n4\["lap#34;top"\]$/m);
});
