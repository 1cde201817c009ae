// What docs/declared-networks.md has bare nodes do for interfaces in containers: the package's unit, with the lines that it is given there.

import assert from "node:assert/strict";
import document from "../../docs/declared-networks.md" with { type: "text" };
import { snippetsIn } from "../docs/snippets.ts";
import { Lab } from "../lab/lab.ts";
import { manifestOf } from "../lab/manifest.ts";
import { until } from "../lab/until.ts";
import { BootedNode } from "./booted_node.ts";
import { FOLDER, shareManifests } from "./mesh.ts";
import { PACKAGE } from "./packages.ts";

const snippets = snippetsIn({ path: "docs/declared-networks.md", text: document });
const lab = await Lab.create({ nodes: 0 });
const node = await BootedNode.boot({ lab, manifest: manifestOf(1), suite: "trixie" });
Deno.test.afterAll(async () => {
  await node.close();
  await lab.close();
});

const shell = (text: string) => node.run(["sh", "-ec", text]);

Deno.test("without these lines what is declared in a container is refused; with them two networks are linked", async () => {
  await node.install(PACKAGE);
  await shareManifests([node]);
  await shell(snippets.get("containers")!);
  const status = async () => (await node.attempt(["wigglenet", "status"])).stdout;
  const seen = { deadlineMs: 30_000, seen: status };
  await until(
    "the refusal",
    async () => /blue-green: Rejected: .*DECLARED_CONTAINERS/.test(await status()),
    seen,
  );
  await shell("mkdir /etc/systemd/system/wigglenet.service.d");
  await node.write("/etc/systemd/system/wigglenet.service.d/override.conf", snippets.get("unit")!);
  await shell("systemctl daemon-reload; systemctl restart wigglenet");
  await until("the link", async () => /to-blue veth up in netns\/green/.test(await status()), seen);
  assert.match(await shell(snippets.get("ping-green")!), / 3 received/);
});

Deno.test("a network namespace that is made later, and that of a process", async () => {
  await shell(
    "systemd-run --quiet --unit=apart --property=PrivateNetwork=yes sleep infinity; ip netns add red",
  );
  const pid = await node.property("apart", "MainPID");
  const spec = { node: "n1", interfaceName: "br-in", type: "bridge" };
  const objects = [{ name: "red" }, { pid: Number(pid) }].map((netns, i) => ({
    apiVersion: "networking.wigglenet.dev/v1alpha1",
    kind: "NetlinkInterface",
    metadata: { name: `in-${i}` },
    spec: { ...spec, container: { netns } },
  }));
  await node.write("/srv/more.yaml", objects.map((it) => JSON.stringify(it)).join("\n---\n"));
  await shell(`mv /srv/more.yaml ${FOLDER}`);
  const links = async () =>
    await shell(`ip netns exec red ip link; nsenter --net=/proc/${pid}/ns/net ip link`);
  await until("both", async () => (await links()).match(/ br-in: /g)?.length === 2, {
    deadlineMs: 30_000,
    seen: async () => (await node.attempt(["wigglenet", "status"])).stdout,
  });
});
