import assert from "node:assert/strict";
import { desireOf, interfaceOf, keyOf, ordinaryNode } from "../../../test/cluster.ts";
import { mediumTo } from "../../../test/medium_to.ts";
import type { DesiredState } from "../desired/desired_state.ts";
import { TRANSPORT_NAMES, type TransportName } from "./transport.ts";
import { TRANSPORTS } from "./transports.ts";

/** `native` is left out: what it reaches is somebody else's. */
const NAMES = TRANSPORT_NAMES.filter((name) => name !== "native");

/** What each of two nodes of one network wants, by its own transport, where both say theirs. */
function bothOf(transports: readonly [TransportName, TransportName]): readonly [DesiredState, DesiredState] {
  const nodes = transports.map((name, i) => ({
    ...ordinaryNode(i + 1),
    transport: `ipv4=${name},ipv6=${name}`,
    ipsecNonce: keyOf(i + 1),
  }));
  const wish = (i: 1 | 2) => {
    const name = transports[i - 1]!;
    const interfaces = [interfaceOf("eth0", [`10.9.1.${i}/24`, `fd09::${i}/64`], { hasDefaultRoute: true })];
    const settings = { NODE_NAME: `n${i}`, TRANSPORT_IPV4: name, TRANSPORT_IPV6: name };
    return desireOf(nodes, settings, { interfaces, publicKey: keyOf(i) });
  };
  return [wish(1), wish(2)];
}

for (const own of NAMES) {
  Deno.test(`beside ${own}, whatever another node of the cluster has, both send by one way, which both take`, () => {
    for (const other of NAMES) {
      const [n1, n2] = bothOf([own, other]);
      const { medium } = TRANSPORTS[own];
      const wanted = medium === TRANSPORTS[other].medium ? medium! : "tunnel";
      for (const [from, to, i, j] of [[n1, n2, 1, 2], [n2, n1, 2, 1]] as const) {
        for (const [family, pods] of [[4, `10.244.${j}.0/24`], [6, `fd00:10:244:${j}::/64`]] as const) {
          const what = `${own}, ${other}: IPv${family} from n${i}`;
          assert.equal(mediumTo(pods, from), wanted, what);
          const mine = pods.replace(family === 4 ? `.${j}.` : `:${j}:`, family === 4 ? `.${i}.` : `:${i}:`);
          const isPeer = to.peers.some(({ node, allowedIps }) =>
            node === `n${i}` && allowedIps.includes(mine)
          );
          const isTaken = wanted === "tunnel" ? isPeer : to.table.sets[`clear-v${family}`].includes(mine);
          assert.ok(isTaken, `${what} is taken`);
          const outer = to.table.sets["outer-v4"];
          assert.ok(
            (wanted !== "vxlan" && wanted !== "gre") || outer.includes(`10.9.1.${i}/32`),
            `${what} may wrap`,
          );
        }
      }
    }
  });
}
