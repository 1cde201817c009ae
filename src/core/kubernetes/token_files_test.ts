import assert from "node:assert/strict";
import { tokenFiles } from "./token_files.ts";

const cases: readonly [what: string, kubeconfig: unknown, files: Record<string, string>][] = [
  ["a user with one", { users: [{ name: "a", user: { tokenFile: "/t" } }] }, { a: "/t" }],
  [
    "a token beside it, which is weaker",
    { users: [{ name: "a", user: { token: "x", tokenFile: "t" } }] },
    { a: "t" },
  ],
  ["users without one", { users: [{ name: "a", user: { token: "x" } }, { name: "b" }] }, {}],
  ["an empty path", { users: [{ name: "a", user: { tokenFile: "" } }] }, {}],
  [
    "wrong types",
    { users: [{ name: 7, user: { tokenFile: "/t" } }, { name: "a", user: { tokenFile: 7 } }] },
    {},
  ],
  ["no user at all", { users: [null, 7, { user: null }] }, {}],
  ["no list of users", { users: "a" }, {}],
  ["nothing", null, {}],
];
for (const [what, kubeconfig, files] of cases) {
  Deno.test(`token files of a kubeconfig with ${what}`, () => {
    assert.deepEqual(Object.fromEntries(tokenFiles(kubeconfig)), files);
  });
}
