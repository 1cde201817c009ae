// The Dockerfile holds what `deno task image` makes, as far as that can be told without a base image; the layer e2e builds
// and runs it on a stand-in of one.

import assert from "node:assert/strict";
import { DATA, PLUGIN_FOLDER, PROGRAMS, TEXTS } from "../../deploy/image/contents.ts";
import { ENTRYPOINT, environment, HOME } from "../../deploy/image/runtime.ts";
import { WRITABLE } from "../../src/core/shipped/flags.ts";

const PATH = new URL("../../deploy/image/Dockerfile", import.meta.url);

/** Its instructions, each with its argument on one line. */
async function instructions(): Promise<(readonly [name: string, argument: string])[]> {
  const text = await Deno.readTextFile(PATH);
  const lines = text.replaceAll(/^#.*\n/gm, "").replaceAll(/\\\n\s*/g, "").trim().split("\n");
  return lines.map((line) => [line.slice(0, line.indexOf(" ")), line.slice(line.indexOf(" ") + 1)] as const);
}

async function argumentsOf(name: string): Promise<string[]> {
  return (await instructions()).flatMap(([instruction, argument]) => instruction === name ? argument : []);
}

Deno.test("the Dockerfile runs nothing, for its base has no shell, and names no registry", async () => {
  const names = new Set((await instructions()).map(([name]) => name));
  assert.deepEqual([...names].sort(), ["ARG", "COPY", "ENTRYPOINT", "ENV", "FROM"]);
  assert.deepEqual(await argumentsOf("FROM"), ["${BASE}"]);
});

Deno.test("the Dockerfile starts the program as the image does, with the same environment", async () => {
  assert.deepEqual(JSON.parse((await argumentsOf("ENTRYPOINT"))[0]!), ENTRYPOINT);
  const [variables] = await argumentsOf("ENV");
  const given = Object.fromEntries(
    variables!.split(" ").map((word) => {
      return [word.slice(0, word.indexOf("=")), word.slice(word.indexOf("=") + 1)];
    }),
  );
  assert.deepEqual(given, environment({ isCompiled: false }));
});

Deno.test("the Dockerfile copies every folder of the root that something of the image is in, each to its own place", async () => {
  const copied = (await argumentsOf("COPY")).map((argument) => {
    const [, source, target] = /^root-\$\{TARGETARCH\}(\/\S+\/) (\S+)$/.exec(argument) ?? [];
    assert.equal(source, target, argument);
    return target!;
  });
  const files = [
    ...PROGRAMS.keys(),
    ...Object.keys(TEXTS),
    ...DATA,
    PLUGIN_FOLDER,
    HOME.slice(1),
    "var/lib/dpkg/status.d",
    ...WRITABLE.map((path) => path.slice(1).replace(/^var\/run\//, "run/")),
  ];
  for (const file of files) {
    assert.ok(copied.some((folder) => `/${file}`.startsWith(folder)), `${file} is not copied`);
  }
});
