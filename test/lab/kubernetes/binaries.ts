// The real kube-apiserver, etcd and kubectl, built from Go modules (there are registries for those where there is none
// for images) and kept outside the checkout, so that the ten minutes are spent once on each machine.

const KUBERNETES = "v1.36.1";
/** Debian's 3.4 cannot ask for a watch's progress: some watches of a newer API server end in an error there. */
const ETCD = "v3.6.8";
const KUBERNETES_MODULE = "k8s.io/kubernetes";
const ETCD_MODULE = "go.etcd.io/etcd/server/v3";
/** What the go.mod of Kubernetes 1.36 asks for. */
const GO = [1, 26] as const;
const PROGRESS_MS = 30_000;

/** Paths of the programs. */
export interface Binaries {
  readonly apiserver: string;
  readonly etcd: string;
  readonly kubectl: string;
}

/** One program: its package, and the module that `makeModule` writes for it. */
interface Program {
  readonly name: string;
  readonly version: string;
  readonly package: string;
  readonly module: (folder: string) => Promise<void>;
  readonly ldflags: string;
}

const PROGRAMS: Readonly<Record<keyof Binaries, Program>> = {
  etcd: { name: "etcd", version: ETCD, package: ETCD_MODULE, module: makeEtcdModule, ldflags: "-s -w" },
  apiserver: kubernetesProgram("kube-apiserver"),
  kubectl: kubernetesProgram("kubectl"),
};

function kubernetesProgram(name: string): Program {
  const version = ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"].flatMap((path) => [
    `-X ${path}.gitVersion=${KUBERNETES}`,
    `-X ${path}.gitMajor=${KUBERNETES.slice(1).split(".")[0]}`,
    `-X ${path}.gitMinor=${KUBERNETES.split(".")[1]}`,
    `-X ${path}.gitTreeState=clean`,
  ]);
  return {
    name,
    version: KUBERNETES,
    package: `${KUBERNETES_MODULE}/cmd/${name}`,
    module: makeKubernetesModule,
    ldflags: ["-s -w", ...version].join(" "),
  };
}

/** Where they are kept between runs. */
function cacheFolder(): string {
  const root = Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME") ?? "/root"}/.cache`;
  return `${root}/wigglenet-kubernetes`;
}

function pathOf({ name, version }: Program): string {
  return `${cacheFolder()}/${name}-${version}-${Deno.build.arch}`;
}

/** Where the programs are, whether or not they have been built. */
export const BINARIES: Binaries = {
  etcd: pathOf(PROGRAMS.etcd),
  apiserver: pathOf(PROGRAMS.apiserver),
  kubectl: pathOf(PROGRAMS.kubectl),
};

/** Builds what is missing, saying so; returns why it could not, undefined when everything is there. */
export async function prepareKubernetes(): Promise<string | undefined> {
  if ((await missing()).length === 0) return;
  const objection = await objectionToGo();
  if (objection !== undefined) return objection;
  await Deno.mkdir(cacheFolder(), { recursive: true });
  // Of two runs one builds; the lock goes with its process, however that ends.
  using lock = await Deno.open(`${cacheFolder()}/lock`, { create: true, write: true });
  if (!await lock.tryLock(true)) {
    console.log("Kubernetes: another run builds it, waiting");
    await lock.lock(true);
  }
  try {
    for (const program of await missing()) await build(program);
  } catch (error) {
    return `the real Kubernetes could not be built: ${(error as Error).message}`;
  }
}

async function missing(): Promise<Program[]> {
  const found = await Promise.all(Object.values(PROGRAMS).map((program) => exists(pathOf(program))));
  return Object.values(PROGRAMS).filter((_, i) => !found[i]);
}

async function objectionToGo(): Promise<string | undefined> {
  const wanted = `Go ${GO.join(".")} or newer, which builds kube-apiserver and etcd from their modules`;
  const version = await go(["env", "GOVERSION"], "/").catch((error: Error) => error);
  if (version instanceof Error) return `needs ${wanted} (no Go: ${version.message}; see https://go.dev/dl)`;
  const [major, minor] = version.trim().slice("go".length).split(".").map(Number);
  if (major! > GO[0] || (major === GO[0] && minor! >= GO[1])) return;
  return `needs ${wanted}, and here is ${version.trim()}`;
}

/** Into a folder of its own first: an interrupted build leaves nothing that looks whole. */
async function build(program: Program): Promise<void> {
  const path = pathOf(program);
  const draft = await Deno.makeTempDir({ dir: cacheFolder(), prefix: "draft-" });
  const start = performance.now();
  const seconds = () => ((performance.now() - start) / 1000).toFixed(0);
  const what = `${program.name} ${program.version}`;
  console.log(`Kubernetes: building ${what} from Go modules, once for this machine (minutes)`);
  const progress = setInterval(() => console.log(`Kubernetes: ${what} for ${seconds()} s`), PROGRESS_MS);
  try {
    await program.module(draft);
    const flags = ["-trimpath", "-ldflags", program.ldflags, "-o", `${draft}/program`];
    await go(["build", ...flags, program.package], draft);
    await Deno.rename(`${draft}/program`, path);
    console.log(`Kubernetes: ${what} is built after ${seconds()} s`);
  } finally {
    clearInterval(progress);
    await Deno.remove(draft, { recursive: true });
  }
}

async function makeEtcdModule(folder: string): Promise<void> {
  await go(["mod", "init", "local/etcd"], folder);
  await go(["get", `${ETCD_MODULE}@${ETCD}`], folder);
}

/** As a dependency it needs a replacement for each of the modules that its own repository holds. */
async function makeKubernetesModule(folder: string): Promise<void> {
  await go(["mod", "init", "local/kubernetes"], folder);
  const { GoMod } = JSON.parse(
    await go(["mod", "download", "-json", `${KUBERNETES_MODULE}@${KUBERNETES}`], folder),
  ) as { GoMod: string };
  const text = await Deno.readTextFile(GoMod);
  const staged = new Set(
    [...text.matchAll(/^\t(k8s\.io\/[a-z-]+)(?: => \.\/staging| v0\.0\.0(?:\s|$))/gm)].map((m) => m[1]!),
  );
  const version = KUBERNETES.replace(/^v1\./, "v0.");
  const edits = [...staged].map((name) => `-replace=${name}=${name}@${version}`);
  await go(
    ["mod", "edit", `-go=${GO.join(".")}.0`, `-require=${KUBERNETES_MODULE}@${KUBERNETES}`, ...edits],
    folder,
  );
}

/** Runs go, niced: a build must not starve what else this machine does. Throws Error with the last it said. */
async function go(args: readonly string[], folder: string): Promise<string> {
  const env = {
    CGO_ENABLED: "0",
    GOTOOLCHAIN: "local",
    GOFLAGS: "-mod=mod -buildvcs=false",
    PATH: pathWithGo(),
  };
  const command = new Deno.Command("nice", {
    args: ["-n", "10", "go", ...args],
    cwd: folder,
    env,
    stdin: "null",
  });
  const { success, stdout, stderr } = await command.output();
  if (success) return new TextDecoder().decode(stdout);
  const said = new TextDecoder().decode(stderr).trim().split("\n").slice(-3).join("; ");
  throw new Error(`go ${args[0]}: ${said}`);
}

/** PATH with the folder into which Go's own archive is unpacked. */
function pathWithGo(): string {
  return `${Deno.env.get("PATH") ?? ""}:/usr/local/go/bin`;
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

if (import.meta.main) {
  const objection = await prepareKubernetes();
  if (objection !== undefined) console.error(objection);
  Deno.exit(objection === undefined ? 0 : 1);
}
