import { CabledNode } from "./cabled_node.ts";
import { loadServices } from "./services.ts";
import { judge } from "./table.ts";

const FILTERED = { "filter-ipv4": "true", "filter-ipv6": "true" };

Deno.test("with the filter nobody outside opens a connection to a pod, and pods open any", async () => {
  await using node = await CabledNode.create({ settings: FILTERED });
  await judge(
    node,
    `
    outsider   -> pod-a     udp 53   drop
    outsider   -> pod-a     tcp 80   drop
    outsider   -> pod-a     tcp 80 ack      drop
    outsider   -> pod-a     tcp 80 rst      drop
    outsider   -> pod-a     udp 53 damaged  drop
    outsider   -> pod-a     protocol 253    drop
    outsider   -> no-pod    tcp 80   unreachable
    world      -> pod-a     udp 53   drop
    world      -> pod-a     tcp 80   drop
    peer-node  -> pod-a     tcp 80   drop
    outsider   -> peer-pod  udp 53   drop
    v4 outsider -> pod-a    echo     drop
    pod-a      -> pod-b     tcp 80   accept
    pod-a      -> pod-b     udp 53   accept
    pod-a      -> pod-b     protocol 253    accept
    pod-a      -> peer-pod  tcp 80   accept
    pod-a      -> peer-pod  echo     accept
    peer-pod   -> pod-b     udp 53   accept
    peer-node@wigglenet  -> pod-b     tcp 80   drop
    outsider@wigglenet   -> pod-b     udp 53   drop
    peer-pod   -> pod-b     tcp 80   accept
    pod-a      -> world     tcp 443  masquerade
    pod-a      -> world     udp 53   masquerade
    pod-a      -> world     echo     masquerade
    pod-a      -> outsider  tcp 443  masquerade
    host       -> pod-a     udp 53   accept
    host       -> peer-pod  udp 53   accept
  `,
  );
});

Deno.test("a pod's address is not believed from the LAN, in use or not, ours or another node's", async () => {
  await using node = await CabledNode.create({ settings: FILTERED });
  await judge(
    node,
    `
    pod-b            -> pod-a     udp 54   accept
    pod-b@lan        -> pod-a     udp 53   drop
    pod-b@lan        -> pod-a     tcp 80   drop
    pod-a@lan        -> pod-a     udp 53   drop
    no-pod@lan       -> pod-a     udp 53   drop
    peer-pod@lan     -> pod-a     udp 53   drop
    peer-pod@lan     -> pod-a     tcp 80   drop
    keyless-pod@lan  -> pod-a     tcp 80   drop
    peer-pod@lan     -> peer-pod  udp 53   drop
  `,
  );
});

Deno.test("N11: a pod is not believed with another pod's address, ours or another node's", async () => {
  await using node = await CabledNode.create({ settings: FILTERED });
  await judge(
    node,
    `
    pod-b              -> pod-a     udp 54   accept
    pod-a              -> pod-b     udp 54   accept
    pod-b@pod-a        -> pod-b     udp 53   drop
    pod-b@pod-a        -> peer-pod  udp 53   drop
    no-pod@pod-a       -> pod-b     tcp 80   drop
    peer-pod@pod-a     -> pod-b     udp 53   drop
    peer-pod@pod-a     -> peer-pod  udp 53   drop
    keyless-pod@pod-a  -> pod-b     tcp 80   drop
    outsider@pod-a     -> pod-b     tcp 80   drop
    outsider@pod-a     -> peer-pod  udp 53   drop
  `,
  );
});

Deno.test("the filter is for pods: what crosses the node to elsewhere passes", async () => {
  await using node = await CabledNode.create({ settings: FILTERED });
  await judge(
    node,
    `
    outsider   -> world      udp 53   accept
    outsider   -> elsewhere  tcp 80   accept
    elsewhere  -> world      echo     accept
    host       -> world      udp 53   accept
  `,
  );
});

Deno.test("what somebody forwards to a pod on purpose passes: node ports and services", async () => {
  await using node = await CabledNode.create({ settings: FILTERED });
  await loadServices(node);
  await judge(
    node,
    `
    outsider  -> host     tcp 30053  accept at pod-a
    outsider  -> host     udp 30053  accept at pod-a
    world     -> host     tcp 30053  accept at pod-a
    v4 outsider  -> host  tcp 30054  rewrite to 10.244.1.1 at wigglenet
    v6 outsider  -> host  tcp 30054  rewrite to fd00:10:244:1::1 at wigglenet
    pod-b     -> service  tcp 443    accept at wigglenet
    host      -> service  udp 53     accept at wigglenet
    outsider  -> pod-a    tcp 30053  drop
  `,
  );
});

Deno.test("the filter of one family leaves the other alone", async () => {
  await using node = await CabledNode.create({ settings: { "filter-ipv6": "true" } });
  await judge(
    node,
    `
    v4 outsider  -> pod-a  tcp 80   accept
    v6 outsider  -> pod-a  tcp 80   drop
    v4 world     -> pod-a  udp 53   accept
    v6 world     -> pod-a  udp 53   drop
  `,
  );
});

const NATIVE = { ...FILTERED, "native-routing-ipv4": "true", "native-routing-ipv6": "true" };
/** What a cloud's network or a routing daemon would say: n2's pods are behind n2, on the LAN. */
const NATIVE_ROUTES = ["route add 10.244.2.0/24 via 10.9.1.2", "route add fd00:10:244:2::/64 via fd09::2"];

for (
  const [name, settings] of Object.entries({
    "routed natively": NATIVE,
    "with FIREWALL_ONLY": { ...FILTERED, "firewall-only": "true" },
  })
) {
  Deno.test(`${name}, a pod is believed on the interface by which the kernel would answer it`, async () => {
    await using node = await CabledNode.create({ settings, ip: NATIVE_ROUTES });
    await judge(
      node,
      `
      peer-pod@lan    -> pod-a         tcp 80   accept
      peer-pod@lan    -> pod-a         udp 53   accept
      pod-a           -> pod-b         tcp 80   accept
      pod-a           -> peer-pod      tcp 80   accept at lan
      pod-a           -> world         tcp 443  masquerade
      outsider        -> pod-a         tcp 80   drop
      world           -> pod-a         udp 53   drop
      pod-b@lan       -> pod-a         tcp 80   drop
      peer-pod@pod-b  -> pod-a         tcp 80   drop
      peer-pod        -> pod-a         tcp 80   drop
      pod-b@pod-a     -> peer-pod      udp 53   drop
      outsider        -> world         tcp 80   accept
    `,
    );
  });
}

Deno.test("each family is believed in its own way: IPv4 routed natively, IPv6 through the tunnel", async () => {
  const settings = { ...FILTERED, "native-routing-ipv4": "true" };
  await using node = await CabledNode.create({ settings, ip: NATIVE_ROUTES.slice(0, 1) });
  await judge(
    node,
    `
    v4 peer-pod@lan  -> pod-a     tcp 80   accept
    v4 peer-pod      -> pod-a     tcp 80   drop
    v6 peer-pod@lan  -> pod-a     tcp 80   drop
    v6 peer-pod      -> pod-a     tcp 80   accept
    v4 pod-a         -> peer-pod  tcp 80   accept at lan
    v6 pod-a         -> peer-pod  tcp 80   accept
    outsider         -> pod-a     tcp 80   drop
  `,
  );
});
