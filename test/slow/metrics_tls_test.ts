// Metrics by TLS and mutual TLS, asked by curl with certificates of openssl: who is served, who is not, and what a
// certificate that changes costs.

import assert from "node:assert/strict";
import { Certificates, install, type Pair, replace } from "../lab/certificates.ts";
import { Lab } from "../lab/lab.ts";
import type { Node } from "../lab/node.ts";
import type { Output } from "../lab/process.ts";
import { until } from "../lab/until.ts";

const URL_HERE = "https://127.0.0.1:9091/healthz";

interface Tls {
  readonly lab: Lab;
  readonly node: Node;
  readonly made: Certificates;
  readonly ca: Pair;
  /** Where the agent reads its own, and whose clients it serves. */
  readonly used: Pair;
  readonly clientCa: string;
}

async function prepareTls(): Promise<Tls> {
  const lab = await Lab.create({ nodes: 1 });
  const [node] = lab.nodes as [Node];
  const folder = `${lab.folder}/tls`;
  await Deno.mkdir(folder);
  const made = new Certificates(folder);
  const ca = await made.authority("ca");
  const used = { cert: `${folder}/used.crt`, key: `${folder}/used.key` };
  await install(await made.server("first", ca), used);
  const clientCa = `${folder}/clients.pem`;
  await replace(clientCa, await Deno.readTextFile(ca.cert));
  return { lab, node, made, ca, used, clientCa };
}

function settingsOf({ used }: Tls): Record<string, string> {
  return {
    "enable-metrics": "1",
    "metrics-bind-addr": ":9091",
    "metrics-tls-cert-file": used.cert,
    "metrics-tls-key-file": used.key,
  };
}

function ask({ node, ca }: Tls, client?: Pair, ...args: readonly string[]): Promise<Output> {
  const shown = client === undefined ? [] : ["--cert", client.cert, "--key", client.key];
  return node.attempt(["curl", "-sS", "-m", "10", "--cacert", ca.cert, ...shown, ...args, URL_HERE]);
}

/** The subject of the certificate that the agent shows. */
async function subjectOf({ node }: Tls): Promise<string> {
  const { stdout } = await node.attempt(["openssl", "s_client", "-connect", "127.0.0.1:9091"], { stdin: "" });
  return /subject=CN = (\S+)/.exec(stdout)?.[1] ?? stdout;
}

/** Asks again and again; tells in the end what went wrong. */
function scrapeOn(tls: Tls): { end(): Promise<string[]> } {
  let isOver = false;
  const failures: string[] = [];
  const scraping = (async () => {
    while (!isOver) {
      const { stdout, stderr } = await ask(tls);
      if (stdout !== "ok\n") failures.push(stderr);
    }
  })();
  return {
    end: async () => {
      isOver = true;
      await scraping;
      return failures;
    },
  };
}

Deno.test("by TLS everybody is served who asks by TLS, by 1.2 and 1.3, IPv4 and IPv6", async () => {
  const tls = await prepareTls();
  await using _lab = tls.lab;
  tls.node.startAgent({ settings: settingsOf(tls) });
  await tls.node.inSync();
  for (const version of ["1.2", "1.3"]) {
    const { stdout, stderr } = await ask(tls, undefined, `--tlsv${version}`, "--tls-max", version);
    assert.equal(stdout, "ok\n", stderr);
  }
  assert.notEqual((await ask(tls, undefined, "--tls-max", "1.1")).code, 0);
  const six = ["curl", "-sS", "-g", "--cacert", tls.ca.cert, "https://[::1]:9091/metrics"];
  assert.match((await tls.node.attempt(six)).stdout, /^wigglenet_ready 1$/m);
  const plain = await tls.node.attempt(["curl", "-s", "-m", "5", "http://127.0.0.1:9091/metrics"]);
  assert.deepEqual([plain.code === 0, plain.stdout.includes("wigglenet")], [false, false]);
});

Deno.test("by mutual TLS only clients of the authority are served, intermediate ones included", async () => {
  const tls = await prepareTls();
  await using _lab = tls.lab;
  const { node, made, ca, clientCa } = tls;
  node.startAgent({ settings: { ...settingsOf(tls), "metrics-tls-client-ca-file": clientCa } });
  await node.inSync();
  const client = await made.client("client", ca);
  const between = await made.authority("between", ca);
  const second = await made.client("second", between);
  await install(second, second, between);
  for (const good of [client, second]) {
    const { stdout, stderr } = await ask(tls, good);
    assert.equal(stdout, "ok\n", stderr);
    assert.equal((await ask(tls, good, "--tls-max", "1.2")).stdout, "ok\n");
  }
  const foreign = await made.authority("foreign");
  await Deno.mkdir(`${made.folder}/imposters`);
  const imposters = new Certificates(`${made.folder}/imposters`);
  const bad: Readonly<Record<string, Pair | undefined>> = {
    "without a certificate": undefined,
    "of another authority": await made.client("stranger", foreign),
    "signed by itself": foreign,
    "of an authority of the same name": await imposters.client("imposter", await imposters.authority("ca")),
    "that is over": await made.client("expired", ca, -1),
    "for servers only": await made.server("server-as-client", ca),
  };
  for (const [what, pair] of Object.entries(bad)) {
    for (const version of ["1.2", "1.3"]) {
      const { code, stdout } = await ask(tls, pair, "--tls-max", version);
      assert.notEqual(code, 0, `${what}, TLS ${version}`);
      assert.equal(stdout, "", `${what}, TLS ${version}`);
    }
  }
  assert.equal((await ask(tls, client)).stdout, "ok\n");
  assert.deepEqual(node.agent!.stderr.filter((line) => / (warn|error) /.test(line)), []);
});

Deno.test("new certificates are taken in, and no scrape is refused meanwhile; a broken pair keeps the last one", async () => {
  const tls = await prepareTls();
  await using _lab = tls.lab;
  const { node, made, ca, used } = tls;
  const agent = node.startAgent({ settings: settingsOf(tls) });
  await node.inSync();
  assert.equal(await subjectOf(tls), "first");
  const socket = async () => (await node.run(["ss", "-Hltne", "sport = :9091"])).trim();
  const listener = await socket();

  const scraping = scrapeOn(tls);
  const second = await made.server("second", ca);
  await replace(used.key, await Deno.readTextFile(second.key));
  await until(
    "the broken pair to be told",
    () => agent.stderr.some((line) => /error metrics: the new/.test(line)),
  );
  const told = agent.stderr.find((line) => /error metrics/.test(line))!;
  assert.match(
    told,
    /new certificates are not taken, the last ones stay: \S+used\.key is not the key of \S+used\.crt$/,
  );
  assert.equal(await subjectOf(tls), "first");
  assert.equal((await node.status())!.waiting[0]!.what, "metrics");
  await replace(used.cert, await Deno.readTextFile(second.cert));
  await until("the second certificate", async () => await subjectOf(tls) === "second");
  assert.deepEqual((await node.status())!.waiting, []);

  for (
    const [text, why] of [["", "holds no certificate in PEM"], [
      "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
      "cannot be read",
    ]] as const
  ) {
    await replace(used.cert, text);
    await until(`told that it ${why}`, () => agent.stderr.some((line) => line.includes(why)));
  }
  await Deno.remove(used.key);
  await install(await made.server("third", ca), used);
  await until("the third certificate", async () => await subjectOf(tls) === "third");
  assert.deepEqual(await scraping.end(), []);
  assert.equal(await socket(), listener, "the socket is the same all the time");
});

Deno.test("a new authority shuts out the clients of the last one, an empty one is not taken", async () => {
  const tls = await prepareTls();
  await using _lab = tls.lab;
  const { node, made, ca, clientCa } = tls;
  const agent = node.startAgent({ settings: { ...settingsOf(tls), "metrics-tls-client-ca-file": clientCa } });
  await node.inSync();
  const before = await made.client("before", ca);
  const next = await made.authority("next");
  const after = await made.client("after", next);
  const session = `${tls.lab.folder}/session.pem`;
  const shown = ["-connect", "127.0.0.1:9091", "-CAfile", ca.cert, "-cert", before.cert, "-key", before.key];
  // The server sends sessions after the handshake: who closes at once has none.
  const request = "sleep 0.5; printf 'GET /healthz HTTP/1.0\\r\\n\\r\\n'; sleep 0.5";
  const client = async (...more: readonly string[]) => {
    const words = ["openssl", "s_client", ...shown, ...more, "-ign_eof"].join(" ");
    return (await node.attempt(["bash", "-c", `(${request}) | ${words}`])).stdout;
  };
  assert.match(await client("-sess_out", session), /^New, [\s\S]*^ok$/m);
  assert.match(await client("-sess_in", session), /^Reused, [\s\S]*^ok$/m, "while its authority is there");
  assert.equal((await ask(tls, before)).stdout, "ok\n");
  assert.notEqual((await ask(tls, after)).code, 0);

  await replace(clientCa, "");
  await until(
    "the empty file to be told",
    () => agent.stderr.some((line) => /clients\.pem holds no certificate/.test(line)),
  );
  assert.equal((await ask(tls, before)).stdout, "ok\n");

  await replace(clientCa, await Deno.readTextFile(next.cert));
  await until("the new authority", async () => (await ask(tls, after)).stdout === "ok\n");
  const { code, stdout } = await ask(tls, before);
  assert.deepEqual([code === 0, stdout], [false, ""]);
  const resumed = await client("-sess_in", session);
  assert.match(resumed, /^Reused, /m);
  assert.doesNotMatch(resumed, /^ok$/m, "a session of before is no way in");
});

Deno.test("certificates that are not there yet cost the data plane nothing, and are never replaced by plain HTTP", async () => {
  const tls = await prepareTls();
  await using _lab = tls.lab;
  const { node, made, ca, used } = tls;
  await Deno.remove(used.cert);
  const check = await node.runAgent({ verb: "check", settings: settingsOf(tls) });
  assert.match(
    check.stdout,
    /^warning: metrics cannot be served: \S+used\.crt cannot be read: it is not there/m,
  );
  const agent = node.startAgent({ settings: settingsOf(tls) });
  await node.inSync();
  assert.ok(
    agent.stderr.some((line) =>
      /error metrics: cannot serve on :9091: \S+used\.crt cannot be read: it is not there/.test(line)
    ),
  );
  assert.equal((await node.run(["ss", "-Hltn", "sport = :9091"])).trim(), "");
  await install(await made.server("late", ca), used);
  await until("it to be served", async () => (await ask(tls)).stdout === "ok\n", { deadlineMs: 40_000 });
});
