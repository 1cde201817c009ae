// How people and programs write files, and that each is taken in once, when it is whole.

import assert from "node:assert/strict";
import { join } from "node:path";
import { temporaryFolder } from "../../../test/sources/temporary_folder.ts";
import { manifest, Trial } from "../../../test/sources/trial.ts";
import { FileSource } from "./file_source.ts";

/** A watched folder that holds n1 in a.yaml. */
async function watched(files: Record<string, string> = {}): Promise<{ folder: string; trial: Trial }> {
  const folder = temporaryFolder();
  for (const [name, text] of Object.entries({ "a.yaml": manifest("n1"), ...files })) {
    Deno.writeTextFileSync(join(folder, name), text);
  }
  return { folder, trial: await Trial.start((options) => new FileSource([folder], options)) };
}

/** Returns when everything that happened in the folder before has been heard and looked at. */
async function settled(folder: string, trial: Trial): Promise<void> {
  const before = trial.shown;
  const file = join(folder, "z.yaml");
  Deno.writeTextFileSync(file, manifest("z"));
  await trial.shows(`${before} z=a`);
  Deno.removeSync(file);
  await trial.shows(before);
}

/** Opens a file as a shell's `>` does: it is empty at once, and stays open. */
function redirect(path: string): Deno.FsFile {
  return Deno.openSync(path, { write: true, create: true, truncate: true });
}

function write(file: Deno.FsFile, text: string): void {
  file.writeSync(new TextEncoder().encode(text));
}

Deno.test("a slow writer is waited for, and what was there before stays until it closes the file", async () => {
  const { folder, trial } = await watched({ "b.yaml": manifest("n2") + "---\n" + manifest("n3") });
  await using _ = trial;
  using file = redirect(join(folder, "b.yaml"));
  await settled(folder, trial);
  write(file, manifest("n2", "b"));
  await settled(folder, trial);
  assert.equal(trial.shown, "n1=a n2=a n3=a");
  write(file, "---\n" + manifest("n3", "b"));
  file.close();
  await trial.shows("n1=a n2=b n3=b", 500);
  assert.ok(trial.told.every((text) => text.includes("n2") && text.includes("n3")), trial.told.join(" | "));
  assert.equal(trial.problems, "");
});

Deno.test("a new file is not taken in before its writer closes it", async () => {
  const { folder, trial } = await watched();
  await using _ = trial;
  using file = redirect(join(folder, "b.yaml"));
  write(file, manifest("n2"));
  await settled(folder, trial);
  assert.equal(trial.shown, "n1=a");
  file.close();
  await trial.shows("n1=a n2=a", 500);
});

Deno.test("a writer who never closes the file is not waited for longer than three seconds", async () => {
  const { folder, trial } = await watched();
  await using _ = trial;
  using file = redirect(join(folder, "b.yaml"));
  write(file, manifest("n2"));
  await trial.shows("n1=a n2=a", 5_000);
});

Deno.test("a mode that is set after the close, as install and cp -p do, delays nothing", async () => {
  const { folder, trial } = await watched();
  await using _ = trial;
  Deno.writeTextFileSync(join(folder, "b.yaml"), manifest("n2"));
  Deno.chmodSync(join(folder, "b.yaml"), 0o600);
  await trial.shows("n1=a n2=a", 500);
});

Deno.test("an append in place adds to what is there", async () => {
  const { folder, trial } = await watched();
  await using _ = trial;
  Deno.writeTextFileSync(join(folder, "a.yaml"), "---\n" + manifest("n2"), { append: true });
  await trial.shows("n1=a n2=a", 500);
  assert.equal(trial.parses, 2);
});

Deno.test("rsync's temporary file is not read, and its rename is taken in at once", async () => {
  const { folder, trial } = await watched();
  await using _ = trial;
  const temporary = join(folder, ".a.yaml.AbC123");
  Deno.writeTextFileSync(temporary, manifest("n1", "b"));
  await settled(folder, trial);
  assert.equal(trial.shown, "n1=a");
  Deno.renameSync(temporary, join(folder, "a.yaml"));
  await trial.shows("n1=b", 500);
  assert.ok(!trial.told.includes(""));
});

Deno.test("an editor that moves the file away and writes it anew never makes the Node vanish", async () => {
  const { folder, trial } = await watched();
  await using _ = trial;
  const path = join(folder, "a.yaml");
  for (const value of ["b", "c", "d"]) {
    Deno.writeTextFileSync(join(folder, "4913"), "");
    Deno.removeSync(join(folder, "4913"));
    Deno.renameSync(path, `${path}~`);
    using file = redirect(path);
    await settled(folder, trial);
    write(file, manifest("n1", value));
    file.close();
    Deno.removeSync(`${path}~`);
    await trial.shows(`n1=${value}`, 500);
  }
  assert.ok(trial.told.every((text) => text.startsWith("n1=")), trial.told.join(" | "));
});

Deno.test("files that are moved in, out and to another name are followed", async () => {
  const { folder, trial } = await watched();
  await using _ = trial;
  const elsewhere = temporaryFolder();
  Deno.writeTextFileSync(join(elsewhere, "x"), manifest("n2"));
  Deno.renameSync(join(elsewhere, "x"), join(folder, "b.yaml"));
  await trial.shows("n1=a n2=a", 500);
  Deno.renameSync(join(folder, "b.yaml"), join(folder, "0.yaml"));
  await trial.shows("n2=a n1=a", 500);
  Deno.renameSync(join(folder, "0.yaml"), join(elsewhere, "x"));
  await trial.shows("n1=a", 500);
  Deno.copyFileSync(join(elsewhere, "x"), join(folder, "c.yaml"));
  await trial.shows("n1=a n2=a", 500);
  Deno.removeSync(join(folder, "a.yaml"));
  await trial.shows("n2=a", 500);
  assert.deepEqual(trial.told, ["n1=a", "n1=a n2=a", "n2=a n1=a", "n1=a", "n1=a n2=a", "n2=a"]);
});

Deno.test("a file written again with the same content is no change and is not parsed again", async () => {
  const { folder, trial } = await watched();
  await using _ = trial;
  Deno.writeTextFileSync(join(folder, "a.yaml"), manifest("n1"));
  Deno.renameSync(join(folder, "a.yaml"), join(folder, "a.yml"));
  Deno.renameSync(join(folder, "a.yml"), join(folder, "a.yaml"));
  await settled(folder, trial);
  assert.deepEqual(trial.told, ["n1=a", "n1=a z=a", "n1=a"]);
  assert.equal(trial.parses, 2);
});

const LIST = `apiVersion: v1\nitems:\n${manifest("n1").replace(/^/gm, "  ").replace("  ", "- ").trimEnd()}\n`;

const BROKEN: Record<string, [content: string | Uint8Array, reason: RegExp]> = {
  "an empty file": ["", /^a.yaml: holds no object$/],
  "a file of comments": ["# n1\n---\n", /^a.yaml: holds no object$/],
  "a List that ends before its kind": [LIST, /^a.yaml: line 1: neither a Node nor a List: no kind$/],
  "a cut JSON List": [`{"apiVersion":"v1","kind":"List","items":[`, /^a.yaml: line 1: /],
  "a key given twice": [manifest("n1") + "kind: Node\n", /^a.yaml: line 8: duplicated mapping key$/],
  "one broken document of two": [manifest("n1") + "---\na: [\n", /^a.yaml: line \d+: /],
  "something else": ["hello\n", /^a.yaml: line 1: neither a Node nor a List$/],
  "Latin-1": [new Uint8Array([0x6e, 0x3a, 0xe9, 0x0a]), /^a.yaml: is not UTF-8$/],
};

Deno.test("a broken file keeps its last good content and is named until it is mended", async (t) => {
  const { folder, trial } = await watched();
  await using _ = trial;
  const path = join(folder, "a.yaml");
  const n1 = trial.source.state().items[0];
  for (const [what, [content, reason]] of Object.entries(BROKEN)) {
    await t.step(what, async () => {
      Deno.writeFileSync(path, typeof content === "string" ? new TextEncoder().encode(content) : content);
      await trial.complains(reason);
      assert.ok(trial.source.state().items[0] === n1);
      Deno.writeTextFileSync(path, manifest("n1"));
      await trial.complains(/^$/);
    });
  }
  assert.ok(trial.told.every((text) => text === "n1=a"), trial.told.join(" | "));
});

Deno.test("a file that is broken from the start is named, and costs the others nothing", async () => {
  const { folder, trial } = await watched({ "b.yaml": "a: [\n" });
  await using _ = trial;
  assert.equal(trial.shown, "n1=a");
  assert.equal(trial.source.state().complete, true);
  assert.match(trial.problems, /^b.yaml: line 2: /);
  assert.equal(trial.source.state().problems[0]!.isUnread, true);
  Deno.removeSync(join(folder, "b.yaml"));
  await trial.complains(/^$/);
});

Deno.test("a file given by its path that is broken from the start leaves the source incomplete", async () => {
  const file = join(temporaryFolder(), "nodes");
  Deno.writeTextFileSync(file, "a: [\n");
  await using trial = await Trial.start((options) => new FileSource([file], options));
  assert.equal(trial.source.state().complete, false);
  Deno.writeTextFileSync(file, manifest("n1"));
  await trial.shows("n1=a");
  assert.equal(trial.source.state().complete, true);
});

Deno.test("YAML whose last line has no newline is believed three seconds after it was written", async () => {
  const { folder, trial } = await watched();
  await using _ = trial;
  const file = join(folder, "b.yaml");
  Deno.writeTextFileSync(file, manifest("n2").trimEnd());
  await trial.complains(/^b.yaml: its last line has no newline yet$/);
  assert.equal(trial.shown, "n1=a");
  await trial.shows("n1=a n2=a", 5_000);
  assert.equal(trial.problems, "");
  Deno.writeTextFileSync(join(folder, "c.json"), `{"apiVersion":"v1","kind":"List","items":[]}`);
  await settled(folder, trial);
  assert.equal(trial.problems, "");
});

Deno.test("a file above 256 MB is refused without being read", async () => {
  const { folder, trial } = await watched();
  await using _ = trial;
  const file = redirect(join(folder, "b.yaml"));
  file.truncateSync((256 << 20) + 1);
  file.close();
  await trial.complains(/^b.yaml: is larger than 256 MB$/, 500);
  assert.equal(trial.shown, "n1=a");
});

Deno.test("in a file of many Nodes only the changed ones are parsed again", async () => {
  const many = (value: string) =>
    Array.from({ length: 100 }, (_, i) => manifest(`m${i}`, i === 50 ? value : "a")).join("---\n");
  const { folder, trial } = await watched({ "b.yaml": many("a") });
  await using _ = trial;
  const before = trial.source.state().items;
  Deno.writeTextFileSync(join(folder, "b.yaml"), many("b"));
  await trial.shows(trial.shown.replace("m50=a", "m50=b"));
  assert.deepEqual(trial.source.state().items.map((item, i) => item === before[i]).indexOf(false), 51);
  assert.equal(trial.parses, 102);
});
