// Kubeconfigs as people have them: what is read of each, and the one line for each that is none. No API is asked.

import assert from "node:assert/strict";
import { shippedFlags } from "../../../core/shipped/flags.ts";
import { kubeconfigCredentials } from "./kubeconfig.ts";

const CA = "-----BEGIN CERTIFICATE-----\nCA\n-----END CERTIFICATE-----\n";
const CERT = "-----BEGIN CERTIFICATE-----\nCLIENT\n-----END CERTIFICATE-----\n";
const KEY = "-----BEGIN PRIVATE KEY-----\nKEY\n-----END PRIVATE KEY-----\n";
const API = "https://api.example:6443";
const BY_TOKEN = { token: "secret-token" };

type Json = Record<string, unknown>;

interface Config {
  readonly cluster?: Json;
  readonly user?: Json;
  /** In place of whole entries. */
  readonly rest?: Json;
}

function kubeconfig({ cluster = {}, user = BY_TOKEN, rest = {} }: Config = {}): string {
  return JSON.stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name: "home", cluster: { server: API, ...cluster } }],
    users: [{ name: "agent", user }],
    contexts: [{ name: "there", context: { cluster: "home", user: "agent", namespace: "network" } }],
    "current-context": "there",
    ...rest,
  });
}

/** A folder with these files, each a program where it says so. */
class Folder implements Disposable {
  readonly path = Deno.makeTempDirSync({ prefix: "kubeconfig-" });

  constructor(files: Readonly<Record<string, string>> = {}) {
    for (const [name, text] of Object.entries(files)) this.write(name, text);
  }

  write(name: string, text: string): string {
    const path = `${this.path}/${name}`;
    Deno.writeTextFileSync(path, text, { mode: text.startsWith("#!") ? 0o700 : 0o600 });
    return path;
  }

  [Symbol.dispose](): void {
    Deno.removeSync(this.path, { recursive: true });
  }
}

const FILES = {
  "ca.crt": CA,
  "agent.crt": CERT,
  "agent.key": KEY,
  token: "of-a-file\n",
  plugin: `#!/bin/sh
echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential","status":{"token":"of-a-plugin"}}'\n`,
  fails: "#!/bin/sh\necho log in first >&2\nexit 3\n",
};

const exec = (command: string) => ({
  exec: { apiVersion: "client.authentication.k8s.io/v1", command, interactiveMode: "Never" },
});
const bearer = (token: string) => ({ headers: { Authorization: `Bearer ${token}` } });

const good: Readonly<Record<string, readonly [config: (folder: string) => Config, access: Json]>> = {
  "a token": [() => ({}), { caCerts: [], ...bearer("secret-token") }],
  "a token and a CA in the file": [
    () => ({ cluster: { "certificate-authority-data": btoa(CA) } }),
    { caCerts: [CA], ...bearer("secret-token") },
  ],
  "a certificate in the file": [
    () => ({ user: { "client-certificate-data": btoa(CERT), "client-key-data": btoa(KEY) } }),
    { caCerts: [], pair: { cert: CERT, key: KEY }, headers: {} },
  ],
  "files beside it": [
    () => ({
      cluster: { "certificate-authority": "ca.crt" },
      user: { "client-certificate": "agent.crt", "client-key": "./agent.key" },
    }),
    { caCerts: [CA], pair: { cert: CERT, key: KEY }, headers: {} },
  ],
  "files elsewhere": [
    (folder) => ({ cluster: { "certificate-authority": `${folder}/ca.crt` } }),
    { caCerts: [CA], ...bearer("secret-token") },
  ],
  "a token in a file beside it": [() => ({ user: { tokenFile: "token" } }), {
    caCerts: [],
    ...bearer("of-a-file"),
  }],
  "a token in a file elsewhere, which counts before the one written down": [
    (folder) => ({ user: { ...BY_TOKEN, tokenFile: `${folder}/token` } }),
    { caCerts: [], ...bearer("of-a-file") },
  ],
  "a plugin": [(folder) => ({ user: exec(`${folder}/plugin`) }), { caCerts: [], ...bearer("of-a-plugin") }],
  "a name and a password": [
    () => ({ user: { username: "agent", password: "word" } }),
    { caCerts: [], headers: { Authorization: `Basic ${btoa("agent:word")}` } },
  ],
  "a proxy": [
    () => ({ cluster: { "proxy-url": "http://proxy.example:3128" } }),
    { caCerts: [], ...bearer("secret-token"), proxyUrl: "http://proxy.example:3128" },
  ],
};

for (const [what, [config, access]] of Object.entries(good)) {
  Deno.test(`a kubeconfig with ${what} is read`, async () => {
    using folder = new Folder(FILES);
    const path = folder.write("config", kubeconfig(config(folder.path)));
    const credentials = await kubeconfigCredentials([path]);
    assert.deepEqual(await credentials.read(), access);
    assert.deepEqual([credentials.server, credentials.identity, credentials.namespace], [
      API,
      `user agent of ${path}`,
      "network",
    ]);
  });
}

const bad: Readonly<Record<string, readonly [text: string | ((folder: string) => Config), error: RegExp]>> = {
  "an empty file": ["", /^Cannot read kubeconfig \S+\/config: it is empty$/],
  "bad YAML": ["clusters: [}\n", /^Cannot read kubeconfig \S+\/config: missed comma .*\(1:12\)$/],
  "something else": [
    "just words\n",
    /^Cannot read kubeconfig \S+\/config: it is no kubeconfig but "just words"$/,
  ],
  "a cluster without a server": [
    () => ({ rest: { clusters: [{ name: "home", cluster: {} }] } }),
    /^Cannot read kubeconfig \S+\/config: clusters\[0\]\.cluster\.server is missing$/,
  ],
  "no current-context": [
    () => ({ rest: { "current-context": "" } }),
    /^Kubeconfig \S+\/config says no current-context: kubectl config use-context NAME; it has there$/,
  ],
  "a missing context": [
    () => ({ rest: { "current-context": "elsewhere" } }),
    /^Kubeconfig \S+\/config has no context "elsewhere", which is its current one; it has there$/,
  ],
  "a missing cluster": [
    () => ({ rest: { clusters: [] } }),
    /has no cluster "home", which its context "there" asks for$/,
  ],
  "a missing user": [
    () => ({ rest: { users: [] } }),
    /has no user "agent", which its context "there" asks for$/,
  ],
  "http": [() => ({ cluster: { server: "http://api" } }), /says server "http:\/\/api": give https/],
  "insecure-skip-tls-verify": [
    () => ({ cluster: { "insecure-skip-tls-verify": true } }),
    /says insecure-skip-tls-verify: give certificate-authority instead/,
  ],
  "tls-server-name": [
    () => ({ cluster: { "tls-server-name": "api" } }),
    /says tls-server-name, which this agent cannot/,
  ],
  "a proxy of a kind that is not known": [
    () => ({ cluster: { "proxy-url": "ftp://p" } }),
    /says proxy-url "ftp:\/\/p"/,
  ],
  "a user without anything": [
    () => ({ user: {} }),
    /^Cannot get credentials of user agent of \S+\/config: there is no token, no certificate and no plugin/,
  ],
  "a CA file that is gone": [
    (folder) => ({ cluster: { "certificate-authority": `${folder}/gone.crt` } }),
    /^Cannot get credentials of user agent of \S+\/config: ENOENT.*\/gone\.crt'$/,
  ],
  "a CA that is not base64": [
    () => ({ cluster: { "certificate-authority-data": "%%%" } }),
    /certificate-authority holds no certificate$/,
  ],
  "a key without its certificate": [
    () => ({ user: { "client-key": "agent.key" } }),
    /without client-certificate$/,
  ],
  "a token file that is gone": [
    () => ({ user: { tokenFile: "gone" } }),
    /^Cannot get credentials of user agent of \S+\/config: tokenFile \S+\/gone does not exist$/,
  ],
  "a plugin that fails": [
    (folder) => ({ user: exec(`${folder}/fails`) }),
    /^Cannot get credentials of user agent of \S+\/config: its plugin \S+\/fails: log in first$/,
  ],
  "a plugin that is gone": [
    (folder) => ({ user: exec(`${folder}/none`) }),
    /its plugin \S+\/none: spawn .* ENOENT$/,
  ],
};

for (const [what, [config, error]] of Object.entries(bad)) {
  Deno.test(`a kubeconfig with ${what} is refused by one clear line`, async () => {
    using folder = new Folder(FILES);
    const text = typeof config === "string" ? config : kubeconfig(config(folder.path));
    const path = folder.write("config", text);
    await assert.rejects(kubeconfigCredentials([path]), ({ message }: Error) => {
      assert.match(message, error);
      assert.doesNotMatch(message, /\n|secret-token|PRIVATE KEY/);
      return true;
    });
  });
}

Deno.test("of several files the first that says something counts, and one that is not there is left out", async () => {
  using folder = new Folder();
  const chosen = { "current-context": "there", clusters: [], users: [], contexts: [] };
  const first = folder.write("first", JSON.stringify(chosen));
  const second = folder.write("second", kubeconfig());
  const third = folder.write(
    "third",
    kubeconfig({ cluster: { server: "https://other" }, user: { token: "other" } }),
  );
  const credentials = await kubeconfigCredentials([`${folder.path}/gone`, first, second, third]);
  assert.equal(credentials.server, API);
  assert.equal(credentials.identity, `user agent of ${first}:${second}:${third}`);
  assert.deepEqual((await credentials.read()).headers, bearer("secret-token").headers);
  const gone = [`${folder.path}/gone`, `${folder.path}/too`];
  await assert.rejects(
    kubeconfigCredentials(gone),
    /^Error: Cannot read kubeconfig \S+\/gone:\S+\/too: it does not exist$/,
  );
  await assert.rejects(
    kubeconfigCredentials([folder.path]),
    /^Error: Cannot read kubeconfig \S+: .*directory/,
  );
});

Deno.test("a token file is read again when its token was refused, and once a minute; the same access keeps its identity", async () => {
  using folder = new Folder({ token: "old" });
  const path = folder.write("config", kubeconfig({ user: { tokenFile: "token" } }));
  const { read } = await kubeconfigCredentials([path]);
  const before = await read();
  assert.equal(await read("refused"), before);
  folder.write("token", "new");
  assert.equal(await read(), before, "not yet");
  assert.deepEqual((await read("refused")).headers, bearer("new").headers);
  folder.write("token", "newest");
  await aMinuteLater(async () => assert.deepEqual((await read()).headers, bearer("newest").headers));
});

Deno.test("a kubeconfig that is half-written keeps what it said; that is told only where it was refused", async () => {
  using folder = new Folder();
  const path = folder.write("config", kubeconfig());
  const { read } = await kubeconfigCredentials([path]);
  const before = await read();
  folder.write("config", kubeconfig().slice(0, 100));
  await aMinuteLater(async () => assert.equal(await read(), before));
  await assert.rejects(read("refused"), /Cannot read kubeconfig/);
  folder.write("config", kubeconfig({ user: { token: "mended" } }));
  assert.deepEqual((await read("refused")).headers, bearer("mended").headers);
});

async function aMinuteLater(act: () => Promise<void>): Promise<void> {
  const { now } = performance;
  performance.now = () => now.call(performance) + 61_000;
  try {
    await act();
  } finally {
    performance.now = now;
  }
}

Deno.test("as shipped a plugin may not be started, and the line says what to use instead", async () => {
  using folder = new Folder(FILES);
  const path = folder.write("config", kubeconfig({ user: exec(`${folder.path}/plugin`) }));
  const main = new URL("../../../../main.ts", import.meta.url).pathname;
  const { code, stderr } = await new Deno.Command(Deno.execPath(), {
    args: [
      "run",
      "--cached-only",
      ...shippedFlags(),
      main,
      "render",
      "--node-name=n1",
      `--kubeconfig=${path}`,
    ],
    env: { NO_COLOR: "1" },
  }).output();
  assert.equal(code, 1);
  const lines = new TextDecoder().decode(stderr).trim().split("\n");
  assert.match(
    lines.at(-1)!,
    /its plugin \S+\/plugin: it may not be started: .*; use a token or a certificate/,
  );
});
