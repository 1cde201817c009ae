import assert from "node:assert/strict";
import { keyOf, nodeJson, type NodeWords, settingsOf } from "../../../test/cluster.ts";
import { type HostFacts, NO_FACTS } from "../desired/host_facts.ts";
import { type Address, parseAddress } from "../net/address.ts";
import { parsePrefix, type Prefix } from "../net/prefix.ts";
import { type Nonce, parseNonce } from "../transport/ipsec/association.ts";
import type { RawSettings } from "../settings/parse_settings.ts";
import { nodeParser } from "../nodes/node_parser.ts";
import { annotationPatch, beforeStanding, wantedAnnotations } from "./annotations.ts";

const NIC = {
  name: "eth1",
  mtuBytes: 1500,
  addresses: ["fd09::1", "10.9.1.10", "10.9.1.9"].map((text) => parseAddress(text) as Address),
  prefixes: [],
  hasDefaultRoute: false,
};
const FACTS: HostFacts = { ...NO_FACTS, isPublished: true, publicKey: keyOf(1), interfaces: [NIC] };
const SPEC = { podCIDRs: ["10.244.1.0/24", "fd00:10:244:1::/64"] };
const SAID = {
  "wigglenet/public-key": keyOf(1),
  "wigglenet/next-key": "none",
  "wigglenet/node-ips": "[]",
  "wigglenet/pod-cidrs": `["fd00:10:244:1::/64","10.244.1.0/24"]`,
};

/** The annotations of the patch for a Node; undefined: no patch. */
function patchOf(words: NodeWords, environment: RawSettings = {}, facts: Partial<HostFacts> = {}): unknown {
  const settings = settingsOf(environment);
  const { node, stated } = nodeParser(settingsOf())(nodeJson(words), "n1");
  const patch = annotationPatch(wantedAnnotations(settings, node!, { ...FACTS, ...facts }), stated!);
  return patch && JSON.parse(patch).metadata.annotations;
}

Deno.test("a new Node gets all annotations, three of them in the original's form", () => {
  assert.deepEqual(patchOf(SPEC), SAID);
});

Deno.test("a Node says that it takes part in host encryption for as long as it does", () => {
  const said = { podCidrs: ["fd00:10:244:1::/64", "10.244.1.0/24"], nodeIps: [] };
  const words = { ...SPEC, key: keyOf(1), said };
  assert.deepEqual(patchOf(words, { HOST_ENCRYPTION: "require" }), {
    "wigglenet/host-encryption": "require",
  });
  const json = nodeJson(words) as { metadata: { annotations: Record<string, string> } };
  json.metadata.annotations["wigglenet/host-encryption"] = "require";
  const { node, stated } = nodeParser(settingsOf())(json, "n1");
  const patchWith = (environment: RawSettings) =>
    annotationPatch(wantedAnnotations(settingsOf(environment), node!, FACTS), stated!);
  assert.equal(patchWith({ HOST_ENCRYPTION: "require" }), undefined);
  assert.match(patchWith({})!, /"wigglenet\/host-encryption":null/);
});

Deno.test("a Node says the nonce that its agent has drawn last, for as long as a transport needs one", () => {
  const said = { podCidrs: ["fd00:10:244:1::/64", "10.244.1.0/24"], nodeIps: [] };
  const words = { ...SPEC, key: keyOf(1), said, transport: "ipv4=wireguard,ipv6=ipsec" };
  const ipsecNonce = parseNonce(`${"A".repeat(43)}=`) as Nonce;
  const spoken = { ...words, ipsecNonce };
  const nonceIn = (words: NodeWords, environment: RawSettings, drawn: Nonce | undefined) =>
    (patchOf(words, environment, drawn && { ipsecNonce: drawn }) as Record<string, unknown> | undefined)
      ?.["wigglenet/ipsec-nonce"];
  const environment = { TRANSPORT_IPV6: "ipsec" };
  assert.equal(nonceIn(words, environment, ipsecNonce), ipsecNonce);
  assert.equal(nonceIn(spoken, environment, ipsecNonce), undefined);
  const next = parseNonce(`${"B".repeat(42)}A=`) as Nonce;
  assert.equal(nonceIn(spoken, environment, next), next);
  assert.equal(nonceIn(spoken, {}, undefined), null);
});

Deno.test("of native routing a Node says nothing, as the original, but one that has said a transport before: the others go by its word", () => {
  const native = { TRANSPORT_IPV4: "native", TRANSPORT_IPV6: "native" };
  const wordIn = (environment: RawSettings, transport?: string) => {
    const patch = patchOf({ ...SPEC, key: keyOf(1), ...(transport && { transport }) }, environment);
    return (patch as Record<string, unknown>)["wigglenet/transport"];
  };
  assert.equal(wordIn(native), undefined);
  assert.equal(wordIn(native, "ipv4=direct,ipv6=direct"), "ipv4=native,ipv6=native");
  assert.equal(wordIn({ TRANSPORT_IPV4: "native" }, "ipv4=direct,ipv6=direct"), "ipv4=native,ipv6=wireguard");
  assert.equal(wordIn({}, "ipv4=direct,ipv6=direct"), null);
  assert.equal(wordIn({}, "ipv4=native,ipv6=native"), null);
});

Deno.test("that a Node takes nothing by IPsec any more is said once it goes another way, and its nonce and its port go when nobody sends by it", () => {
  const ipsecNonce = parseNonce(`${"A".repeat(43)}=`) as Nonce;
  const said = { podCidrs: ["fd00:10:244:1::/64", "10.244.1.0/24"], nodeIps: [] };
  const words = { ...SPEC, key: keyOf(1), nextKey: "none", said, ipsecNonce, ipsecUdpPort: "24606" };
  type Moment = Pick<HostFacts, "former"> & { readonly isStanding: boolean };
  const patchTo = (to: RawSettings, from: string, { isStanding, former }: Moment) => {
    const { node, stated } = nodeParser(settingsOf())(nodeJson({ ...words, transport: from }), "n1");
    const facts = { ...FACTS, interfaces: [], ...(former && { former }) };
    const wanted = wantedAnnotations(settingsOf(to), node!, facts);
    const patch = annotationPatch(isStanding ? wanted : beforeStanding(wanted, stated!), stated!);
    const annotations: Record<string, unknown> = patch === undefined
      ? {}
      : JSON.parse(patch).metadata.annotations;
    return Object.fromEntries(Object.entries(annotations).filter(([key]) => !key.endsWith("/next-key")));
  };
  const transport = "wigglenet/transport";
  const none = { "wigglenet/ipsec-nonce": null, "wigglenet/ipsec-udp-port": null };
  for (const environment of [{}, { TRANSPORT_IPV4: "direct", TRANSPORT_IPV6: "direct" }]) {
    const word = "TRANSPORT_IPV4" in environment ? "ipv4=direct,ipv6=direct" : null;
    const of = (moment: Moment) => patchTo(environment, "ipv4=ipsec,ipv6=ipsec", moment);
    assert.deepEqual(of({ isStanding: false }), {});
    const former = { 4: "ipsec", 6: "ipsec" } as const;
    assert.deepEqual(of({ isStanding: true, former }), { [transport]: word });
    assert.deepEqual(of({ isStanding: true }), { [transport]: word, ...none });
  }
  const inTheClear = patchTo({}, "ipv4=direct,ipv6=direct", { isStanding: false });
  assert.deepEqual(inTheClear, { [transport]: null, ...none });
});

Deno.test("a Node says its UDP port for ESP while it has IPsec, a port, and no other interface that wraps", () => {
  const portIn = (environment: RawSettings) => {
    const patch = patchOf({ ...SPEC, key: keyOf(1), ipsecUdpPort: "7" }, environment);
    return (patch as Record<string, unknown>)["wigglenet/ipsec-udp-port"];
  };
  assert.equal(portIn({ TRANSPORT_IPV6: "ipsec" }), "24606");
  assert.equal(portIn({ TRANSPORT_IPV4: "ipsec-or-wireguard", IPSEC_UDP_PORT: "7" }), undefined);
  for (
    const environment of [
      {},
      { TRANSPORT_IPV6: "ipsec", IPSEC_UDP_PORT: "0" },
      { TRANSPORT_IPV6: "ipsec", TRANSPORT_IPV4: "vxlan" },
    ]
  ) {
    assert.equal(portIn(environment), null);
  }
});

Deno.test("a Node that says everything gets no patch", () => {
  const said = { podCidrs: ["fd00:10:244:1::/64", "10.244.1.0/24"], nodeIps: [] };
  assert.equal(patchOf({ ...SPEC, key: keyOf(1), nextKey: "none", said }), undefined);
});

Deno.test("a patch holds what differs and nothing else: endpoint and keepalive are their user's", () => {
  const said = { podCidrs: ["0.0.0.0/0"], nodeIps: [] };
  assert.deepEqual(
    patchOf({ ...SPEC, key: keyOf(1), nextKey: "none", said, endpoint: "example.com", keepalive: "25" }),
    {
      "wigglenet/pod-cidrs": SAID["wigglenet/pod-cidrs"],
    },
  );
});

Deno.test("a Node without pod CIDRs says an empty list, whatever was written there before", () => {
  const said = { podCidrs: ["10.0.0.0/8"], nodeIps: [] };
  assert.deepEqual(patchOf({ key: keyOf(1), nextKey: "none", said }), { "wigglenet/pod-cidrs": "[]" });
});

Deno.test("addresses of NODE_IP_INTERFACES, IPv4 first", () => {
  const patch = patchOf(SPEC, { NODE_IP_INTERFACES: "eth1,eth7" }) as Record<string, string>;
  assert.equal(patch["wigglenet/node-ips"], `["10.9.1.10","10.9.1.9","fd09::1"]`);
});

Deno.test("neighbouring pod CIDRs are said as one", () => {
  const patch = patchOf({ podCIDRs: ["10.244.2.0/24", "10.244.3.0/24"] }) as Record<string, string>;
  assert.equal(patch["wigglenet/pod-cidrs"], `["10.244.2.0/23"]`);
});

Deno.test("pod CIDRs of a file are said", () => {
  const environment = { POD_CIDR_SOURCE_IPV6: "file", POD_CIDR_SOURCE_PATH: "/run/cidrs" };
  const patch = patchOf(SPEC, environment, { podCidrFile: [parsePrefix("fd07::/64") as Prefix] });
  assert.equal((patch as Record<string, string>)["wigglenet/pod-cidrs"], `["fd07::/64","10.244.1.0/24"]`);
});

for (const environment of [{ FIREWALL_ONLY: "1" }, { NATIVE_ROUTING_IPV4: "1", NATIVE_ROUTING_IPV6: "1" }]) {
  Deno.test(`${Object.keys(environment)}: no tunnel, no public key; one from before is removed`, () => {
    const { "wigglenet/public-key": _, "wigglenet/next-key": __, ...rest } = SAID;
    assert.deepEqual(patchOf(SPEC, environment), rest);
    assert.deepEqual(patchOf({ ...SPEC, key: keyOf(9), nextKey: keyOf(8) }, environment), {
      ...rest,
      "wigglenet/public-key": null,
      "wigglenet/next-key": null,
    });
  });
}

Deno.test("while the key cannot be read, what the others know of it stays", () => {
  const { "wigglenet/public-key": _, ...rest } = SAID;
  assert.deepEqual(patchOf({ ...SPEC, key: keyOf(1) }, {}, { publicKey: undefined }), rest);
});

Deno.test("with KEY_ROTATION=off nothing is said of a next key, and what was said goes", () => {
  const { "wigglenet/next-key": _, ...rest } = SAID;
  assert.deepEqual(patchOf(SPEC, { KEY_ROTATION: "off" }), rest);
  const said = { podCidrs: ["fd00:10:244:1::/64", "10.244.1.0/24"], nodeIps: [] };
  const before = { ...SPEC, key: keyOf(1), nextKey: "none", said };
  assert.deepEqual(patchOf(before, { KEY_ROTATION: "off" }), { "wigglenet/next-key": null });
});

Deno.test("the next key is said while the key rotates, and no other once it has", () => {
  const said = { podCidrs: ["fd00:10:244:1::/64", "10.244.1.0/24"], nodeIps: [] };
  const words = { ...SPEC, key: keyOf(1), said };
  const next = { "wigglenet/next-key": keyOf(7) };
  assert.deepEqual(patchOf({ ...words, nextKey: "none" }, {}, { nextKey: keyOf(7) }), next);
  assert.deepEqual(patchOf({ ...words, nextKey: keyOf(7) }), { "wigglenet/next-key": "none" });
  const awaited = patchOf({ ...words, nextKey: "none" }, { WIREGUARD_GO: "awaited" }, {
    wireguard: "userspace",
  });
  assert.deepEqual(awaited, { "wigglenet/next-key": null });
});

Deno.test("only this host's Node keeps what it states", () => {
  assert.equal(nodeParser(settingsOf())(nodeJson({ name: "n2" }), "").stated, undefined);
  assert.deepEqual(
    [...nodeParser(settingsOf())({ metadata: { name: "n1", annotations: [1] } }, "").stated!],
    [],
  );
});
