// Credentials of a kubeconfig, read by @kubernetes/client-node: certificates, tokens, files of tokens, exec plugins.
// Nothing else of that package is used. It is loaded when it is needed, for it costs tens of megabytes.

import { dirname, resolve } from "node:path";
import process from "node:process";
import { clusterProblem, grantProblem, parseKubeconfig } from "../../../core/kubernetes/kubeconfig_text.ts";
import { refused } from "../../../core/net/refusal.ts";
import { readText } from "../../files.ts";
import type { KubeConfig } from "./client_node.ts";
import type { Access, Credentials, Doubt } from "./credentials.ts";

const FRESH_MS = 60_000;

type Package = typeof import("./client_node.ts");

/** The files, as one. */
interface Loaded {
  readonly config: KubeConfig;
  /** By user. */
  readonly tokenFiles: ReadonlyMap<string, string>;
  /** What an operator calls them. */
  readonly named: string;
}

interface Last {
  readonly loaded: Loaded;
  readonly access: Access;
  readonly atMs: number;
}

/**
 * Credentials of the current context; of several files the first one that says something counts, and those that are not
 * there are left out, as for kubectl.
 * @throws Error that names the file and what is wrong in it
 */
export async function kubeconfigCredentials(paths: readonly string[]): Promise<Credentials> {
  const packaged = await importQuietly();
  const load = () => loadFiles(packaged, paths);
  const loaded = await load();
  const { config, named } = loaded;
  const server = serverOf(loaded);
  let last: Last = { loaded, access: await accessOf(loaded), atMs: performance.now() };
  return {
    server,
    identity: `user ${config.getCurrentUser()!.name} of ${named}`,
    namespace: config.getContextObject(config.currentContext)?.namespace,
    read: async (doubt) => {
      const nowMs = performance.now();
      if (doubt === undefined && nowMs - last.atMs < FRESH_MS) return last.access;
      last = { ...await readAnew(last, { load, doubt }), atMs: nowMs };
      return last.access;
    },
  };
}

/** What is half-written or gone for a moment does not take the place of what was there, unless that was refused. */
async function readAnew(
  last: Last,
  { load, doubt }: { readonly load: () => Promise<Loaded>; readonly doubt: Doubt | undefined },
): Promise<Omit<Last, "atMs">> {
  try {
    // A plugin has its own idea of when its answer is old, and is only asked anew by the instance that asked before.
    const isPlugin = last.loaded.config.getCurrentUser()?.exec !== undefined;
    const loaded = isPlugin && doubt !== "refused" ? last.loaded : await load();
    serverOf(loaded);
    const access = await accessOf(loaded);
    const isSame = JSON.stringify(access) === JSON.stringify(last.access);
    return { loaded, access: isSame ? last.access : access };
  } catch (error) {
    if (doubt === "refused") throw error;
    return last;
  }
}

/** A package below it lists the whole environment when it is loaded, which as shipped nobody may; another one warns. */
export async function importQuietly(): Promise<Package> {
  if (Deno.permissions.querySync({ name: "env" }).state !== "granted") {
    Object.defineProperty(process, "env", { value: {} });
  }
  Object.assign(process, { noDeprecation: true });
  return await import("./client_node.ts");
}

async function loadFiles({ KubeConfig }: Package, paths: readonly string[]): Promise<Loaded> {
  const all = new KubeConfig();
  all.loadFromOptions({ clusters: [], users: [], contexts: [], currentContext: undefined });
  const tokenFiles = new Map<string, string>();
  const found: string[] = [];
  for (const path of paths) {
    const text = await textOf(path);
    if (text === undefined) continue;
    found.push(path);
    const one = readOne(new KubeConfig(), path, text);
    for (const list of ["clusters", "users", "contexts"] as const) {
      const known = new Set(all[list].map(({ name }) => name));
      all[list] = [...all[list], ...one.config[list].filter(({ name }) => !known.has(name))] as never;
      if (list !== "users") continue;
      for (const [user, file] of one.tokenFiles) if (!known.has(user)) tokenFiles.set(user, file);
    }
    all.currentContext ||= one.config.currentContext;
  }
  if (found.length === 0) throw new Error(`Cannot read kubeconfig ${paths.join(":")}: it does not exist`);
  return { config: all, tokenFiles, named: found.join(":") };
}

/** Undefined: it does not exist. */
async function textOf(path: string): Promise<string | undefined> {
  try {
    return await readText(path);
  } catch (error) {
    throw unreadable(path, error);
  }
}

function readOne(config: KubeConfig, path: string, text: string): Omit<Loaded, "named"> {
  const parsed = parseKubeconfig(text);
  if (refused(parsed)) throw unreadable(path, new Error(parsed.reason));
  const folder = dirname(path);
  try {
    config.loadFromString(parsed.json);
    config.makePathsAbsolute(folder);
  } catch (error) {
    throw unreadable(path, error);
  }
  const tokenFiles = [...parsed.tokenFiles].map(([user, file]) => [user, resolve(folder, file)] as const);
  return { config, tokenFiles: new Map(tokenFiles) };
}

function unreadable(path: string, cause: unknown): Error {
  return new Error(`Cannot read kubeconfig ${path}: ${(cause as Error).message.split("\n")[0]}`, { cause });
}

/** Throws Error where the current context does not lead to a cluster that can be asked, and a user of it. */
function serverOf({ config, named }: Loaded): string {
  const say = (what: string) => new Error(`Kubeconfig ${named} ${what}`);
  const { currentContext, contexts } = config;
  const names = contexts.map(({ name }) => name).join(", ") || "none";
  if (!currentContext) throw say(`says no current-context: kubectl config use-context NAME; it has ${names}`);
  const context = config.getContextObject(currentContext);
  const shown = JSON.stringify(currentContext);
  if (context === null) throw say(`has no context ${shown}, which is its current one; it has ${names}`);
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    throw say(`has no cluster ${JSON.stringify(context.cluster)}, which its context ${shown} asks for`);
  }
  if (config.getCurrentUser() === null) {
    throw say(`has no user ${JSON.stringify(context.user ?? "")}, which its context ${shown} asks for`);
  }
  const problem = clusterProblem(cluster);
  if (problem !== undefined) throw say(problem);
  return cluster.server.replace(/\/+$/, "");
}

/** What the package would hand to node:https. */
interface NodeOptions {
  ca?: unknown;
  cert?: unknown;
  key?: unknown;
  auth?: string;
  headers?: Record<string, string>;
}

async function accessOf({ config, tokenFiles, named }: Loaded): Promise<Access> {
  const { name, exec, authProvider } = config.getCurrentUser()!;
  const say = (why: string, cause?: unknown) =>
    new Error(`Cannot get credentials of user ${name} of ${named}: ${why}`, { cause });
  const options: NodeOptions = {};
  try {
    await config.applyToHTTPSOptions(options as Parameters<KubeConfig["applyToHTTPSOptions"]>[0]);
  } catch (error) {
    const by = exec
      ? `its plugin ${exec.command}: `
      : authProvider
      ? `its auth-provider ${authProvider.name}: `
      : "";
    throw say(by + remedyOf(error as Error), error);
  }
  const [ca, cert, key] = [options.ca, options.cert, options.key].map((it) =>
    it === undefined ? undefined : String(it)
  );
  const { Authorization: given, ...headers } = options.headers ?? {};
  const token = tokenFiles.get(name);
  const authorization = token !== undefined
    ? `Bearer ${await tokenIn(token, say)}`
    : options.auth === undefined
    ? given
    : `Basic ${btoa(options.auth)}`;
  const problem = grantProblem({ ca, cert, key, authorization });
  if (problem !== undefined) throw say(problem);
  const proxyUrl = config.getCurrentCluster()?.proxyUrl;
  return {
    caCerts: ca === undefined ? [] : [ca],
    ...(cert === undefined || key === undefined ? {} : { pair: { cert, key } }),
    headers: { ...headers, ...(authorization === undefined ? {} : { Authorization: authorization }) },
    ...(proxyUrl ? { proxyUrl } : {}),
  };
}

async function tokenIn(path: string, say: (why: string) => Error): Promise<string> {
  const text = await readText(path).catch((error: Error) => {
    throw say(`tokenFile ${path}: ${error.message}`);
  });
  if (text === undefined) throw say(`tokenFile ${path} does not exist`);
  return text.trim();
}

function remedyOf({ message }: Error): string {
  if (!/^Requires (run|env) access/.test(message)) return message.split("\n")[0]!.slice(0, 300);
  return "it may not be started: a plugin needs its program, its files and the whole environment, " +
    "which the program as shipped has not; use a token or a certificate, or start the source: deno run -A main.ts";
}
