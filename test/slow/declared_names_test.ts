// A plan's node that is reached by a DNS name: what the name leads to is asked again each half minute.
//
//   n1 (no underlay: it speaks first) ── 10.9.1.0/24 ── n2 (n2.lab.test)

import { backbone } from "../declared/two_nodes.ts";
import { Lab } from "../lab/lab.ts";
import type { Node } from "../lab/node.ts";
import { until } from "../lab/until.ts";

const NAME = "n2.lab.test";
const LINK = "wg-n1-n2-0";
/** Half a minute until it is asked again, and a handshake. */
const ASKED_AGAIN_MS = 45_000;

const lab = await Lab.create({ nodes: 2, families: { underlay: [4], pods: [4] } });
const [n1, n2] = lab.nodes as [Node, Node];
Deno.test.afterAll(() => lab.close());

const hosts = `${lab.folder}/hosts`;
const say = (line: string) => Deno.writeTextFile(hosts, `127.0.0.1 localhost\n${line}\n`);
await say("");
await n1.run(["mount", "--bind", hosts, "/etc/hosts"]);

async function write(keys: readonly (string | undefined)[]): Promise<void> {
  const plan = backbone([
    { name: "n1", hostname: undefined, publicKey: keys[0] },
    { name: "n2", hostname: NAME, publicKey: keys[1] },
  ]);
  const file = `${lab.nodesFolder}/declared.yaml`;
  await Deno.writeTextFile(
    `${file}.part`,
    JSON.stringify(plan, (key, value) => {
      return key === "underlay" && value.hostname === undefined ? undefined : value;
    }),
  );
  await Deno.rename(`${file}.part`, file);
}

const keyOf = (node: Node, name: string) =>
  until(`${name} to have a key`, async () => {
    const { stdout } = await node.attempt(["wg", "show", name, "public-key"]);
    return stdout.includes("=") && stdout.trim();
  }, { seen: () => node.agent!.tail() });

async function statusText(): Promise<string> {
  return (await n1.runAgent({ verb: "status" })).stdout;
}

async function reaches(address: string): Promise<void> {
  await until(`n1 to reach n2 at ${address}`, async () => {
    const { stdout } = await n1.attempt(["wg", "show", LINK, "endpoints"]);
    return stdout.includes(`\t${address}:`) &&
      (await n1.attempt(["ping", "-c", "1", "-W", "1", "10.4.0.2"])).code === 0;
  }, { deadlineMs: ASKED_AGAIN_MS, seen: statusText });
}

Deno.test("A name that nobody knows is told by the object, and the link stands without an endpoint", async () => {
  for (const node of lab.nodes) node.startAgent();
  await write([]);
  await write([await keyOf(n1, LINK), await keyOf(n2, "wg-n2-n1-0")]);
  const told = `Waiting: endpoint of peer n2 of ${LINK}: ${NAME} cannot be resolved \\(`;
  await until("n1 to tell it", async () => new RegExp(told).test(await statusText()), { seen: statusText });
});

Deno.test("When the name is known the link comes up by itself, and nothing is told any more", async () => {
  await say(`${n2.address(4)} ${NAME}`);
  await reaches(n2.address(4)!);
  await until("nothing to be told", async () => !(await statusText()).includes(NAME), { seen: statusText });
});

Deno.test("When the node moves and the name with it, the link follows", async () => {
  await n2.ip([`address del ${n2.address(4)}/24 dev eth0`, "address add 10.9.1.22/24 dev eth0"]);
  await say(`10.9.1.22 ${NAME}`);
  await reaches("10.9.1.22");
});
