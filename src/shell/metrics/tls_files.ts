// Certificate, key and client authorities of the metrics' server: read together, believed only when they fit together,
// looked at again every few seconds. Deno's setSecureContext (2.9.6) takes a key of another certificate, and junk.

import { createPrivateKey, X509Certificate } from "node:crypto";
import type { GivenSettings } from "../../core/settings/settings.ts";
import { readText } from "../files.ts";
import { stampOf } from "../sources/file_content.ts";

/** What a TLS server is made from. */
export interface TlsMaterial {
  readonly cert: string;
  readonly key: string;
  /** Whose clients are served; undefined: everybody's. */
  readonly ca: string | undefined;
}

const MAX_BYTES = 1 << 20;
const CERTIFICATE = /-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g;

/**
 * Reads all that the settings name.
 * @throws Error that names the file and what is wrong with it
 */
export async function readTls(settings: GivenSettings): Promise<TlsMaterial> {
  const cert = await read(settings.metricsCertFile);
  const key = await read(settings.metricsKeyFile);
  const ca = settings.metricsClientCaFile === "" ? undefined : await read(settings.metricsClientCaFile);
  const [leaf] = certificatesIn(cert, settings.metricsCertFile);
  if (ca !== undefined) certificatesIn(ca, settings.metricsClientCaFile);
  if (!leaf!.checkPrivateKey(privateKeyIn(key, settings.metricsKeyFile))) {
    throw new Error(`${settings.metricsKeyFile} is not the key of ${settings.metricsCertFile}`);
  }
  return { cert, key, ca };
}

async function read(path: string): Promise<string> {
  const info = await Deno.stat(path).catch((error) => {
    throw new Error(`${path} cannot be read: ${reasonOf(error)}`, { cause: error });
  });
  if (!info.isFile || info.size > MAX_BYTES) throw new Error(`${path} is no file of at most 1 MB`);
  const text = await readText(path);
  if (text === undefined) throw new Error(`${path} is not there`);
  return text;
}

function reasonOf(error: unknown): string {
  return error instanceof Deno.errors.NotFound ? "it is not there" : (error as Error).message;
}

/** At least one: with an empty list of authorities some TLS servers believe those of the system. */
function certificatesIn(pem: string, path: string): X509Certificate[] {
  const blocks = pem.match(CERTIFICATE) ?? [];
  if (blocks.length === 0) throw new Error(`${path} holds no certificate in PEM`);
  return blocks.map((block, i) => {
    try {
      return new X509Certificate(block);
    } catch (cause) {
      throw new Error(`${path} has a certificate that cannot be read, number ${i + 1}`, { cause });
    }
  });
}

/** The message of what fails is not repeated: it may hold parts of the key. */
function privateKeyIn(pem: string, path: string): ReturnType<typeof createPrivateKey> {
  try {
    return createPrivateKey(pem);
  } catch {
    throw new Error(`${path} holds no private key in PEM that can be read without a password`);
  }
}

/** Changes when one of the files does, also where a link leads elsewhere. */
export async function tlsStamp(settings: GivenSettings): Promise<string> {
  const paths = [settings.metricsCertFile, settings.metricsKeyFile, settings.metricsClientCaFile];
  const stamps = paths.filter((path) => path !== "").map((path) =>
    Deno.stat(path).then(stampOf, () => "not there")
  );
  return (await Promise.all(stamps)).join(" ");
}
