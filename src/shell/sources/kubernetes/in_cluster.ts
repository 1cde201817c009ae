// The credentials of a pod: host and port in the environment, token and CA in two files. The kubelet replaces both
// before they expire, so that they are read again once a minute.

import { readText } from "../../files.ts";
import type { Access, Credentials } from "./credentials.ts";

/** Where the kubelet puts a pod's token and the cluster's CA. */
const SERVICE_ACCOUNT_FOLDER = "/var/run/secrets/kubernetes.io/serviceaccount";

const FRESH_MS = 60_000;

/** The variables that tell a pod where the API is. */
export interface ClusterEnvironment {
  readonly host: string;
  readonly port: string;
}

/** Those of this process; undefined: it is no pod. */
export function clusterEnvironment(): ClusterEnvironment | undefined {
  const host = Deno.env.get("KUBERNETES_SERVICE_HOST");
  return host ? { host, port: Deno.env.get("KUBERNETES_SERVICE_PORT") || "443" } : undefined;
}

/** Credentials of the pod that this process runs in. */
export async function inClusterCredentials(
  { host, port }: ClusterEnvironment,
  folder: string = SERVICE_ACCOUNT_FOLDER,
): Promise<Credentials> {
  let last: { access: Access; atMs: number } | undefined;
  return {
    server: `https://${host.includes(":") ? `[${host}]` : host}:${port}`,
    identity: `the service account token ${folder}/token`,
    namespace: (await readText(`${folder}/namespace`))?.trim() || undefined,
    read: async (doubt) => {
      const nowMs = performance.now();
      if (last !== undefined && doubt === undefined && nowMs - last.atMs < FRESH_MS) return last.access;
      last = { access: await readFiles(folder, last?.access), atMs: nowMs };
      return last.access;
    },
  };
}

/** What is half-written or gone for a moment does not take the place of what was there. */
async function readFiles(folder: string, last: Access | undefined): Promise<Access> {
  try {
    const token = (await required(`${folder}/token`)).trim();
    const ca = await required(`${folder}/ca.crt`);
    if (token === "") throw new Error(`${folder}/token is empty`);
    if (!ca.includes("-----BEGIN CERTIFICATE-----")) throw new Error(`${folder}/ca.crt holds no certificate`);
    const authorization = `Bearer ${token}`;
    const isSame = last?.headers.authorization === authorization && last.caCerts[0] === ca;
    return isSame ? last : { caCerts: [ca], headers: { authorization } };
  } catch (error) {
    if (last === undefined) throw error;
    return last;
  }
}

async function required(path: string): Promise<string> {
  const text = await readText(path);
  if (text !== undefined) return text;
  throw new Error(
    `${path} does not exist: the pod needs a service account whose token is mounted (automountServiceAccountToken)`,
  );
}
