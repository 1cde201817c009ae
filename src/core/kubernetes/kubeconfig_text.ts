// What a kubeconfig must be, before @kubernetes/client-node (1.4.0) reads it: of some that it cannot read it says
// "Cannot read properties of undefined", and of others nothing. `tokenFile` it does not know at all.

import { load } from "js-yaml";
import { quote, Refusal } from "../net/refusal.ts";

/** A kubeconfig whose lists are lists of named entries. */
export interface KubeconfigText {
  /** The same as JSON. */
  readonly json: string;
  /** `tokenFile` of users, as it is written, by user. */
  readonly tokenFiles: ReadonlyMap<string, string>;
}

type Fields = Readonly<Record<string, unknown>>;

const LISTS = ["clusters", "contexts", "users"] as const;

/** Reads a kubeconfig, YAML or JSON, as far as to know that it is one. */
export function parseKubeconfig(text: string): KubeconfigText | Refusal {
  if (text.trim() === "") return new Refusal("it is empty");
  let config: unknown;
  try {
    config = load(text);
  } catch (error) {
    return new Refusal((error as Error).message.split("\n")[0]!);
  }
  if (!isFields(config)) return new Refusal(`it is no kubeconfig but ${quote(config)}`);
  const problem = LISTS.flatMap((name) => problemIn(name, config[name] ?? []) ?? [])[0];
  if (problem !== undefined) return new Refusal(problem);
  const users = (config.users ?? []) as readonly { readonly name: string; readonly user?: unknown }[];
  const tokenFiles = users.flatMap(({ name, user }): [string, string][] => {
    const path = isFields(user) ? user.tokenFile : undefined;
    return typeof path === "string" && path !== "" ? [[name, path]] : [];
  });
  // The first of two users of one name counts, as for kubectl.
  return { json: JSON.stringify(config), tokenFiles: new Map(tokenFiles.reverse()) };
}

function problemIn(name: string, list: unknown): string | undefined {
  if (!Array.isArray(list)) return `${name} is no list but ${quote(list)}`;
  const bad = list.findIndex((entry) => !isFields(entry) || typeof entry.name !== "string");
  return bad < 0 ? undefined : `${name}[${bad}] has no name`;
}

function isFields(value: unknown): value is Fields {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/** What is used of a cluster's entry. */
export interface ClusterEntry {
  readonly server: string;
  readonly skipTLSVerify?: boolean;
  readonly tlsServerName?: string | undefined;
  readonly proxyUrl?: string | undefined;
}

const PROXIES = ["http:", "https:", "socks5:", "socks5h:"];

/** Why a cluster cannot be asked, with the remedy; undefined: it can. */
export function clusterProblem(cluster: ClusterEntry): string | undefined {
  const { server, skipTLSVerify, tlsServerName, proxyUrl } = cluster;
  const protocol = protocolOf(server);
  if (protocol === undefined) return `says server ${quote(server)}, which is no URL: give https://HOST:PORT`;
  if (protocol !== "https:") {
    return `says server ${quote(server)}: give https, for whoever stands in for the API would rule this node`;
  }
  if (skipTLSVerify) {
    return "says insecure-skip-tls-verify: give certificate-authority instead; " +
      "whoever stands in for the API would rule this node";
  }
  if (tlsServerName) return "says tls-server-name, which this agent cannot: use that name as server";
  if (proxyUrl && !PROXIES.includes(protocolOf(proxyUrl) ?? "")) {
    return `says proxy-url ${quote(proxyUrl)}: give http://, https:// or socks5://HOST:PORT`;
  }
  return undefined;
}

function protocolOf(url: string): string | undefined {
  return URL.canParse(url) ? new URL(url).protocol : undefined;
}

/** What a user's entry came down to. */
export interface Granted {
  readonly ca: string | undefined;
  readonly cert: string | undefined;
  readonly key: string | undefined;
  /** The value of the header; undefined: none. */
  readonly authorization: string | undefined;
}

const CERTIFICATE = "-----BEGIN CERTIFICATE-----";
const KEY = /-----BEGIN [A-Z ]*PRIVATE KEY-----/;
/** What fetch takes as a header; its own error would show the token. */
const HEADER = /^[!-~]+ [!-~]+$/;

/** Why nobody would be let in by these; undefined: somebody may. Secrets are not shown. */
export function grantProblem({ ca, cert, key, authorization }: Granted): string | undefined {
  if (ca !== undefined && !ca.includes(CERTIFICATE)) return "certificate-authority holds no certificate";
  if (cert !== undefined && key === undefined) return "client-certificate is given without client-key";
  if (key !== undefined && cert === undefined) return "client-key is given without client-certificate";
  if (cert !== undefined && !cert.includes(CERTIFICATE)) return "client-certificate holds no certificate";
  if (key !== undefined && !KEY.test(key)) return "client-key holds no private key";
  if (authorization !== undefined && !HEADER.test(authorization)) {
    return "the token is empty, or holds what no token has (white space, a line break)";
  }
  if (cert === undefined && authorization === undefined) {
    return "there is no token, no certificate and no plugin: give one of them";
  }
  return undefined;
}
