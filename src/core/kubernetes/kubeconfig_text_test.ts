import assert from "node:assert/strict";
import { Refusal, refused } from "../net/refusal.ts";
import {
  type ClusterEntry,
  clusterProblem,
  type Granted,
  grantProblem,
  parseKubeconfig,
} from "./kubeconfig_text.ts";

const refusals: readonly [what: string, text: string, reason: RegExp][] = [
  ["an empty file", " \n", /^it is empty$/],
  ["broken YAML", "clusters: [}\n", /^missed comma .*\(1:12\)$/],
  ["a text", "hello", /^it is no kubeconfig but "hello"$/],
  ["a list", "[]", /^it is no kubeconfig but a list$/],
  ["two documents", "a: 1\n---\nb: 2\n", /document/],
  ["clusters that are no list", "clusters: {}\n", /^clusters is no list but an object$/],
  ["an entry that is none", "users: [null]\n", /^users\[0\] has no name$/],
  ["an entry without a name", "contexts: [{name: a}, {context: {}}]\n", /^contexts\[1\] has no name$/],
];
for (const [what, text, reason] of refusals) {
  Deno.test(`a kubeconfig that is ${what} is refused in one line`, () => {
    const parsed = parseKubeconfig(text);
    assert.ok(refused(parsed));
    assert.match(parsed.reason, reason);
    assert.doesNotMatch(parsed.reason, /\n/);
  });
}

Deno.test("a kubeconfig passes with what is in it, YAML or JSON, and its token files by user", () => {
  const text =
    "users:\n- {name: a, user: {tokenFile: t}}\n- {name: a, user: {tokenFile: other}}\n- {name: b, user: null}\n";
  const parsed = parseKubeconfig(text);
  assert.ok(!(parsed instanceof Refusal));
  assert.deepEqual([...parsed.tokenFiles], [["a", "t"]]);
  assert.deepEqual(parseKubeconfig(parsed.json), parsed);
  assert.ok(!refused(parseKubeconfig("apiVersion: v1\nclusters: null\n")));
});

const SERVER = { server: "https://api.example:6443" };
const clusters: readonly [what: string, cluster: ClusterEntry, problem: RegExp | undefined][] = [
  ["https", SERVER, undefined],
  ["https with a proxy", { ...SERVER, proxyUrl: "socks5://proxy:1080" }, undefined],
  [
    "https that checks certificates",
    { ...SERVER, skipTLSVerify: false, tlsServerName: "", proxyUrl: "" },
    undefined,
  ],
  ["no URL", { server: "api" }, /"api", which is no URL: give https/],
  ["http", { server: "http://api" }, /"http:\/\/api": give https/],
  [
    "insecure-skip-tls-verify",
    { ...SERVER, skipTLSVerify: true },
    /insecure-skip-tls-verify: give certificate-authority/,
  ],
  ["tls-server-name", { ...SERVER, tlsServerName: "api" }, /tls-server-name, which this agent cannot/],
  ["a proxy of another kind", { ...SERVER, proxyUrl: "ftp://proxy" }, /proxy-url "ftp:\/\/proxy": give http/],
  ["a proxy without a scheme", { ...SERVER, proxyUrl: "proxy:3128" }, /proxy-url "proxy:3128": give http/],
];
for (const [what, cluster, problem] of clusters) {
  Deno.test(`a cluster with ${what} ${problem === undefined ? "can be asked" : "is refused with the remedy"}`, () => {
    if (problem === undefined) assert.equal(clusterProblem(cluster), undefined);
    else assert.match(clusterProblem(cluster) ?? "", problem);
  });
}

const cert = "-----BEGIN CERTIFICATE-----\nAA\n";
const key = "-----BEGIN EC PRIVATE KEY-----\nAA\n";
const NONE: Granted = { ca: undefined, cert: undefined, key: undefined, authorization: undefined };
const grants: readonly [what: string, granted: Partial<Granted>, problem: RegExp | undefined][] = [
  ["a token", { authorization: "Bearer abc.DEF-_~+/=" }, undefined],
  ["a certificate", { ca: cert, cert, key }, undefined],
  ["both", { cert, key, authorization: "Bearer a" }, undefined],
  ["nothing", { ca: cert }, /no token, no certificate and no plugin/],
  ["a CA that is none", { ca: "", authorization: "Bearer a" }, /certificate-authority holds no certificate/],
  ["a certificate without a key", { cert }, /without client-key/],
  ["a key without a certificate", { key }, /without client-certificate/],
  ["a certificate that is none", { cert: key, key }, /client-certificate holds no certificate/],
  ["a key that is none", { cert, key: cert }, /client-key holds no private key/],
  ["an empty token", { authorization: "Bearer " }, /token is empty/],
  [
    "a token of two lines",
    { authorization: "Bearer se\ncret" },
    /token is empty, or holds what no token has/,
  ],
];
for (const [what, granted, problem] of grants) {
  Deno.test(`${what} ${problem === undefined ? "is let in" : "is refused, and shown nowhere"}`, () => {
    const said = grantProblem({ ...NONE, ...granted });
    if (problem === undefined) return assert.equal(said, undefined);
    assert.match(said ?? "", problem);
    assert.doesNotMatch(said!, /se|cret\b|BEGIN/);
  });
}
