// An agent that dies at each moment of putting interfaces into containers: nothing of them is ever anywhere but where it belongs, and
// the next agent ends as if nothing had happened.

import assert from "node:assert/strict";
import { until } from "../lab/until.ts";
import { dyingArgv } from "../netns/builds.ts";
import { ContainedNode, CONTAINERS, netlink } from "../netns/contained_node.ts";

const scene = await ContainedNode.create();
const n1 = scene.node;
Deno.test.afterAll(() => scene.lab.close());

const [BLUE, RED] = [{ netns: { name: "blue" } }, { netns: { name: "red" } }];
const OBJECTS = [
  netlink("pair-a", {
    type: "veth",
    container: BLUE,
    addresses: [{ ipcidr: "10.6.0.1/24" }],
    veth: { peer: { interfaceName: "pair-b", container: RED, addresses: [{ ipcidr: "10.6.0.2/24" }] } },
  }),
  netlink("vx", {
    type: "vxlan",
    container: BLUE,
    vxlan: { vni: 7, dev: "pair-a", local: "10.6.0.1", group: "10.6.0.2" },
    addresses: [{ ipcidr: "10.7.0.1/24" }],
  }),
  netlink("way-a", { type: "veth", veth: { peer: { interfaceName: "way-b", container: RED } } }),
];
const NONE = [netlink("own", { type: "bridge" })];
const enter = (name: string) => ["ip", "netns", "exec", name];
/** More than there are; a test says how many there were. */
const MOST_MOMENTS = 60;

/** What stands where it does not belong. */
async function misplaced(): Promise<string[]> {
  const places: readonly (readonly [readonly string[], readonly string[]])[] = [
    [[], ["own", "way-a"]],
    [enter("blue"), ["pair-a", "vx"]],
    [enter("red"), ["pair-b", "way-b"]],
  ];
  const found = await Promise.all(places.map(async ([where, allowed]) => {
    const names = (await scene.namesIn(where)).split(" ").filter((name) => name !== "");
    return names.filter((name) => !allowed.includes(name)).map((name) =>
      `${where.at(-1) ?? "host"}: ${name}`
    );
  }));
  return found.flat();
}

/** An agent that lives until that moment, or until all is done; whether it died of it. */
async function dies(moment: number, isDone: () => Promise<boolean>): Promise<boolean> {
  const dying = n1.startAgent({ argv: dyingArgv(String(moment)), settings: CONTAINERS });
  await until(
    `it to die at moment ${moment}, or to be done`,
    async () => !dying.isRunning || await isDone(),
    {
      deadlineMs: 30_000,
      pauseMs: 50,
      seen: () => dying.tail(),
    },
  );
  const hasDied = !dying.isRunning;
  await dying.kill("SIGKILL");
  return hasDied;
}

const isMade = async () => {
  const [own, blue, red] = await Promise.all(
    [[], enter("blue"), enter("red")].map((it) => scene.namesIn(it)),
  );
  return own === "way-a" && blue === "pair-a vx" && red === "pair-b way-b";
};
const isGone = async () => {
  const all = await Promise.all([[], enter("blue"), enter("red")].map((it) => scene.namesIn(it)));
  return all.join("") === "own";
};

for (
  const [what, before, after, isDone] of [
    ["making", NONE, OBJECTS, isMade],
    ["removing", OBJECTS, NONE, isGone],
  ] as const
) {
  Deno.test(`An agent that dies at any moment of ${what} leaves nothing where it does not belong`, async () => {
    if (what === "making") { for (const name of ["blue", "red"]) await n1.run(["ip", "netns", "add", name]); }
    let moment = 0;
    for (; moment < MOST_MOMENTS; moment++) {
      await scene.write(before);
      await scene.restart();
      const isBefore = what === "making" ? isGone : isMade;
      await until("what was before", isBefore, { deadlineMs: 20_000, seen: () => n1.agent!.tail() });
      await n1.agent!.kill("SIGKILL");
      await scene.write(after);
      const hasDied = await dies(moment, isDone);
      assert.deepEqual(await misplaced(), [], `moment ${moment}`);
      if (!hasDied) break;
    }
    assert.ok(moment > 5 && moment < MOST_MOMENTS, `${moment} moments`);
    await scene.restart();
    await until("all to be done", isDone, { deadlineMs: 20_000, seen: () => n1.agent!.tail() });
  });
}
