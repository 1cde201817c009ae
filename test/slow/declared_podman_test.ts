// The same in containers of a real podman, whose API is asked on its own socket; and what podman alone has: pods of its own, and
// containers without cgroups.

import assert from "node:assert/strict";
import { IMAGE } from "../lab/container_engine.ts";
import { netlink } from "../netns/contained_node.ts";
import { engineCases } from "./engine_cases.ts";

const { engine, scene } = await engineCases("podman");

const bridgeIn = (name: string, container: string) =>
  netlink(name, { type: "bridge", container: { podman: { name: container } } });

Deno.test("Containers of a podman pod have one network: each of them is a name of it", async () => {
  const infra = [`--infra-image=${IMAGE}`, "--infra-command=/bin/busybox sleep 100000"];
  await engine.run("pod", "create", "--name=shop", "--network=none", ...infra);
  for (const name of ["web", "db"]) await engine.startContainer(name, ["--pod=shop"]);
  await scene.write([bridgeIn("br-web", "web"), bridgeIn("br-db", "db")]);
  await scene.has(await engine.enter("web"), "br-db br-web");
  await engine.run("rm", "-f", "web");
  await scene.has(await engine.enter("db"), "br-db");
  await engine.run("pod", "rm", "-f", "shop");
});

Deno.test("A container without cgroups of its own cannot be told from others: it gets nothing, and that is told", async () => {
  await engine.startContainer("bare", ["--network=none", "--cgroups=disabled"]);
  await scene.write([bridgeIn("br-bare", "bare")]);
  await scene.told(/NetlinkInterface br-bare: .*podman container bare, and the kernel says that it is not/);
  assert.equal(await scene.namesIn(await engine.enter("bare")), "");
  await engine.run("rm", "-f", "bare");
});
