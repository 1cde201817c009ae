// The program as shipped: the bundle by its own launcher and, where DENORT_BIN is set, the compiled binary. Its root is
// read-only, its cache was filled when it was built, it has the permissions of src/core/shipped and no others.

import assert from "node:assert/strict";
import { bases, HOST } from "../../deploy/compile.ts";
import { type Agent, binaryAt, BUNDLED, SOURCE } from "../lab/agent.ts";
import { Lab } from "../lab/lab.ts";
import type { Node } from "../lab/node.ts";
import { attempt, type Output, run } from "../lab/process.ts";
import { until } from "../lab/until.ts";
import { copyBuild } from "../netns/builds.ts";
import { readState } from "../netns/state.ts";

const BINARY = Deno.env.get("WIGGLENET_BINARY");
const AGENTS: readonly Agent[] = [BUNDLED, ...(BINARY === undefined ? [] : [binaryAt(BINARY)])];
const GOLDEN = new URL("../golden/", import.meta.url);

/** Starts the agent as README does, with the usual paths for everything. */
function start(node: Node, { argv }: Agent) {
  const line = [...argv, "run", "--node-name", node.name, "--nodes", "/etc/wigglenet/nodes.d"];
  return node.start(line, { env: { NO_COLOR: "1" } });
}

for (const agent of AGENTS) {
  Deno.test(`${agent.what}, on a read-only root: pods meet, SIGTERM ends it, the data plane stays`, async () => {
    await using lab = await Lab.create({ nodes: 2, agent });
    const processes = lab.nodes.map((node) => start(node, agent));
    const [from, to] = await Promise.all(lab.nodes.map((node) => node.addPod(`${node.name}-pod`)));
    const meet = () =>
      Promise.all(([4, 6] as const).map((family) =>
        until(`IPv${family} to pass`, async () => {
          return (await from!.ping(to!.address(family)!, { timeoutMs: 500 })).received === 1;
        }, { seen: () => lab.diagnose() })
      ));
    await meet();
    const [n1] = lab.nodes as [Node];
    assert.match((await n1.attempt(["touch", "/etc/wigglenet.new"])).stderr, /Read-only file system/);
    const status = async () => (await n1.runAgent({ verb: "status" })).stdout;
    await until("it to be in sync", async () => /: in sync$/m.test(await status()), { seen: status });
    const check = await n1.runAgent({ verb: "check" });
    assert.equal(check.code, 0, check.stdout);
    const before = await readState(n1);
    const [end] = await Promise.all(processes.map((process) => process.kill("SIGTERM")));
    assert.equal(end!.code, 0);
    assert.deepEqual(processes.flatMap(({ stderr }) => stderr.filter((l) => / (warn|error) /.test(l))), []);
    assert.equal(await readState(n1), before);
    await meet();
    const { code, stdout, stderr } = await n1.runAgent({ verb: "cleanup" });
    assert.deepEqual([code, stderr], [0, ""], stdout);
    assert.match(stdout, /- process wireguard-go|- interface wigglenet/);
  });

  Deno.test(`${agent.what} makes its key and the manifest for the others`, async () => {
    await using lab = await Lab.create({ nodes: 1, agent });
    const [node] = lab.nodes as [Node];
    await Deno.remove(`${node.folder}/private.key`);
    const { code, stdout, stderr } = await node.attempt([...agent.argv, "node", "--node-name=n1"]);
    assert.equal(code, 0, stderr);
    const publicKey = await run(["wg", "pubkey"], {
      stdin: await Deno.readTextFile(`${node.folder}/private.key`),
    });
    assert.ok(stdout.includes(publicKey.trim()), stdout);
    assert.equal((await Deno.stat(`${node.folder}/private.key`)).mode! & 0o7777, 0o600);
  });

  Deno.test(`${agent.what} says in one line which path it may not write, and what to do`, async () => {
    await using lab = await Lab.create({ nodes: 1, agent });
    const [node] = lab.nodes as [Node];
    const refused = await node.runAgent({
      verb: "run",
      settings: { "privkey-path": "/srv/keys/private.key" },
    });
    assert.deepEqual([refused.code, refused.stdout], [1, ""]);
    assert.equal(
      refused.stderr,
      "wigglenet: Not permitted: WIGGLENET_PRIVKEY_PATH is /srv/keys/private.key, and /srv/keys may not be written; " +
        'take the usual path, or start the bundle, not the binary, with WIGGLENET_DENO_FLAGS="--allow-write=/srv/keys"\n',
    );
    assert.equal((await node.attempt(["nft", "list", "ruleset"])).stdout, "");
  });

  Deno.test(`${agent.what} renders what the golden files hold: its templates are inside`, async () => {
    for (const { name, isDirectory } of Deno.readDirSync(GOLDEN)) {
      if (!isDirectory) continue;
      const folder = new URL(`${name}/`, GOLDEN);
      // `render` knows no interfaces.
      if ([...Deno.readDirSync(folder)].some((file) => file.name === "interfaces.json")) continue;
      const settings = JSON.parse(await Deno.readTextFile(new URL("settings.json", folder)));
      const argv = [...agent.argv, "render", "--json", "--nodes", new URL("nodes.yaml", folder).pathname];
      const rendered = JSON.parse(await run(argv, { env: settings }));
      const golden = async (file: string) => await Deno.readTextFile(new URL(file, folder)).catch(() => "");
      assert.equal(rendered.nft, await golden("table.nft"), name);
      assert.equal(rendered.wireguard, await golden("wireguard.conf"), name);
      assert.equal(rendered.cni ?? "", await golden("10-wigglenet.conflist"), name);
    }
  });

  Deno.test(`${agent.what} answers as main.ts does, mistakes included`, async () => {
    const lines = [[], ["help"], ["version"], ["rnu"], ["render", "--node-nam=x"], [
      "render",
      "--node-name=n1",
    ]];
    for (const line of lines) {
      const answer = ({ code, stdout, stderr }: Output) => [code, stdout, stderr];
      const [shipped, source] = await Promise.all(
        [agent, SOURCE].map(({ argv }) => attempt([...argv, ...line], { env: { NO_COLOR: "1" } })),
      );
      assert.deepEqual(answer(shipped!), answer(source!), line.join(" "));
    }
  });
}

Deno.test("the bundle starts a program from elsewhere only when it was started with leave to do so", async () => {
  await using lab = await Lab.create({ nodes: 1, agent: BUNDLED });
  const [node] = lab.nodes as [Node];
  const nft = (await run(["readlink", "-f", "/usr/sbin/nft"])).trim();
  await Deno.copyFile(nft, `${lab.folder}/nft`);
  await Deno.chmod(`${lab.folder}/nft`, 0o755);
  for (const path of ["/usr/sbin/nft", "/usr/bin/nft", "/sbin/nft"]) {
    const { code } = await node.attempt(["test", "-f", path]);
    if (code === 0) await node.run(["mount", "--bind", "/dev/null", path]);
  }
  const env = { NO_COLOR: "1", PATH: `/run/lab:${Deno.env.get("PATH")}` };
  const refused = await node.runAgent({ verb: "run", env });
  assert.equal(refused.code, 1);
  assert.match(
    refused.stderr,
    /Not permitted: \/run\/lab\/nft may not be started; .*--allow-run=\/run\/lab\/nft"$/m,
  );
  const agent = node.startAgent({ env: { ...env, WIGGLENET_DENO_FLAGS: "--allow-run=/run/lab/nft" } });
  await node.conflist();
  assert.equal(agent.isRunning, true);
});

const hasBase =
  (await Promise.all(bases(HOST).map(({ path }) => Deno.stat(path).then(() => true, () => false))))
    .some(Boolean);
if (hasBase) console.log("compile without a base: not tested, for here is one");

Deno.test(
  "compile without deno's base says what is missing and how to supply it",
  { ignore: hasBase },
  async () => {
    // In a folder of its own: it builds anew what others run meanwhile.
    const folder = await Deno.makeTempDir({ prefix: "wigglenet-compile-" });
    await copyBuild(`${folder}/copy`, ["deploy"]);
    const compile = `${folder}/copy/deploy/compile.ts`;
    const { code, stdout, stderr } = await attempt([Deno.execPath(), "run", "-A", "--quiet", compile]);
    await Deno.remove(folder, { recursive: true });
    assert.deepEqual([code, stdout], [1, ""]);
    assert.match(stderr, new RegExp(`^Cannot compile for ${HOST}: deno's compile base is missing`));
    assert.match(stderr, /looked for .*denort/);
    assert.match(
      stderr,
      new RegExp(`^unpack .* DENORT_BIN=/path/to/denort deno task compile --target ${HOST}$`, "m"),
    );
  },
);
