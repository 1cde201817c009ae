// The image of the nodes where no image registry can be reached: kind's own `kind build node-image`, given a "release" of
// Kubernetes that carries every image which it would pull. Its result stays in the engine under a name that says what
// it was made of.

import { createHash } from "node:crypto";
import { buildPrograms, cacheFolder, objectionToBuilding } from "../kubernetes/go_program.ts";
import { attempt, run } from "../process.ts";
import { type Engine, Objection } from "./engine.ts";
import { type Image, writeImages } from "./image_archive.ts";
import { debianTarball, makeNodeRoot, prepareDebian, sandboxImage } from "./node_root.ts";
import {
  KIND,
  KIND_MODULE,
  KUBERNETES,
  moduleFolder,
  type ProgramName,
  programPath,
  PROGRAMS,
} from "./programs.ts";
import { copyFrom, install, makeRoot } from "./small_root.ts";

/** agnhost of Kubernetes' own tests, with bash, curl, ip and ping beside it, and our prober: what the test pods run. */
export const TEST_IMAGE = "docker.io/wigglenet/test-pod:1";
const BUILD_MS = 600_000;
/** Images, nodes and the folders that they are made in. */
const SPACE_GB = 6;
const RECIPE = ["node_image.ts", "node_root.ts", "small_root.ts", "image_archive.ts"];

/** Tells what is being done. */
export type Tell = (what: string) => void;

/** The name of the image; it changes with all that the image is made of. */
export async function nodeImageName(): Promise<string> {
  const recipe = await Promise.all(RECIPE.map((file) => Deno.readTextFile(new URL(file, import.meta.url))));
  const words = [debianTarball(), ...PROGRAMS.map(({ name, version }) => `${name} ${version}`), ...recipe];
  const key = createHash("sha256").update(words.join("\n")).digest("hex").slice(0, 12);
  return `wigglenet/kind-node:${KUBERNETES}-${key}`;
}

/**
 * Builds the programs, kind itself among them, and makes Debian's part meanwhile: one waits for processors, the other for
 * the network. Throws {@link Objection}.
 */
export async function prepareParts(): Promise<void> {
  if ((await attempt(["mmdebstrap", "--version"]).catch(() => undefined))?.code !== 0) {
    throw new Objection("There is no mmdebstrap", "sudo apt-get install --no-install-recommends mmdebstrap");
  }
  const objection = await objectionToBuilding(PROGRAMS);
  if (objection !== undefined) throw new Objection(`This ${objection}`, "install it, then again");
  const ends = await Promise.allSettled([buildPrograms(PROGRAMS), prepareDebian()]);
  const [built, debian] = ends;
  if (built.status === "rejected") throw built.reason;
  if (built.value !== undefined) {
    throw new Objection(`The parts of Kubernetes ${built.value}`, "see above, then again");
  }
  if (debian.status === "rejected") {
    throw new Objection(`Debian's part of a node: ${debian.reason.message}`, "see above, then again");
  }
}

/** Makes the image unless the engine has it; returns its name. Throws {@link Objection}. */
export async function prepareNodeImage(engine: Engine, tell: Tell): Promise<string> {
  const name = await nodeImageName();
  if (await engine.hasImage(name)) return name;
  await refuseFull(cacheFolder(), SPACE_GB);
  const work = await Deno.makeTempDir({ dir: cacheFolder(), prefix: "node-image-" });
  try {
    await build(engine, { work, name, tell });
  } catch (error) {
    throw new Objection(
      `The node image cannot be made: ${(error as Error).message}`,
      "see above, then again",
    );
  } finally {
    await run(["rm", "-rf", work], { deadlineMs: BUILD_MS });
  }
  await forgetOthers(engine, name);
  return name;
}

interface Build {
  readonly work: string;
  readonly name: string;
  readonly tell: Tell;
}

async function build(engine: Engine, { work, name, tell }: Build): Promise<void> {
  const root = `${work}/node`;
  const base = name.replace("kind-node", "kind-base");
  await Deno.mkdir(root);
  tell("its file system");
  await makeNodeRoot(root);
  tell("its base image");
  await writeImages(`${work}/base.tar`, [{
    root,
    names: [base],
    env: ["container=docker"],
    entrypoint: ["/usr/local/bin/entrypoint", "/sbin/init"],
    stopSignal: "SIGRTMIN+3",
  }]);
  await engine.docker(["load", "-q", "-i", `${work}/base.tar`], BUILD_MS);
  try {
    tell("the images of a cluster");
    const release = await makeRelease(work, root);
    tell("kind build node-image");
    const args = ["build", "node-image", "--type=file", "--base-image", base, "--image", name, release];
    const env = { ...engine.env, TMPDIR: work }; // kind leaves the unpacked release there
    await run([programPath("kind"), ...args], { env, deadlineMs: BUILD_MS });
  } finally {
    await attempt(["docker", "rmi", "--no-prune", base], { env: engine.env });
  }
}

/**
 * A release as `kind build node-image --type=file` wants it: three programs and four archives of these names. Of an
 * archive kind sees the first image only, whose names it then does not pull: so that one has many names.
 */
async function makeRelease(work: string, nodeRoot: string): Promise<string> {
  const folder = `${work}/release/kubernetes/server/bin`;
  await Deno.mkdir(folder, { recursive: true });
  await Deno.writeTextFile(`${work}/release/kubernetes/version`, KUBERNETES);
  const programs: ProgramName[] = ["kubeadm", "kubelet", "kubectl"];
  for (const name of programs) await install(programPath(name), `${folder}/${name}`);
  const { controlPlane, coredns, proxy, pause, testPod } = await makeImages(work, nodeRoot);
  await writeImages(`${folder}/kube-apiserver.tar`, [controlPlane]);
  await writeImages(`${folder}/kube-controller-manager.tar`, [coredns]);
  await writeImages(`${folder}/kube-scheduler.tar`, [pause, testPod]);
  await writeImages(`${folder}/kube-proxy.tar`, [proxy]);
  const path = `${work}/release.tar.gz`;
  await run(["tar", "-C", `${work}/release`, "-I", "gzip -1", "-cf", path, "kubernetes"], {
    deadlineMs: BUILD_MS,
  });
  return path;
}

type ClusterImages = Record<"controlPlane" | "coredns" | "proxy" | "pause" | "testPod", Image>;

async function makeImages(work: string, nodeRoot: string): Promise<ClusterImages> {
  const wanted = await run([
    programPath("kubeadm"),
    "config",
    "images",
    "list",
    "--kubernetes-version",
    KUBERNETES,
  ]);
  const named = (name: string) => wanted.split("\n").find((image) => image.includes(`/${name}:`))!;
  const root = async (name: string, programs: readonly ProgramName[]) => {
    const path = `${work}/${name}`;
    await makeRoot(path);
    for (const program of programs) await install(programPath(program), `${path}/usr/local/bin/${program}`);
    return path;
  };
  const servers: ProgramName[] = ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "etcd"];
  const controlPlane = { root: await root("control-plane", servers), names: servers.map(named) };
  const coredns = {
    root: await root("coredns", ["coredns"]),
    names: [named("coredns")],
    entrypoint: ["/usr/local/bin/coredns"],
  };
  const proxy = { root: await root("proxy", ["kube-proxy"]), names: [named("kube-proxy")] };
  await addProxyPrograms(nodeRoot, proxy.root);
  const pause = await makePause(await root("pause", []), nodeRoot);
  const testPod = { root: await root("test-pod", []), names: [TEST_IMAGE], entrypoint: ["/agnhost"] };
  await install(programPath("agnhost"), `${testPod.root}/agnhost`);
  await install(programPath("wigglenet-probe"), `${testPod.root}/usr/bin/probe`);
  await Deno.mkdir(`${testPod.root}/uploads`); // where agnhost puts what is sent to it
  const tools = ["bash", "cat", "curl", "head", "ls", "ping", "sha256sum", "sleep", "touch"].map((name) =>
    `/usr/bin/${name}`
  );
  await copyFrom(nodeRoot, testPod.root, [...tools, "/usr/bin/sh", "/usr/sbin/ip"]);
  return { controlPlane, coredns, proxy, pause, testPod };
}

/** The real iptables of both kinds: kube-proxy looks for the kind that the node uses. */
async function addProxyPrograms(nodeRoot: string, root: string): Promise<void> {
  const machine = Deno.build.arch === "aarch64" ? "aarch64" : "x86_64";
  const variants = ["iptables", "ip6tables"].flatMap((name) => [name, `${name}-save`, `${name}-restore`]);
  // Matches and targets are libraries with needs of their own: statistic, of Services with two endpoints, wants libm.
  const plugins = `/usr/lib/${machine}-linux-gnu/xtables`;
  const programs = ["sh", "kmod"].map((name) => `/usr/bin/${name}`);
  programs.push(...["nft", "conntrack", "ip", "xtables-nft-multi"].map((name) => `/usr/sbin/${name}`));
  await copyFrom(nodeRoot, root, [...programs, plugins, "/etc/protocols", "/etc/services"]);
  for (const name of variants) await Deno.symlink("xtables-nft-multi", `${root}/usr/sbin/${name}`);
  await Deno.symlink("../bin/kmod", `${root}/usr/sbin/modprobe`);
}

/** The pause image has the names of kind's pod network and storage too: theirs are never used, but would be pulled. */
async function makePause(root: string, nodeRoot: string): Promise<Image> {
  const sources = `${await moduleFolder(KIND_MODULE, KIND)}/pkg/build/nodeimage`;
  const texts = await Promise.all(
    ["cni", "storage"].map((name) => Deno.readTextFile(`${sources}/const_${name}.go`)),
  );
  const names = [...texts.join("\n").matchAll(/Image = "([^"]+)"/g)].map((match) => match[1]!);
  await install(programPath("wigglenet-pause"), `${root}/pause`);
  await install(programPath("wigglenet-pause"), `${root}/usr/local/bin/local-path-provisioner`);
  return { root, names: [await sandboxImage(nodeRoot), ...names], entrypoint: ["/pause"] };
}

/** Throws {@link Objection} where the folder's disk has less. */
export async function refuseFull(folder: string, wantedGb: number): Promise<void> {
  const out = await run(["df", "--output=avail", "-BG", folder]);
  const free = Number(/(\d+)G/.exec(out)?.[1]);
  if (free >= wantedGb) return;
  throw new Objection(
    `${folder} has ${free} GB free, and the node image takes ${wantedGb}`,
    "make room there",
  );
}

/** Images of earlier recipes are of no use to anybody. */
async function forgetOthers(engine: Engine, name: string): Promise<void> {
  const list = await engine.docker(["images", "--format", "{{.Repository}}:{{.Tag}}", "wigglenet/kind-node"]);
  const old = list.split("\n").filter((image) => image !== "" && image !== name);
  for (const image of old) await attempt(["docker", "rmi", image], { env: engine.env });
}
