// The keys and certificates of a cluster of the laboratory, by openssl, as files in one folder: a CA, the API server's,
// an administrator's and the key that signs service account tokens.

import { run } from "../process.ts";

const DAYS = "2";

/** Writes all files of a cluster whose API server has these addresses. */
export async function makeCertificates(folder: string, addresses: readonly string[]): Promise<void> {
  await makeAuthority(folder);
  await makeKey(`${folder}/accounts.key`);
  await run([
    "openssl",
    "pkey",
    "-in",
    `${folder}/accounts.key`,
    "-pubout",
    "-out",
    `${folder}/accounts.pub`,
  ]);
  await makeServer(folder, addresses);
  // The one group that may do everything without any role.
  await makeClient(folder, "admin", "/O=system:masters/CN=admin");
}

/** Makes `server.crt` and `server.key`, of an API server with these addresses. */
export async function makeServer(folder: string, addresses: readonly string[]): Promise<void> {
  const names = [
    ...addresses.map((address) => `IP:${address}`),
    "IP:127.0.0.1",
    "DNS:kubernetes.default.svc",
  ];
  await issue(folder, "server", [
    "/CN=kube-apiserver",
    `subjectAltName=${names.join(",")}`,
    "extendedKeyUsage=serverAuth",
  ]);
}

/** Makes the certificate and the key of a user: the subject's CN, and its groups, O. */
export async function makeClient(folder: string, name: string, subject: string): Promise<void> {
  await issue(folder, name, [subject, "extendedKeyUsage=clientAuth"]);
}

/** Makes `ca.crt` and `ca.key`. A folder of its own with one of these has a CA that nobody's server belongs to. */
export async function makeAuthority(folder: string, subject = "/CN=laboratory"): Promise<void> {
  await Deno.mkdir(folder, { recursive: true });
  await makeKey(`${folder}/ca.key`);
  const constraints = [
    "-addext",
    "basicConstraints=critical,CA:TRUE",
    "-addext",
    "keyUsage=critical,keyCertSign",
  ];
  await run([
    ...["openssl", "req", "-x509", "-new", "-key", `${folder}/ca.key`, "-days", DAYS],
    ...["-subj", subject, ...constraints, "-out", `${folder}/ca.crt`],
  ]);
}

async function makeKey(path: string): Promise<void> {
  await run(["openssl", "genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", path]);
}

/** A certificate of the folder's CA: its subject, then its extensions. */
async function issue(
  folder: string,
  name: string,
  [subject, ...extensions]: readonly string[],
): Promise<void> {
  const path = `${folder}/${name}`;
  await makeKey(`${path}.key`);
  await run(["openssl", "req", "-new", "-key", `${path}.key`, "-subj", subject!, "-out", `${path}.csr`]);
  await Deno.writeTextFile(`${path}.ext`, extensions.join("\n"));
  await run([
    ...["openssl", "x509", "-req", "-in", `${path}.csr`, "-days", DAYS, "-extfile", `${path}.ext`],
    ...["-CA", `${folder}/ca.crt`, "-CAkey", `${folder}/ca.key`, "-CAcreateserial", "-out", `${path}.crt`],
  ]);
}
