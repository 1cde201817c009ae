import { CabledNode } from "./cabled_node.ts";
import { judge } from "./table.ts";

Deno.test("what pods send out of the pod network leaves with the node's address, and nothing else does", async () => {
  await using node = await CabledNode.create();
  await judge(
    node,
    `
    pod-a      -> world      tcp 443  masquerade
    pod-a      -> world      udp 53   masquerade
    pod-b      -> world      echo     masquerade
    pod-b      -> world      protocol 253  masquerade
    pod-a      -> peer-node  tcp 80   masquerade
    pod-a      -> pod-b      tcp 80   accept
    pod-a      -> peer-pod   tcp 80   accept
    pod-a      -> peer-pod   udp 53   accept
    peer-pod   -> pod-a      udp 53   accept
    outsider   -> pod-a      tcp 80   accept
    outsider   -> world      udp 53   accept
    elsewhere  -> world      tcp 80   accept
    host       -> world      udp 53   accept
    pod-a      -> host       udp 9    unreachable
  `,
  );
});

Deno.test("MASQUERADE_IPV4=0 and MASQUERADE_IPV6=0 leave their family alone", async () => {
  for (const [on, off] of [[4, 6], [6, 4]] as const) {
    await using node = await CabledNode.create({ settings: { [`masquerade-ipv${off}`]: "0" } });
    await judge(
      node,
      `
      v${on}   pod-a  -> world  udp 53      masquerade
      v${off}  pod-a  -> world  udp 53      accept
      v${off}  pod-a  -> world  tcp 443     accept
      v${off}  pod-a  -> world  tcp 80 rst  accept
    `,
    );
  }
});

Deno.test("what pods send to NO_MASQUERADE_CIDRS keeps their addresses, and nothing else does", async () => {
  const settings = { "no-masquerade-cidrs": "192.0.2.0/28,2001:db8::/64,192.0.2.0/24,10.244.0.0/16" };
  await using node = await CabledNode.create({ settings });
  await judge(
    node,
    `
    pod-a  -> world        udp 53             accept
    pod-a  -> world        tcp 443            accept
    pod-a  -> world        udp 53 from 24601  accept
    pod-b  -> world        protocol 253       accept
    pod-a  -> world        tcp 80 rst         accept
    pod-a  -> elsewhere    udp 53             masquerade
    pod-a  -> elsewhere    tcp 80 rst         drop
    pod-a  -> peer-node    tcp 80             masquerade
    pod-a  -> peer-pod     tcp 80             accept
    pod-a  -> keyless-pod  tcp 80             unreachable
    host   -> world        udp 53             accept
  `,
  );
});

Deno.test("no pod's datagram is ever sent from WireGuard's own port", async () => {
  await using node = await CabledNode.create();
  await judge(
    node,
    `
    pod-a  -> world      udp 53 from 24601     masquerade
    pod-b  -> world      udp 53 from 24601     masquerade
    pod-a  -> peer-node  udp 24601 from 24601  masquerade
    pod-b  -> peer-node  udp 24601 from 24601  masquerade
  `,
  );
});

Deno.test("what conntrack cannot translate does not leave with a pod's address", async () => {
  await using node = await CabledNode.create();
  await judge(
    node,
    `
    pod-a  -> world   tcp 80 rst      drop
    pod-a  -> world   tcp 80 damaged  drop
    pod-a  -> world   udp 53 damaged  drop
    v4 pod-a  -> world   icmp 0       drop
    v4 pod-a  -> world   icmp 3       drop
    v4 pod-a  -> world   icmp 5       drop
    v6 pod-a  -> world   icmp 1       drop
    v6 pod-a  -> world   icmp 129     drop
    v6 pod-a  -> world   icmp 135     drop
    v6 pod-a  -> world   icmp 136     drop
    v6 pod-a  -> world   icmp 138     drop
    v6 pod-a  -> world   icmp 200     drop
    pod-a  -> peer-pod  tcp 80 rst    accept
    pod-a  -> pod-b     tcp 80 rst    accept
  `,
  );
});
