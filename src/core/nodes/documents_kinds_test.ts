import assert from "node:assert/strict";
import { refused } from "../net/refusal.ts";
import { type DocumentKind, readPiece, splitDocuments } from "./documents.ts";

const OBJECTS = [
  "apiVersion: v1\nkind: Pod\nmetadata:\n  name: a\n",
  "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata:\n  name: b\n",
  "apiVersion: networking.k8s.io/v1beta1\nkind: NetworkPolicy\nmetadata:\n  name: old\n",
  "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: c\n",
  "apiVersion: v1\nkind: Service\nmetadata:\n  name: d\n",
  "apiVersion: v1\nkind: Node\nmetadata:\n  name: e\n",
  "apiVersion: v1\nkind: PodList\nitems:\n- metadata:\n    name: f\n",
];

Deno.test("of several kinds those that are asked for are read, in the version that is known; by default Nodes", () => {
  const text = OBJECTS.join("---\n");
  const pieces = splitDocuments(text);
  if (refused(pieces)) throw new Error(pieces.reason);
  const namesOf = (...kinds: DocumentKind[]) =>
    pieces.flatMap((piece) => {
      const objects = kinds.length === 0 ? readPiece(text, piece) : readPiece(text, piece, new Set(kinds));
      if (refused(objects)) throw new Error(objects.reason);
      return objects.map((object) => (object as { metadata: { name: string } }).metadata.name);
    }).join("");
  assert.equal(namesOf(), "e");
  assert.equal(namesOf("Pod"), "af");
  assert.equal(namesOf("Node", "Pod", "Namespace", "NetworkPolicy"), "abcef");
});
