// Programs that are built from Go modules, once for a machine and outside the checkout: there are registries for
// modules where there is none for images. Each is kept under its name and version.

import { createHash } from "node:crypto";

/** What the go.mod of Kubernetes 1.36 asks for; the others are content with less. */
export const GO = [1, 26] as const;
/** Into which its own archive is unpacked. */
const GO_FOLDER = "/usr/local/go/bin";
const PROGRESS_MS = 30_000;
/** Fetching waits for the network and linking for one core: three at once fill both. */
const MODULES_AT_ONCE = 3;

/** A throwaway module: `go install package@version` refuses modules with replace lines, which most of these have. */
export interface GoModule {
  readonly name: string;
  /** Writes go.mod, and the main.go of a program that has none, into the folder. */
  readonly make: (folder: string) => Promise<void>;
}

/** One program. */
export interface GoProgram {
  readonly name: string;
  readonly version: string;
  readonly package: string;
  readonly module: GoModule;
  readonly ldflags?: string;
  readonly tags?: string;
}

/** Where what was built is kept between runs. */
export function cacheFolder(): string {
  const root = Deno.env.get("XDG_CACHE_HOME") ?? `${Deno.env.get("HOME") ?? "/root"}/.cache`;
  return `${root}/wigglenet-kubernetes`;
}

/** Where the program is, whether or not it has been built. */
export function pathOf({ name, version }: GoProgram): string {
  return `${cacheFolder()}/${name}-${version}-${Deno.build.arch}`;
}

/** Builds what is missing, saying so; returns why it could not, undefined when everything is there. */
export async function buildPrograms(programs: readonly GoProgram[]): Promise<string | undefined> {
  if ((await missing(programs)).length === 0) return;
  const objection = await objectionToBuilding(programs);
  if (objection !== undefined) return objection;
  await Deno.mkdir(cacheFolder(), { recursive: true });
  // Of two runs one builds; the lock goes with its process, however that ends.
  using lock = await Deno.open(`${cacheFolder()}/lock`, { create: true, write: true });
  if (!await lock.tryLock(true)) {
    console.log("Go modules: another run builds them, waiting");
    await lock.lock(true);
  }
  try {
    const groups = Map.groupBy(await missing(programs), ({ module }) => module);
    await eachOf([...groups], MODULES_AT_ONCE, ([module, members]) => buildModule(module, members));
  } catch (error) {
    return `could not be built from Go modules: ${(error as Error).message}`;
  }
}

/** Runs the work on every item, so many at once; the first error ends it, once what had begun is done. */
async function eachOf<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = [...items];
  const one = async () => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item);
  };
  const ends = await Promise.allSettled(Array.from({ length: atOnce }, () => one().catch(stop)));
  for (const end of ends) if (end.status === "rejected") throw end.reason;

  function stop(error: unknown): never {
    rest.length = 0;
    throw error;
  }
}

async function missing(programs: readonly GoProgram[]): Promise<GoProgram[]> {
  const found = await Promise.all(programs.map((program) => exists(pathOf(program))));
  return programs.filter((_, i) => !found[i]);
}

/** Why nothing can be built here; undefined: it can, or nothing is missing. */
export async function objectionToBuilding(programs: readonly GoProgram[]): Promise<string | undefined> {
  return (await missing(programs)).length === 0 ? undefined : await objectionToGo();
}

async function objectionToGo(): Promise<string | undefined> {
  const wanted = `Go ${GO.join(".")} or newer, which builds the parts of Kubernetes from their modules`;
  const version = await go(["env", "GOVERSION"], "/").catch((error: Error) => error);
  if (version instanceof Error) {
    const isAbsent = version.message.includes("No such file");
    const why = isAbsent ? `no go in PATH, none in ${GO_FOLDER}` : version.message;
    return `needs ${wanted} (${why}; see https://go.dev/dl)`;
  }
  const [major, minor] = version.trim().slice("go".length).split(".").map(Number);
  if (major! > GO[0] || (major === GO[0] && minor! >= GO[1])) return;
  return `needs ${wanted}, and here is ${version.trim()}`;
}

/** Into a folder of its own first: an interrupted build leaves nothing that looks whole. */
async function buildModule(module: GoModule, programs: readonly GoProgram[]): Promise<void> {
  const draft = await Deno.makeTempDir({ dir: cacheFolder(), prefix: "draft-" });
  const start = performance.now();
  const seconds = () => ((performance.now() - start) / 1000).toFixed(0);
  const names = programs.map(({ name, version }) => `${name} ${version}`).join(", ");
  console.log(`Go modules: building ${names}, once for this machine (minutes)`);
  let doing = "fetching its modules";
  const progress = setInterval(
    () => console.log(`Go modules: ${module.name} for ${seconds()} s, ${doing}`),
    PROGRESS_MS,
  );
  try {
    await module.make(draft);
    for (const program of programs) {
      doing = `building ${program.name}`;
      await buildProgram(program, draft);
      console.log(`Go modules: ${program.name} ${program.version} is built after ${seconds()} s`);
    }
  } finally {
    clearInterval(progress);
    await Deno.remove(draft, { recursive: true });
  }
}

async function buildProgram(program: GoProgram, draft: string): Promise<void> {
  const flags = ["-trimpath", "-ldflags", program.ldflags ?? "-s -w", "-o", `${draft}/program`];
  if (program.tags !== undefined) flags.push("-tags", program.tags);
  await go(["build", ...flags, program.package], draft);
  await Deno.rename(`${draft}/program`, pathOf(program));
}

/** A module that needs the packages, each at the version. */
export function moduleOf(name: string, version: string, packages: readonly string[]): GoModule {
  return {
    name,
    make: async (folder) => {
      await go(["mod", "init", `local/${name}`], folder);
      await go(["get", ...packages.map((path) => `${path}@${version}`)], folder);
    },
  };
}

/** A program of ours. `needs`: packages with their versions, where the standard library is not all. */
export function ownProgram(name: string, text: string, needs: readonly string[] = []): GoProgram {
  const module: GoModule = {
    name,
    make: async (folder) => {
      await go(["mod", "init", `local/${name}`], folder);
      await Deno.writeTextFile(`${folder}/main.go`, text);
      if (needs.length > 0) await go(["get", ...needs], folder);
    },
  };
  // Its text is its version: after a change it is built anew.
  const version = createHash("sha256").update([text, ...needs].join("\n")).digest("hex").slice(0, 12);
  return { name: `wigglenet-${name}`, version, package: ".", module };
}

/** Runs go, niced: a build must not starve what else this machine does. Throws Error with the last it said. */
export async function go(args: readonly string[], folder: string): Promise<string> {
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
  return `${Deno.env.get("PATH") ?? ""}:${GO_FOLDER}`;
}

async function exists(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}
