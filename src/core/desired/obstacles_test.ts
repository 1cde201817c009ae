import assert from "node:assert/strict";
import { isObstacleWait, obstaclesIn, obstacleWaits, type Surroundings } from "./obstacles.ts";

const CLEAR: Surroundings = {
  cni: { path: "/etc/cni/net.d/10-wigglenet.conflist", others: ["99-loopback.conf"], missingPlugins: [] },
  dropChains: [],
};
const cni = CLEAR.cni!;

Deno.test("a host with nothing in the way says nothing, and a configuration after ours is not in the way", () => {
  assert.deepEqual(obstaclesIn(CLEAR), []);
  assert.deepEqual(obstaclesIn({ cni: undefined, dropChains: [] }), []);
});

const cases:
  readonly (readonly [sentence: string, Partial<Surroundings>, told: RegExp, isTrouble: boolean])[] = [
    [
      "a configuration that comes first takes the pods",
      { cni: { ...cni, others: ["00-other.conflist", "99-loopback.conf"] } },
      /^pod network: 00-other\.conflist comes before 10-wigglenet\.conflist.*CNI_CONFIG_PATH$/,
      true,
    ],
    [
      "a meta-plugin that comes first may hand them on to ours",
      { cni: { ...cni, others: ["00-multus.conf"] } },
      /^pod network: 00-multus\.conf comes before/,
      false,
    ],
    [
      "plugins that are missing are named",
      { cni: { ...cni, missingPlugins: ["ptp", "portmap"] } },
      /^pod network: CNI plugins are missing: ptp, portmap; apt-get install containernetworking-plugins/,
      true,
    ],
    [
      "a foreign chain that drops may be as it is meant",
      { dropChains: ["inet firewalld filter_FORWARD"] },
      /^foreign firewall: inet firewalld filter_FORWARD drops .*; nft list chain inet firewalld filter_FORWARD/,
      false,
    ],
  ];

for (const [sentence, change, told, isTrouble] of cases) {
  Deno.test(`${sentence}, with the remedy`, () => {
    const waits = obstacleWaits({ ...CLEAR, ...change });
    assert.match(waits.map(({ what, why, next }) => `${what}: ${why}; ${next}`).join("\n"), told);
    assert.deepEqual(waits.map((wait) => [wait.isTrouble, wait.isRemark]), [
      isTrouble ? [true, undefined] : [undefined, true],
    ]);
    assert.ok(waits.every(({ what }) => isObstacleWait(what)));
  });
}

Deno.test("several are told each, and what waits for something else is none of them", () => {
  const all = {
    cni: { ...cni, others: ["00-a.conf"], missingPlugins: ["ptp"] },
    dropChains: ["ip a b", "ip6 a b"],
  };
  assert.equal(obstacleWaits(all).length, 4);
  assert.equal(isObstacleWait("peers for n1"), false);
});
