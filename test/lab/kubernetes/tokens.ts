// Service account tokens signed by hand with the cluster's key: the API itself issues none for less than ten minutes.

import { Buffer } from "node:buffer";
import { createPrivateKey, sign } from "node:crypto";

/** The name of the cluster in its tokens. */
export const ISSUER = "https://kubernetes.default.svc";

/** The API server takes a token for a minute after its end: clocks differ. */
const LEEWAY_SECONDS = 60;

/** Whose token, and until when. */
export interface Claims {
  readonly namespace: string;
  readonly account: { readonly name: string; readonly uid: string };
  readonly node: { readonly name: string; readonly uid: string };
  /** Seconds from now until the API server refuses it. */
  readonly seconds: number;
}

/** A token bound to a node, as TokenRequest makes it. */
export function signToken(keyPem: string, { namespace, account, node, seconds }: Claims): string {
  const now = Math.floor(Date.now() / 1000);
  const exp = now + seconds - LEEWAY_SECONDS;
  const claims = {
    aud: [ISSUER],
    exp,
    iat: Math.min(now, exp) - 1,
    nbf: Math.min(now, exp) - 1,
    iss: ISSUER,
    sub: `system:serviceaccount:${namespace}:${account.name}`,
    "kubernetes.io": { namespace, node, serviceaccount: account },
  };
  const text = [{ alg: "ES256", typ: "JWT" }, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString("base64url")).join(".");
  const key = { key: createPrivateKey(keyPem), dsaEncoding: "ieee-p1363" } as const;
  return `${text}.${sign("sha256", Buffer.from(text), key).toString("base64url")}`;
}
