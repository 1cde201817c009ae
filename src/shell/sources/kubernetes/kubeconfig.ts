// Credentials of a kubeconfig, read by @kubernetes/client-node: certificates, tokens, files of tokens, exec plugins.
// Nothing else of that package is used. It is loaded when it is needed, for it costs tens of megabytes.

import { dirname, resolve } from "node:path";
import process from "node:process";
import { load as loadYaml } from "js-yaml";
import { tokenFiles } from "../../../core/kubernetes/token_files.ts";
import { readText } from "../../files.ts";
import type { KubeConfig } from "./client_node.ts";
import type { Access, Credentials } from "./credentials.ts";

const FRESH_MS = 60_000;

type Package = typeof import("./client_node.ts");

interface Read {
  readonly config: KubeConfig;
  /** Where the token of a user stands, which the package does not know of. */
  readonly tokenFiles: ReadonlyMap<string, string>;
}

interface Loaded {
  readonly read: Read;
  readonly access: Access;
  readonly atMs: number;
}

/**
 * Credentials of the current context; files later in the list give what earlier ones have not, as for kubectl.
 * @throws Error that names the file and what is wrong in it
 */
export async function kubeconfigCredentials(paths: readonly string[]): Promise<Credentials> {
  const named = paths.join(":");
  const load = loaderOf(await importQuietly(), paths);
  const first = load();
  const { config } = first;
  const server = serverOf(config, named);
  const user = config.getCurrentUser()?.name ?? "nobody";
  let last: Loaded = { read: first, access: await accessOf(first), atMs: performance.now() };
  return {
    server,
    identity: `user ${user} of ${named}`,
    namespace: config.getContextObject(config.currentContext)?.namespace,
    read: async (doubt) => {
      const nowMs = performance.now();
      if (doubt === undefined && nowMs - last.atMs < FRESH_MS) return last.access;
      // A plugin has its own idea of when its answer is old, and is only asked anew by the instance that asked before.
      const isPlugin = config.getCurrentUser()?.exec !== undefined;
      const next = isPlugin && doubt !== "refused" ? last.read : load();
      const access = await accessOf(next);
      const isSame = JSON.stringify(access) === JSON.stringify(last.access);
      last = { read: next, access: isSame ? last.access : access, atMs: nowMs };
      return last.access;
    },
  };
}

/** A package below it lists the whole environment when it is loaded, which as shipped nobody may; another one warns. */
async function importQuietly(): Promise<Package> {
  if (Deno.permissions.querySync({ name: "env" }).state !== "granted") {
    Object.defineProperty(process, "env", { value: {} });
  }
  Object.assign(process, { noDeprecation: true });
  return await import("./client_node.ts");
}

function loaderOf({ KubeConfig }: Package, paths: readonly string[]): () => Read {
  return () => {
    const files = new Map<string, string>();
    const [first, ...rest] = paths.map((path) => {
      const config = new KubeConfig();
      try {
        const text = Deno.readTextFileSync(path);
        config.loadFromString(text);
        config.makePathsAbsolute(dirname(path));
        for (const [user, file] of tokenFiles(loadYaml(text))) files.set(user, resolve(dirname(path), file));
      } catch (error) {
        const why = (error as Error).message.split("\n")[0];
        throw new Error(`Cannot read kubeconfig ${path}: ${why}`, { cause: error });
      }
      return config;
    });
    for (const config of rest) first!.mergeConfig(config, true);
    return { config: first!, tokenFiles: files };
  };
}

function serverOf(config: KubeConfig, named: string): string {
  const cluster = config.getCurrentCluster();
  if (cluster === null) {
    throw new Error(
      `Kubeconfig ${named} has no cluster for its current context ${JSON.stringify(config.currentContext)}`,
    );
  }
  const { server, skipTLSVerify, tlsServerName } = cluster;
  if (skipTLSVerify) {
    throw new Error(
      `Kubeconfig ${named} says insecure-skip-tls-verify: give certificate-authority instead; ` +
        "whoever stands in for the API would rule this node",
    );
  }
  if (tlsServerName) {
    throw new Error(
      `Kubeconfig ${named} says tls-server-name, which this agent cannot: use that name as server`,
    );
  }
  return server.replace(/\/+$/, "");
}

/** What the package would hand to node:https. */
interface NodeOptions {
  ca?: unknown;
  cert?: unknown;
  key?: unknown;
  auth?: string;
  headers?: Record<string, string>;
}

async function accessOf({ config, tokenFiles }: Read): Promise<Access> {
  const tokenFile = tokenFiles.get(config.getCurrentUser()?.name ?? "");
  const options: NodeOptions = {};
  try {
    await config.applyToHTTPSOptions(options as Parameters<KubeConfig["applyToHTTPSOptions"]>[0]);
  } catch (error) {
    throw new Error(`Cannot get credentials of the kubeconfig: ${remedyOf(error as Error)}`, {
      cause: error,
    });
  }
  const { ca, cert, key, auth, headers } = options;
  const proxyUrl = config.getCurrentCluster()?.proxyUrl;
  return {
    caCerts: ca === undefined ? [] : [String(ca)],
    ...(cert === undefined || key === undefined ? {} : { pair: { cert: String(cert), key: String(key) } }),
    headers: {
      ...(auth === undefined ? {} : { Authorization: `Basic ${btoa(auth)}` }),
      ...headers,
      ...(tokenFile === undefined ? {} : { Authorization: `Bearer ${await tokenIn(tokenFile)}` }),
    },
    ...(proxyUrl === undefined ? {} : { proxyUrl }),
  };
}

async function tokenIn(path: string): Promise<string> {
  const token = (await readText(path))?.trim();
  if (token) return token;
  throw new Error(`The kubeconfig's tokenFile ${path} ${token === "" ? "is empty" : "does not exist"}`);
}

function remedyOf({ message }: Error): string {
  if (!/^Requires (run|env) access/.test(message)) return message.split("\n")[0]!.slice(0, 300);
  return "its plugin may not be started: a plugin needs its program, its files and the whole environment, " +
    "which the program as shipped has not; use a token or a certificate, or start the source: deno run -A main.ts";
}
