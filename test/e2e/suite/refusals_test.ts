// What is in the way is named with its remedy, and nothing stays behind of what was begun.

import assert from "node:assert/strict";
import { buildImage, DEFAULTS, IMAGES } from "../../../deploy/image/image.ts";
import { Cluster, clustersIn } from "../../lab/kind/cluster.ts";
import { Engine, findEngine } from "../../lab/kind/engine.ts";
import { nodeImageName, prepareNodeImage, refuseFull } from "../../lab/kind/node_image.ts";
import { cacheFolder } from "../../lab/kubernetes/go_program.ts";
import { programPath } from "../../lab/kind/programs.ts";
import { attempt } from "../../lab/process.ts";
import { until } from "../../lab/until.ts";
import { World } from "../world.ts";

const world = await World.standing();
const OTHER = "wigglenet-refused";
const TAKEN = 28081;

/** Does the work with another environment. */
async function given(env: Readonly<Record<string, string>>, work: () => Promise<void>): Promise<void> {
  const before = Object.keys(env).map((name) => [name, Deno.env.get(name)] as const);
  for (const [name, value] of Object.entries(env)) Deno.env.set(name, value);
  try {
    await work();
  } finally {
    for (const [name, value] of before) {
      if (value === undefined) Deno.env.delete(name);
      else Deno.env.set(name, value);
    }
  }
}

function namesIn(folder: string): string[] {
  return [...Deno.readDirSync(folder)].map(({ name }) => name).sort();
}

Deno.test("no docker: its package is named", async () => {
  await given({ PATH: "/nonexistent" }, async () => {
    await assert.rejects(
      findEngine(),
      /^Error: There is no docker\. Remedy: sudo apt-get install .*docker\.io$/,
    );
  });
});

Deno.test("a docker that is named and does not answer is not passed over", async () => {
  await given({ DOCKER_HOST: "unix:///nonexistent.sock" }, async () => {
    await assert.rejects(
      findEngine(),
      /^Error: No docker answers at DOCKER_HOST: .*Remedy: start it, or unset/,
    );
  });
});

Deno.test("no kind, and no Go to build it with: one line with the remedy, and nothing was started", async () => {
  const cache = await Deno.makeTempDir();
  const env = {
    PATH: "/usr/sbin:/usr/bin:/sbin:/bin",
    XDG_CACHE_HOME: cache,
    DENO_DIR: `${cacheFolder()}/../deno`,
  };
  // The lock on a cluster of the name is in /run, and may be that of the run which this test is part of.
  const script = "if [ -d /usr/local/go ]; then mount -t tmpfs tmpfs /usr/local/go; fi; " +
    'mount -t tmpfs tmpfs /run; exec "$@"';
  const argv = [Deno.execPath(), "run", "-A", "--quiet", "--cached-only", "test/e2e/kind_e2e.ts"];
  try {
    const { code, stderr } = await attempt(["unshare", "--mount", "sh", "-c", script, "sh", ...argv], {
      env,
    });
    assert.equal(code, 1);
    assert.match(stderr.trim(), /^This needs Go 1\.26 or newer, .* Remedy: install it, then again$/);
    assert.deepEqual(namesIn(cache), []);
  } finally {
    await Deno.remove(cache, { recursive: true });
  }
});

Deno.test("kind-e2e --delete leaves a cluster that a run uses as it is", async () => {
  const argv = [Deno.execPath(), "run", "-A", "--quiet", "test/e2e/kind_e2e.ts", "--delete"];
  const { code, stdout, stderr } = await attempt(argv, { deadlineMs: 60_000 });
  assert.equal(code, 0, stderr);
  assert.match(stdout, new RegExp(`^A run uses ${world.cluster.name}: it stays$`, "m"));
  assert.deepEqual(await world.cluster.nodes(), [...world.nodes]);
});

Deno.test("a shape that there is not: the shapes are named", async () => {
  const argv = [Deno.execPath(), "run", "-A", "--quiet", "test/e2e/kind_e2e.ts", "--shape", "triple-stack"];
  const { code, stderr } = await attempt(argv);
  assert.equal(code, 2);
  assert.match(stderr, /^There is no shape "triple-stack"\n.*dual-stack\|no-podcidr\|ipv4-only/);
});

Deno.test("a cluster of that name is there: it stays as it is", async () => {
  const { engine, name } = world.cluster;
  const again = { engine, name, shape: "kind/dual-stack.yaml", image: await nodeImageName() };
  await assert.rejects(
    Cluster.create(again),
    /There is a cluster ".*" already\. Remedy: deno task kind-e2e --delete/,
  );
  assert.deepEqual(await world.cluster.nodes(), [...world.nodes]);
});

Deno.test("a port that is taken: no node of the new cluster stays behind", async () => {
  const { engine } = world.cluster;
  const thief = world.startOutside([programPath("agnhost"), "netexec", `--http-port=${TAKEN}`]);
  const shape = await Deno.makeTempFile({ suffix: ".yaml" });
  const port = { containerPort: 30080, hostPort: TAKEN };
  const node = { role: "control-plane", extraPortMappings: [port] };
  const config = { kind: "Cluster", apiVersion: "kind.x-k8s.io/v1alpha4", nodes: [node] };
  await Deno.writeTextFile(shape, JSON.stringify(config));
  try {
    await until("the port to be taken", async () => {
      return await world.askFromOutside(`http://127.0.0.1:${TAKEN}/hostname`) !== "";
    });
    const other = { engine, name: OTHER, shape, image: await nodeImageName() };
    await assert.rejects(Cluster.create(other), /Remedy: end what has that port, then again/);
  } finally {
    await thief.kill();
    await Deno.remove(shape);
  }
  assert.ok(!(await clustersIn(engine)).includes(OTHER));
  const left = await engine.docker(["ps", "-aq", "--filter", `label=io.x-k8s.kind.cluster=${OTHER}`]);
  assert.equal(left, "");
});

Deno.test("no space: how much there is, and how much it takes", async () => {
  await assert.rejects(
    refuseFull(cacheFolder(), 1e6),
    /has \d+ GB free, and the node image takes 1000000\. Remedy: make room there/,
  );
});

Deno.test("the node image fails midway: the reason is told, and its folders are gone", async () => {
  /** The disk of an engine that is full. */
  class FullEngine extends Engine {
    override hasImage(): Promise<boolean> {
      return Promise.resolve(false);
    }
    override docker(): Promise<string> {
      return Promise.reject(new Error("docker load exited 1: no space left on device"));
    }
  }
  const before = namesIn(cacheFolder());
  await assert.rejects(
    prepareNodeImage(new FullEngine(world.cluster.engine.isOurs), () => {}),
    /^Error: The node image cannot be made: docker load exited 1: no space left on device\. Remedy: /,
  );
  assert.deepEqual(namesIn(cacheFolder()), before);
});

Deno.test("the agent's image fails midway: the reason is told, and the last one is still there", async () => {
  const before = namesIn(IMAGES);
  const sources = await Deno.makeTempFile({ suffix: ".list" });
  await Deno.writeTextFile(sources, "deb [trusted=yes] file:/nonexistent trixie main\n");
  try {
    await assert.rejects(buildImage({ ...DEFAULTS, sources }), /apt-get .* exited 100: /);
  } finally {
    await Deno.remove(sources);
  }
  assert.deepEqual(namesIn(IMAGES), before);
});
