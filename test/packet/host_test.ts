// HOST_ENCRYPTION=require on a node that also routes: what goes into the tunnel in its name, what in the clear, and what nowhere.
// `at wigglenet` is the tunnel. (Whole nodes that say something to each other: test/slow/host_encryption_test.ts.)

import { CabledNode, type CabledNodeOptions } from "./cabled_node.ts";
import { loadServices } from "./services.ts";
import { judge } from "./table.ts";

const REQUIRE = { "host-encryption": "require" };

/** A node that routes from one neighbour to the other tells them, with the packet in it: nobody waits for that here. */
const NO_REDIRECTS = `
table inet redirects {
	chain output {
		type filter hook output priority -400
		icmp type redirect drop
		icmpv6 type nd-redirect drop
	}
}`;

async function encryptingNode({ settings, ip }: CabledNodeOptions = {}): Promise<CabledNode> {
  const node = await CabledNode.create({ settings: { ...REQUIRE, ...settings }, ip: ip ?? [] });
  await load(node, NO_REDIRECTS);
  return node;
}

async function load({ node }: CabledNode, table: string): Promise<void> {
  await node.run(["nft", "-f", "-"], { stdin: table });
}

/** As kube-proxy does: port 30055 of the node, and the place `service` at 443, lead to a server on n2 itself. */
const TO_PEER_NODE = `
table inet services {
	chain prerouting {
		type nat hook prerouting priority dstnat
		fib daddr type local tcp dport 30055 goto peer-node
		ip daddr 10.96.0.1 tcp dport 443 goto peer-node
		ip6 daddr fd00:96::1 tcp dport 443 goto peer-node
	}
	chain peer-node {
		meta nfproto ipv4 meta l4proto tcp dnat ip to 10.9.1.2:8443
		meta nfproto ipv6 meta l4proto tcp dnat ip6 to [fd09::2]:8443
	}
}`;

for (
  const [name, settings] of Object.entries({
    "with the defaults": {},
    "with the filter": { "filter-ipv4": "true", "filter-ipv6": "true" },
  })
) {
  Deno.test(`${name}, only own pods and whom DNAT leads speak by the tunnel to a node, nobody else on the LAN or behind a peer`, async () => {
    await using node = await encryptingNode({ settings });
    await load(node, TO_PEER_NODE);
    await judge(
      node,
      `
      pod-a                -> peer-node     tcp 80    accept at wigglenet
      pod-a                -> peer-node     udp 80    accept at wigglenet
      pod-a                -> peer-node     echo      accept at wigglenet
      pod-a                -> peer-node     tcp 22    masquerade
      pod-a                -> service       tcp 443   accept at wigglenet
      host                 -> peer-node     udp 80    accept at wigglenet
      host                 -> peer-node     udp 53    accept
      outsider             -> peer-node     tcp 80    accept
      outsider             -> peer-node     tcp 22    accept
      elsewhere            -> peer-node     udp 80    accept
      pod-b@pod-a          -> peer-node     udp 80    drop
      pod-b@lan            -> peer-node     tcp 80    drop
      peer-pod             -> keyless-node  tcp 80    drop
      peer-pod             -> keyless-node  tcp 22    drop
      peer-node@wigglenet  -> keyless-node  udp 80    drop
      peer-node@wigglenet  -> keyless-node  tcp 80 ack  drop
      v4 outsider          -> host          tcp 30055  rewrite to 10.244.1.1 at wigglenet
      v6 outsider          -> host          tcp 30055  rewrite to fd00:10:244:1::1 at wigglenet
    `,
    );
  });
}

/** As a container engine does for its own network, or a router for the LAN behind it. */
const MASQUERADED = `
table inet containers {
	chain postrouting {
		type nat hook postrouting priority srcnat
		ip saddr 198.51.100.7 oifname lan masquerade
		ip6 saddr 2001:db8:1::7 oifname lan masquerade
		ip saddr 10.9.1.3 oifname lan masquerade
		ip6 saddr fd09::3 oifname lan masquerade
	}
}`;

Deno.test("what others masquerade with the node's address, a container that is no pod, does not reach a node in the clear", async () => {
  await using node = await encryptingNode({
    ip: ["route add 198.51.100.7 dev pod-b", "route add 2001:db8:1::7 dev pod-b"],
  });
  await judge(node, "elsewhere@pod-b -> peer-node  udp 81  accept");
  await load(node, MASQUERADED);
  await judge(
    node,
    `
    elsewhere@pod-b  -> peer-node  tcp 80  drop
    elsewhere@pod-b  -> peer-node  echo    drop
    elsewhere@pod-b  -> peer-node  udp 80 from 24601  drop
    elsewhere@pod-b  -> peer-node  tcp 22  masquerade
    elsewhere@pod-b  -> world      tcp 80  masquerade
    keyless-node     -> peer-node  udp 24601 from 24700  masquerade
    keyless-node     -> peer-node  tcp 80  drop
  `,
  );
});

Deno.test("a node on the way between two others leaves their mesh alone, and whatever they say to each other", async () => {
  await using node = await encryptingNode();
  await judge(
    node,
    `
    keyless-node  -> peer-node     udp 24601 from 24601  accept
    keyless-node  -> peer-node     tcp 22   accept
    keyless-node  -> peer-node     tcp 80   accept
    peer-node     -> keyless-node  udp 53   accept
    peer-node     -> keyless-node  echo     accept
    peer-node     -> outsider      tcp 80   accept
    peer-node     -> world         udp 80   accept
  `,
  );
});

Deno.test("what is asked in the clear, at an address that is not covered, is answered in the clear; what is covered is not asked so", async () => {
  await using node = await encryptingNode({
    ip: ["address add 10.9.1.50/24 dev lan", "address add fd09::32/64 dev lan nodad"],
  });
  await loadServices(node);
  await judge(
    node,
    `
    peer-node            -> vip   udp 9      unreachable
    peer-node            -> vip   tcp 30053  accept at pod-a
    peer-node            -> host  udp 9      drop
    peer-node            -> host  tcp 30053  drop
    peer-node@wigglenet  -> host  udp 9      unreachable
    peer-node@wigglenet  -> host  tcp 30053  accept at pod-a
    outsider             -> host  tcp 30053  accept at pod-a
    peer-node            -> pod-a tcp 80 unanswered  accept
  `,
  );
});

Deno.test("plaintext in a node's name does not come to the node itself by an address of its pod CIDRs", async () => {
  await using node = await encryptingNode();
  await loadServices(node);
  await judge(
    node,
    `
    peer-node@wigglenet  -> gateway  udp 9      unreachable
    peer-node@wigglenet  -> gateway  tcp 30053  accept at pod-a
    outsider             -> gateway  udp 9      unreachable
    peer-node            -> gateway  udp 9      drop
    peer-node            -> gateway  tcp 30053  drop
  `,
  );
});

Deno.test("given up: where a family is routed natively, what a node asks pods in the clear is answered by the tunnel", async () => {
  await using node = await encryptingNode({ settings: { "native-routing-ipv6": "true" } });
  await judge(
    node,
    `
    v4 peer-node  -> gateway  udp 9             drop
    v6 peer-node  -> gateway  udp 9 unanswered  rewrite to fd00:10:244:1::1 at wigglenet
  `,
  );
});

Deno.test("unicast VRRP goes as neighbour discovery does; the error that it meets goes by the tunnel", async () => {
  await using node = await encryptingNode();
  await judge(
    node,
    `
    host@ipvs  -> peer-node  protocol 112  accept
    host@ipvs  -> peer-node  protocol 253  accept at wigglenet
    peer-node  -> host       protocol 112  masquerade at wigglenet
    peer-node  -> host       protocol 253  drop
  `,
  );
});

Deno.test("the API server behind a ClusterIP, on a port that nobody has named, is asked by the tunnel; on one that is, beside it", async () => {
  await using unnamed = await encryptingNode();
  await load(unnamed, TO_PEER_NODE);
  await judge(unnamed, "pod-a -> service  tcp 443  accept at wigglenet");
  await using named = await encryptingNode({ settings: { "host-encryption-exempt": "8443" } });
  await load(named, TO_PEER_NODE);
  await judge(named, "pod-a -> service  tcp 443  masquerade");
});
