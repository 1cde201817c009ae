// What leaves the pod network and what comes into it: with the settings as they are shipped, and with both the other way.

import assert from "node:assert/strict";
import { programPath } from "../../lab/kind/programs.ts";
import { run } from "../../lab/process.ts";
import { until } from "../../lab/until.ts";
import { FAR_PORT, HOST_PORT, HTTP } from "../pods.ts";
import { at, type Family, hostOf, type PodName, World } from "../world.ts";

const world = await World.standing();
const OUTSIDE_PORT = 28080;
/** Answers come within milliseconds; what is dropped is never answered. */
const REFUSED_S = 2;
const OTHERWISE = {
  FILTER_IPV4: "true",
  FILTER_IPV6: "true",
  MASQUERADE_IPV4: "false",
  MASQUERADE_IPV6: "false",
};

/** A server on the outside that says who asks, and ways from the outside to the pods; gone at the end. */
async function openOutside(): Promise<AsyncDisposable> {
  const ports = [`--http-port=${OUTSIDE_PORT}`, `--udp-port=${OUTSIDE_PORT}`];
  const server = world.startOutside([programPath("agnhost"), "netexec", ...ports]);
  const routes: string[][] = [];
  const close = async () => {
    for (const route of routes) await run([...world.outside, "ip", "route", "del", ...route]);
    await server.kill("SIGTERM");
  };
  for (const family of world.families) {
    for (const [pod, node] of [["one", world.near], ["far", world.far]] as const) {
      const route = [await world.podAddress(pod, family), "via", await world.nodeAddress(node, family)];
      await run([...world.outside, "ip", "route", "replace", ...route]);
      routes.push(route);
    }
  }
  await until("the outside to serve", async () => {
    return await world.askFromOutside(`http://127.0.0.1:${OUTSIDE_PORT}/hostname`) !== "";
  });
  return { [Symbol.asyncDispose]: close };
}

/** Whom the outside sees when a pod asks it. */
async function seenAs(pod: PodName, family: Family): Promise<string> {
  const url = `http://${at(await world.outsideAddress(family), OUTSIDE_PORT)}/clientip`;
  return hostOf(await world.ask(pod, url));
}

Deno.test("as shipped, a pod is seen on the outside with its node's address", async () => {
  await using _ = await openOutside();
  for (const family of world.families) {
    assert.equal(await seenAs("one", family), await world.nodeAddress(world.near, family));
    assert.equal(await seenAs("far", family), await world.nodeAddress(world.far, family));
  }
});

Deno.test("as shipped, the outside reaches a pod that it has a route to", async () => {
  await using _ = await openOutside();
  for (const family of world.families) {
    const url = `http://${at(await world.podAddress("far", family), HTTP)}/hostname`;
    assert.equal(await world.askFromOutside(url), "far");
  }
});

Deno.test("without masquerade, and with the filter", async (t) => {
  await using _ = await openOutside();
  try {
    await world.deployment.apply(OTHERWISE);
    await world.agentsInSync();
    for (const family of world.families) {
      const nodePort = async (port: number, node: string) =>
        `http://${at(await world.nodeAddress(node, family), port)}/hostname`;
      const pod = async (name: PodName) =>
        `http://${at(await world.podAddress(name, family), HTTP)}/hostname`;
      await t.step(`a pod is seen on the outside with its own address, by ${family}`, async () => {
        assert.equal(await seenAs("one", family), await world.podAddress("one", family));
        assert.equal(await seenAs("far", family), await world.podAddress("far", family));
      });
      await t.step(`the outside cannot open a connection to a pod, by ${family}`, async () => {
        for (const name of ["one", "far"] as const) {
          const asked = world.askFromOutside(await pod(name), REFUSED_S);
          await assert.rejects(asked, /timed out|refused|prohibited|unreachable/i);
        }
      });
      await t.step(`the outside reaches a pod on another node by a NodePort, by ${family}`, async () => {
        assert.equal(await world.askFromOutside(await nodePort(FAR_PORT, world.near)), "far");
      });
      await t.step(`the outside reaches a pod by its hostPort, by ${family}`, async () => {
        assert.equal(await world.askFromOutside(await nodePort(HOST_PORT, world.far)), "far");
      });
      await t.step(`pods reach each other, and nodes reach pods, by ${family}`, async () => {
        for (const name of ["two", "far"] as const) {
          assert.equal(await world.ask("one", await pod(name)), name);
        }
        assert.equal(await world.askFromNode(world.near, await pod("one")), "one");
        assert.equal(await world.askFromNode(world.near, await pod("far")), "far");
      });
    }
  } finally {
    await world.deployment.apply();
    await world.agentsInSync();
  }
});
