// TRANSPORT_IPV4 and _IPV6=gre where the kernel has GRE (./gre_cases.ts), and where it has not.

import assert from "node:assert/strict";
import { HAS_GRE } from "../lab/kernel.ts";
import { Lab } from "../lab/lab.ts";
import { manifestOf } from "../lab/manifest.ts";
import type { Node } from "../lab/node.ts";
import { saying } from "./transports.ts";

// The cases stand on a mesh that a kernel without it never gives.
if (HAS_GRE) await import("./gre_cases.ts");
else Deno.test("gre (kernel with ip_gre and ip6_gre)", { ignore: true }, () => {});

Deno.test("a kernel without GRE is named, and what it cannot wrap leaves by nothing else", {
  ignore: HAS_GRE,
}, async () => {
  const lab = await Lab.create({ nodes: [1, 2].map((i) => saying(manifestOf(i), "ipv4=gre,ipv6=gre")) });
  await using _ = lab;
  const [node] = lab.nodes as [Node];
  node.startAgent({ settings: { "transport-ipv4": "gre", "transport-ipv6": "gre" } });
  await node.says("it lacks the kind", ({ applied: { failing }, waiting }) => {
    return /Unknown device type/.test(failing.overlay?.error ?? "") &&
      waiting.some(({ why, isTrouble }) => isTrouble && why.includes("this kernel has no gre"));
  });
  const routes = await node.run(["ip", "route", "show", "proto", "146"]);
  assert.match(routes, /unreachable 10\.244\.2\.0\/24/);
  assert.doesNotMatch(routes, /encap/);
});
