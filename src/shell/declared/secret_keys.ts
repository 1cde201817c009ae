// Keys of Secrets of the one namespace that settings name: read by name, never listed, once a minute, and kept in files of memory
// for wg to read. They are gone with a restart of the host.

import type { Wanted } from "../../core/declared/want/want_interfaces.ts";
import {
  keyIn,
  type KnownSecret,
  type KnownSecrets,
  markOf,
  secretFile,
  type SecretId,
} from "../../core/declared/want/secrets.ts";
import { fieldsOf } from "../../core/kubernetes/fields.ts";
import { removeFile, RUN_FOLDER, writeAtomically } from "../files.ts";
import { publicKeyOf } from "../key_file.ts";
import type { ApiClient, Reply } from "../sources/kubernetes/api_client.ts";

/** Where they stand. */
export const SECRET_FOLDER = `${RUN_FOLDER}/declared`;
const FRESH_MS = 60_000;
const RETRY_MS = 10_000;

/** What the reader needs. */
export interface SecretKeysOptions {
  readonly client: Pick<ApiClient, "request">;
  readonly namespace: string;
  readonly onChange: () => void;
}

/** Secrets that somebody asks for. */
export class SecretKeys {
  #known = new Map<SecretId, KnownSecret>();
  #wanted: ReadonlySet<SecretId> = new Set();
  #notBeforeMs = -Infinity;
  #isBusy = false;

  constructor(private readonly options: SecretKeysOptions) {}

  /** What is known of them. */
  get known(): KnownSecrets {
    return this.#known;
  }

  /** Looks at those that are wanted, when they are others than before, and when their time has come. Not waited for. */
  want({ interfaces }: Wanted): void {
    const wanted = new Set(
      interfaces.flatMap(({ link }) =>
        link.kind === "wireguard"
          ? [link.secret, ...link.peers.map((peer) => peer.presharedSecret)].filter((it) => it !== undefined)
          : []
      ),
    );
    const isSame = wanted.size === this.#wanted.size && wanted.isSubsetOf(this.#wanted);
    if (this.#isBusy || wanted.size === 0 && this.#known.size === 0) return;
    if (isSame && performance.now() < this.#notBeforeMs) return;
    this.#wanted = wanted;
    this.#isBusy = true;
    this.#read(wanted).finally(() => this.#isBusy = false);
  }

  async #read(wanted: ReadonlySet<SecretId>): Promise<void> {
    const answers = new Map<string, Promise<Reply | Error>>();
    const known = new Map<SecretId, KnownSecret>();
    for (const id of wanted) {
      const name = id.slice(0, id.lastIndexOf("/"));
      const answer = answers.get(name) ?? this.#ask(name);
      answers.set(name, answer);
      known.set(id, await this.#take(id, await answer));
    }
    const read = [...known].filter(([, it]) => "path" in it);
    await removeOthers(new Set(read.map(([id]) => secretFile(id))));
    const isSame = JSON.stringify([...known]) === JSON.stringify([...this.#known]);
    this.#known = known;
    this.#notBeforeMs = performance.now() +
      (read.length === known.size ? FRESH_MS : RETRY_MS) * (1 + Math.random() / 4);
    if (!isSame) this.options.onChange();
  }

  async #ask(name: string): Promise<Reply | Error> {
    const path = `/api/v1/namespaces/${this.options.namespace}/secrets/${name}`;
    return await this.options.client.request({ method: "GET", path }).catch((error: Error) => error);
  }

  async #take(id: SecretId, answer: Reply | Error): Promise<KnownSecret> {
    const { namespace } = this.options;
    const last = this.#known.get(id);
    // Out of reach is no reason to doubt what was read.
    if (answer instanceof Error || answer.status >= 500 || answer.status === 429) {
      return last ?? { reason: "the API server does not answer for it" };
    }
    if (answer.status === 404) return { reason: `there is none of that name in namespace ${namespace}` };
    if (answer.status !== 200) {
      const { message } = fieldsOf(answer.body);
      return {
        reason: `the API server answered ${answer.status}${
          typeof message === "string" ? `: ${message}` : ""
        }`,
      };
    }
    const found = keyIn(answer.body, id.slice(id.lastIndexOf("/") + 1));
    if ("reason" in found) return found;
    const path = `${SECRET_FOLDER}/${secretFile(id)}`;
    try {
      // Each time: nobody else looks whether it is still there.
      await writeAtomically(path, found.text, 0o600);
      return { path, mark: markOf(found.text), publicKey: await publicKeyOf(found.text) };
    } catch (error) {
      return { reason: `its file cannot be written: ${(error as Error).message}` };
    }
  }
}

/** What nobody asks for any more, also of an agent before this one. */
async function removeOthers(wanted: ReadonlySet<string>): Promise<void> {
  for (const { name } of await Array.fromAsync(Deno.readDir(SECRET_FOLDER)).catch(() => [])) {
    if (!wanted.has(name)) await removeFile(`${SECRET_FOLDER}/${name}`).catch(() => {});
  }
}
