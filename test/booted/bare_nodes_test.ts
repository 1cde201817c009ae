// docs/bare-nodes.md, done as it says: from two machines to pods that reach each other, and the ways that manifests travel.

import assert from "node:assert/strict";
import document from "../../docs/bare-nodes.md" with { type: "text" };
import { snippetsIn } from "../docs/snippets.ts";
import { Lab } from "../lab/lab.ts";
import { addressesOf, manifestOf } from "../lab/manifest.ts";
import { differences } from "../netns/state.ts";
import { BootedNode } from "./booted_node.ts";
import { PACKAGE } from "./packages.ts";

const FOLDER = "/etc/wigglenet/nodes.d";
const MOST_LINES = 10;
const GUEST_KEY = "aW5zdGVhZCBvZiBhIHJlYWwga2V5IG9mIG5vZGUgMzM=";
const snippets = snippetsIn({ path: "docs/bare-nodes.md", text: document });

const lab = await Lab.create({ nodes: 0 });
const nodes = await Promise.all((["trixie", "bookworm"] as const).map((suite, i) => {
  return BootedNode.boot({ lab, manifest: manifestOf(i + 1), suite });
}));
const [n1, n2] = nodes as [BootedNode, BootedNode];
Deno.test.afterAll(async () => {
  await Promise.all(nodes.map((node) => node.close()));
  await lab.close();
});

/** Runs lines of the document as root does, in root's own folder. */
async function perform(node: BootedNode, text: string): Promise<string> {
  return await node.run(["sh", "-ec", `cd /root\n${text}`], { deadlineMs: 300_000 });
}

/** What the document takes for granted: names, ssh, and the package in root's folder. */
async function getReady(): Promise<void> {
  const hosts = nodes.map(({ name, options }) => `${addressesOf(options.manifest)[0]} ${name}\n`).join("");
  const [file] = /wigglenet_\S+\.deb/.exec(snippets.get("both")!)!;
  for (const node of nodes) {
    await node.write("/etc/hosts", `127.0.0.1 localhost\n${hosts}`);
    await Deno.copyFile(PACKAGE, `${node.root}/root/${file}`);
    await perform(node, "systemctl start ssh; mkdir -p -m 700 .ssh");
  }
  await perform(n1, "ssh-keygen -q -t ed25519 -N '' -f .ssh/id_ed25519");
  await n1.write("/root/.ssh/config", "StrictHostKeyChecking accept-new\n");
  await n2.write("/root/.ssh/authorized_keys", await n1.run(["cat", "/root/.ssh/id_ed25519.pub"]));
}

/** A node more, as a manifest. */
function guest(): string {
  const { metadata, ...rest } = manifestOf(3);
  return JSON.stringify({
    ...rest,
    metadata: { ...metadata, annotations: { "wigglenet/public-key": GUEST_KEY } },
  });
}

Deno.test("two machines become a mesh with pods that reach each other, by ten lines", async () => {
  const lines = ["both", "n1", "pods", "ping"].map((name) => snippets.get(name)!.replaceAll("\\\n", ""));
  assert.ok(lines.join("").trim().split("\n").length <= MOST_LINES);
  await getReady();
  for (const node of nodes) await perform(node, snippets.get("both")!);
  await perform(n1, snippets.get("n1")!);
  for (const node of nodes) await perform(node, snippets.get("pods")!);
  const said = await perform(n1, snippets.get("ping")!);
  assert.equal(said.match(/ 1 received/g)?.length, 2, said);
});

Deno.test("rsync brings manifests and takes them away; one that empties the folder changes nothing", async () => {
  const routes = async () => (await n1.run(["ip", "route"])) + (await n1.run(["ip", "-6", "route"]));
  await perform(n1, `cp -r ${FOLDER} /srv/nodes`);
  await n1.write("/srv/nodes/n3.yaml", guest());
  await perform(n1, snippets.get("rsync")!);
  await n1.says(/^in sync, 2 peers/);
  const before = await routes();
  await perform(n1, `mv /srv/nodes /srv/kept; mkdir /srv/nodes\n${snippets.get("rsync")}`);
  await n1.says(/no Node named n1 among 0; nothing is changed until then/);
  assert.equal(differences(before, await routes()), "");
  await perform(
    n1,
    `rmdir /srv/nodes; mv /srv/kept /srv/nodes; rm /srv/nodes/n3.yaml\n${snippets.get("rsync")}`,
  );
  await n1.says(/^in sync, 1 peer/);
});

Deno.test("git brings them in a checkout that the agent reads", async () => {
  const pull = /^git -C .*$/m.exec(snippets.get("git")!)![0];
  const git = "git -c user.name=me -c user.email=me@localhost";
  await perform(
    n1,
    `git init -q -b main /srv/work; cp ${FOLDER}/*.yaml /srv/work; cd /srv/work
    ${git} add .; ${git} commit -qm two; git clone -q --bare . /srv/nodes.git`,
  );
  await perform(n1, snippets.get("git")!.replace(pull, ""));
  await n1.says(/^in sync, 1 peer/);
  await n1.write("/srv/work/n3.yaml", guest());
  await perform(
    n1,
    `cd /srv/work; ${git} add .; ${git} commit -qm three; git push -q /srv/nodes.git main\n${pull}`,
  );
  await n1.says(/^in sync, 2 peers/);
  assert.equal((await perform(n1, snippets.get("ping")!)).match(/ 1 received/g)?.length, 2);
});
