// A router that translates for one node: 192.168.<i>.2 behind 10.9.1.<60+i>. It leads the mesh's UDP ports there, and lets nothing else in.

import type { Host } from "../lab/host.ts";
import type { Lab } from "../lab/lab.ts";
import type { Node } from "../lab/node.ts";

const PORTS = "{ 24601, 24602, 24606 }";

/** By what others reach the node of this number. */
export function outsideOf(i: number): string {
  return `10.9.1.${60 + i}`;
}

/** What the node takes for its own. */
export function insideOf(i: number): string {
  return `192.168.${i}.2`;
}

/** It ends with the laboratory. */
export class NatRouter {
  private constructor(private readonly host: Host, private readonly i: number) {}

  static async create(lab: Lab, i: number): Promise<NatRouter> {
    const host = await lab.addHost(`nat${i}`, [outsideOf(i)]);
    await host.sysctl("1", ["net.ipv4.ip_forward"]);
    await host.run(["nft", "-f", "-"], {
      stdin: `table ip nat {
        chain in { type nat hook prerouting priority dstnat; iifname eth0 udp dport ${PORTS} dnat to ${
        insideOf(i)
      }; }
        chain out { type nat hook postrouting priority srcnat; oifname eth0 masquerade; }
        chain through {
          type filter hook forward priority filter; policy drop;
          ct status dnat accept
          iifname inside accept
          ct state established accept
        }
      }`,
    });
    return new NatRouter(host, i);
  }

  /** Takes a node out of the underlay, and has it behind itself; whom it had there before, it has no more. */
  async serve(node: Node): Promise<void> {
    const { host, i } = this;
    await node.ip(["link del eth0"]);
    // What was in the network of a machine that has gone the kernel takes some time later.
    await host.attempt(["ip", "link", "del", "inside"]);
    await host.ip([
      `link add inside type veth peer name eth0 netns ${node.pid}`,
      `address add 192.168.${i}.1/24 dev inside`,
      "link set inside up",
    ]);
    await node.ip([
      `address add ${insideOf(i)}/24 dev eth0`,
      "link set eth0 up",
      `route add default via 192.168.${i}.1`,
    ]);
  }
}
