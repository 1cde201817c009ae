// Keys of Secrets of the one namespace that settings name: each read by its name once a minute, never listed, and kept in a file of memory
// for wg to read. They are gone with a restart of the host, or of the agent.

import type { Wanted } from "../../core/declared/want/want_interfaces.ts";
import {
  keyIn,
  type KnownSecret,
  type KnownSecrets,
  markOf,
  secretFile,
  type SecretId,
} from "../../core/declared/want/secrets.ts";
import { sha256 } from "../../core/policy/sha256.ts";
import type { GivenSettings } from "../../core/settings/settings.ts";
import { fieldsOf } from "../../core/kubernetes/fields.ts";
import { pauseMs } from "../../core/kubernetes/retry.ts";
import { removeFile, RUN_FOLDER, writeAtomically } from "../files.ts";
import { publicKeyOf, reasonIn } from "../key_file.ts";
import type { ApiClient, Reply } from "../sources/kubernetes/api_client.ts";

/**
 * Where they stand: the folder above may be shared with agents of other network namespaces, whose settings say another node,
 * interface or path.
 */
export function secretFolder(
  { nodeName, interfaceName, privateKeyPath }: Pick<
    GivenSettings,
    "nodeName" | "interfaceName" | "privateKeyPath"
  >,
): string {
  const whose = JSON.stringify([nodeName, interfaceName, privateKeyPath]);
  return `${RUN_FOLDER}/${SECRETS}${sha256(whose).subarray(0, 6).toHex()}`;
}

/** Those of all agents that have ever run. */
export async function secretFolders(): Promise<string[]> {
  const found = await Array.fromAsync(Deno.readDir(RUN_FOLDER)).catch(() => []);
  return found.filter(({ name }) => name.startsWith(SECRETS)).map(({ name }) => `${RUN_FOLDER}/${name}`);
}

const SECRETS = "secrets-";
const FRESH_MS = 60_000;
/** Of each node: 20 questions a second of a cluster in which none may ask. */
const RETRY_MS_A_NODE = 50;

/** What the reader needs. */
export interface SecretKeysOptions {
  readonly client: Pick<ApiClient, "request">;
  readonly namespace: string;
  readonly folder: string;
  /** How many there are. */
  readonly nodes: () => number;
  readonly onChange: () => void;
}

/** When a Secret is to be read again. */
interface Due {
  readonly atMs: number;
  /** In a row: it gave no key. */
  readonly failures: number;
}

/** Secrets that somebody asks for. */
export class SecretKeys {
  #known: ReadonlyMap<SecretId, KnownSecret> = new Map();
  #wanted: ReadonlySet<SecretId> = new Set();
  /** Those of private keys of plans. */
  #awaited: ReadonlySet<SecretId> = new Set();
  readonly #due = new Map<string, Due>();
  #isBusy = false;

  constructor(private readonly options: SecretKeysOptions) {}

  /** What is known of them. */
  get known(): KnownSecrets {
    return this.#known;
  }

  /** Those that others wait for were looked at, whatever came of it: a plan's nodes go by the keys that are told. */
  get isSettled(): boolean {
    return this.#awaited.values().every((id) => this.#known.has(id));
  }

  /** Looks at those that are new, or whose time has come. Not waited for. */
  want({ interfaces }: Wanted): void {
    const wireguard = interfaces.flatMap(({ owner, link }) =>
      link.kind === "wireguard" ? { owner, link } : []
    );
    this.#awaited = new Set(
      wireguard.flatMap(({ owner, link }) => owner.kind === "WireGuardNetworkPlan" ? link.secret ?? [] : []),
    );
    const asked = wireguard.flatMap(({ link }) => [
      link.secret,
      ...link.peers.map((peer) => peer.presharedSecret),
    ]);
    // In this order they are read.
    this.#wanted = new Set([...this.#awaited, ...asked.filter((it) => it !== undefined)]);
    const isSurplus = this.#known.keys().some((id) => !this.#wanted.has(id));
    const nowMs = performance.now();
    const isDue = ([name, ids]: readonly [string, readonly SecretId[]]) =>
      (this.#due.get(name)?.atMs ?? 0) <= nowMs || ids.some((id) => !this.#known.has(id));
    const due = [...byName(this.#wanted)].filter(isDue);
    if (this.#isBusy || due.length === 0 && !isSurplus) return;
    this.#isBusy = true;
    this.#work(due, isSurplus).finally(() => this.#isBusy = false);
  }

  async #work(due: readonly (readonly [string, readonly SecretId[]])[], isSurplus: boolean): Promise<void> {
    if (isSurplus) await this.#forget();
    for (const [name, ids] of due) await this.#read(name, ids);
  }

  async #forget(): Promise<void> {
    const gone = this.#known.keys().filter((id) => !this.#wanted.has(id)).toArray();
    this.#known = new Map(this.#known.entries().filter(([id]) => this.#wanted.has(id)));
    for (const id of gone) await removeFile(this.#pathOf(id)).catch(() => {});
    const left = byName(this.#wanted);
    for (const name of this.#due.keys()) if (!left.has(name)) this.#due.delete(name);
  }

  async #read(name: string, ids: readonly SecretId[]): Promise<void> {
    const answer = await this.#ask(name);
    const isSame = [];
    for (const id of ids) {
      const taken = await this.#take(id, answer);
      isSame.push(JSON.stringify(taken) === JSON.stringify(this.#known.get(id)));
      this.#known = new Map(this.#known).set(id, taken);
    }
    const isGood = !(answer instanceof Error) && answer.status === 200 &&
      ids.every((id) => "path" in this.#known.get(id)!);
    const failures = isGood ? 0 : (this.#due.get(name)?.failures ?? 0) + 1;
    // Who applies an object first and its Secret minutes later waits for no more than a minute.
    const retryMs = Math.max(Math.min(FRESH_MS, pauseMs(failures)), this.options.nodes() * RETRY_MS_A_NODE);
    const waitMs = isGood ? FRESH_MS : retryMs;
    this.#due.set(name, { atMs: performance.now() + waitMs * (1 + Math.random() / 4), failures });
    if (isSame.includes(false)) this.options.onChange();
  }

  #pathOf(id: SecretId): string {
    return `${this.options.folder}/${secretFile(id)}`;
  }

  async #ask(name: string): Promise<Reply | Error> {
    const path = `/api/v1/namespaces/${this.options.namespace}/secrets/${name}`;
    return await this.options.client.request({ method: "GET", path }).catch((error: Error) => error);
  }

  async #take(id: SecretId, answer: Reply | Error): Promise<KnownSecret> {
    const { namespace } = this.options;
    const last = this.#known.get(id);
    // Out of reach, or refused as by an API server that has just begun, is no reason to doubt what was read.
    const isAnswered = !(answer instanceof Error) && [200, 404].includes(answer.status);
    if (!isAnswered && last !== undefined && "path" in last) return last;
    if (answer instanceof Error) return { reason: "the API server does not answer for it" };
    if (answer.status === 404) return { reason: `there is none of that name in namespace ${namespace}` };
    if (answer.status !== 200) return { reason: refusalOf(answer) };
    const found = keyIn(answer.body, id.slice(id.lastIndexOf("/") + 1));
    if ("reason" in found) return found;
    const path = this.#pathOf(id);
    try {
      // Each time: nobody else looks whether it is still there.
      await writeAtomically(path, found.text, 0o600);
      return { path, mark: markOf(found.text), publicKey: await publicKeyOf(found.text) };
    } catch (error) {
      return { reason: `its file cannot be written: ${reasonIn(error)}` };
    }
  }
}

function refusalOf({ status, body }: Reply): string {
  const { message } = fieldsOf(body);
  return `the API server answered ${status}${typeof message === "string" ? `: ${message}` : ""}`;
}

function byName(ids: ReadonlySet<SecretId>): ReadonlyMap<string, readonly SecretId[]> {
  return Map.groupBy(ids, (id) => id.slice(0, id.lastIndexOf("/")));
}
