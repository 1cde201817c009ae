// Credentials of a kubeconfig, read by @kubernetes/client-node: certificates, tokens, files of tokens, exec plugins.
// Nothing else of that package is used. It is loaded when it is needed, for it costs tens of megabytes.

import process from "node:process";
import type { KubeConfig } from "./client_node.ts";
import type { Access, Credentials } from "./credentials.ts";

const FRESH_MS = 60_000;

type Package = typeof import("./client_node.ts");

interface Loaded {
  readonly config: KubeConfig;
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
  const config = load();
  const server = serverOf(config, named);
  const user = config.getCurrentUser()?.name ?? "nobody";
  let last: Loaded = { config, access: await accessOf(config), atMs: performance.now() };
  return {
    server,
    identity: `user ${user} of ${named}`,
    namespace: config.getContextObject(config.currentContext)?.namespace,
    read: async (wasRefused) => {
      const nowMs = performance.now();
      if (!wasRefused && nowMs - last.atMs < FRESH_MS) return last.access;
      // A plugin has its own idea of when its answer is old, and is only asked anew by the instance that asked before.
      const isPlugin = config.getCurrentUser()?.exec !== undefined;
      const next = isPlugin && !wasRefused ? last.config : load();
      const access = await accessOf(next);
      const isSame = JSON.stringify(access) === JSON.stringify(last.access);
      last = { config: next, access: isSame ? last.access : access, atMs: nowMs };
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

function loaderOf({ KubeConfig }: Package, paths: readonly string[]): () => KubeConfig {
  return () => {
    const [first, ...rest] = paths.map((path) => {
      const config = new KubeConfig();
      try {
        config.loadFromFile(path);
      } catch (error) {
        const why = (error as Error).message.split("\n")[0];
        throw new Error(`Cannot read kubeconfig ${path}: ${why}`, { cause: error });
      }
      return config;
    });
    for (const config of rest) first!.mergeConfig(config, true);
    return first!;
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

async function accessOf(config: KubeConfig): Promise<Access> {
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
    headers: { ...(auth === undefined ? {} : { Authorization: `Basic ${btoa(auth)}` }), ...headers },
    ...(proxyUrl === undefined ? {} : { proxyUrl }),
  };
}

function remedyOf({ message }: Error): string {
  if (!/^Requires (run|env) access/.test(message)) return message.split("\n")[0]!.slice(0, 300);
  return "its plugin may not be started: a plugin needs its program, its files and the whole environment, " +
    "which the program as shipped has not; use a token or a certificate, or start the source: deno run -A main.ts";
}
