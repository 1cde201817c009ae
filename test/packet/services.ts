// What kube-proxy would load, in small: a node port and a service, in front of a pod here and of one elsewhere.

import type { CabledNode } from "./cabled_node.ts";

const RULES = `
table inet services {
	chain prerouting {
		type nat hook prerouting priority dstnat
		jump forwarded
	}
	chain output {
		type nat hook output priority -100
		jump forwarded
	}
	chain postrouting {
		type nat hook postrouting priority srcnat
		meta mark 0x4000 masquerade
	}
	chain forwarded {
		fib daddr type local meta l4proto { tcp, udp } th dport 30053 goto here
		fib daddr type local meta l4proto { tcp, udp } th dport 30054 meta mark set 0x4000 goto elsewhere
		ip daddr 10.96.0.1 goto elsewhere
		ip6 daddr fd00:96::1 goto elsewhere
	}
	chain here {
		meta nfproto ipv4 meta l4proto { tcp, udp } dnat ip to 10.244.1.10
		meta nfproto ipv6 meta l4proto { tcp, udp } dnat ip6 to fd00:10:244:1::a
	}
	chain elsewhere {
		meta nfproto ipv4 meta l4proto { tcp, udp } dnat ip to 10.244.2.5
		meta nfproto ipv6 meta l4proto { tcp, udp } dnat ip6 to fd00:10:244:2::5
	}
}`;

/** Ports 30053 of the node lead to pod-a, 30054 (masqueraded) and the place `service` to peer-pod. */
export async function loadServices({ node }: CabledNode): Promise<void> {
  await node.run(["nft", "-f", "-"], { stdin: RULES });
}
