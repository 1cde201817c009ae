// What the book of pods tells, and that it forgets.

import assert from "node:assert/strict";
import { podJson, type PodWords } from "../../../test/policy_cluster.ts";
import { parsePod } from "./parse_pod.ts";
import { PodBook } from "./pod_book.ts";
import type { NamespaceRecord } from "./pod_class.ts";

function bookWith(): { book: PodBook; told: string[]; put: (words: PodWords) => void } {
  const told: string[] = [];
  const namespaces = new Map<string, NamespaceRecord>();
  const namespaceOf = (name: string) => {
    const record = namespaces.get(name) ??
      { name, namespace: undefined, classes: new Map(), localClasses: new Set(), policies: new Map() };
    namespaces.set(name, record);
    return record;
  };
  const book = new PodBook({
    nodeName: "n1",
    nodesAreTold: false,
    namespaceOf,
    listener: {
      classAdded: ({ key }) => told.push(`class ${key}`),
      classRemoved: ({ key, namespace }) => told.push(`no class ${key}, ${namespace.classes.size} left`),
      classTurned: ({ key, localCount }) => told.push(`${localCount} local of ${key}`),
      peerAdded: ({ pod }, { text }) => told.push(`${pod.name} at ${text}`),
      peerRemoved: ({ pod }, { text }) => told.push(`${pod.name} not at ${text}`),
      localChanged: ({ text }) => told.push(`local ${text}`),
    },
  });
  return { book, told, put: (words) => book.put(parsePod(podJson(words), "test").value!) };
}

Deno.test("A pod that comes, changes its labels and goes leaves nothing behind", () => {
  const { book, told, put } = bookWith();
  put({ ips: ["10.0.0.1"] });
  put({ ips: ["10.0.0.1"] });
  put({ ips: ["10.0.0.1"], labels: { pod: "z" } });
  book.remove("x", "a");
  assert.deepEqual(told, [
    ...["class pod=a", "1 local of pod=a", "a at 10.0.0.1", "local 10.0.0.1"],
    ...[
      "class pod=z",
      "1 local of pod=z",
      "0 local of pod=a",
      "a not at 10.0.0.1",
      "a at 10.0.0.1",
      "local 10.0.0.1",
    ],
    "no class pod=a, 1 left",
    ...["0 local of pod=z", "a not at 10.0.0.1", "local 10.0.0.1", "no class pod=z, 0 left"],
  ]);
  assert.equal(book.size, 0);
  assert.deepEqual(book.claimsOf("10.0.0.1"), []);
});

Deno.test("Pods of one class are told as one, and those of other nodes are not local", () => {
  const { told, put } = bookWith();
  put({ name: "a", labels: {}, node: "n2" });
  put({ name: "b", labels: {}, node: "n2" });
  assert.deepEqual(told, ["class "]);
});
