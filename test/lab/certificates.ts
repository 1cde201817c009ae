// Certificates for tests, made by openssl: authorities, servers, clients, chains, expired ones.

import { run } from "./process.ts";

/** Paths of a certificate and its key, PEM. */
export interface Pair {
  readonly cert: string;
  readonly key: string;
}

/** A folder of certificates. */
export class Certificates {
  constructor(readonly folder: string) {}

  /** An authority of its own, or one below another. */
  async authority(name: string, above?: Pair): Promise<Pair> {
    return await this.#make(name, "basicConstraints=critical,CA:TRUE\nkeyUsage=keyCertSign", { above });
  }

  /** A server at 127.0.0.1 and ::1. */
  async server(name: string, above: Pair): Promise<Pair> {
    const extensions = "subjectAltName=IP:127.0.0.1,IP:::1\nextendedKeyUsage=serverAuth";
    return await this.#make(name, extensions, { above });
  }

  /** @param days how long it is valid; a negative number: it is not */
  async client(name: string, above: Pair, days = 2): Promise<Pair> {
    return await this.#make(name, "extendedKeyUsage=clientAuth", { above, days });
  }

  async #make(
    name: string,
    extensions: string,
    { above, days = 2 }: { above?: Pair | undefined; days?: number },
  ): Promise<Pair> {
    const [cert, key] = [`${this.folder}/${name}.crt`, `${this.folder}/${name}.key`];
    const curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"];
    const request = `${this.folder}/${name}.csr`;
    await run(["openssl", "req", ...curve, "-keyout", key, "-out", request, "-subj", `/CN=${name}`]);
    await Deno.writeTextFile(`${this.folder}/${name}.ext`, `${extensions}\n`);
    const signed = above === undefined
      ? ["-signkey", key]
      : ["-CA", above.cert, "-CAkey", above.key, "-CAcreateserial"];
    const extra = ["-days", `${days}`, "-extfile", `${this.folder}/${name}.ext`];
    await run(["openssl", "x509", "-req", "-in", request, "-out", cert, ...signed, ...extra]);
    return { cert, key };
  }
}

/** Puts a pair, and the certificates between it and its authority, in the place of another, by renaming. */
export async function install(from: Pair, to: Pair, ...between: readonly Pair[]): Promise<void> {
  const texts = await Promise.all([from, ...between].map(({ cert }) => Deno.readTextFile(cert)));
  await replace(to.cert, texts.join(""));
  await replace(to.key, await Deno.readTextFile(from.key));
}

/** Replaces a file at once. */
export async function replace(path: string, text: string): Promise<void> {
  await Deno.writeTextFile(`${path}.new`, text);
  await Deno.rename(`${path}.new`, path);
}
