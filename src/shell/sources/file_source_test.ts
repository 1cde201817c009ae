import assert from "node:assert/strict";
import { dirname, join } from "node:path";
import { describeSource, type Harness } from "../../../test/sources/behaviour.ts";
import { temporaryFolder } from "../../../test/sources/temporary_folder.ts";
import { type Item, manifest, Trial } from "../../../test/sources/trial.ts";
import { until } from "../../../test/lab/until.ts";
import { FileSource } from "./file_source.ts";
import type { SourceOptions } from "./node_source.ts";

/** One file a Node, in a folder that does not exist before `appear`. */
class Folder implements Harness {
  readonly #path = join(temporaryFolder(), "nodes");

  open(options: SourceOptions<Item>): FileSource<Item> {
    return new FileSource([this.#path], options);
  }

  put(node: Record<string, unknown>): Promise<void> {
    return Deno.writeTextFile(this.#fileOf((node.metadata as { name: string }).name), JSON.stringify(node));
  }

  remove(name: string): Promise<void> {
    return Deno.remove(this.#fileOf(name));
  }

  appear(): Promise<void> {
    return Deno.mkdir(this.#path);
  }

  #fileOf(name: string): string {
    return join(this.#path, `${name}.json`);
  }
}

describeSource("files", () => Promise.resolve(new Folder()));

/** A temporary folder with these files, older than any writer. */
function folderOf(files: Record<string, string> = {}): string {
  const folder = temporaryFolder();
  for (const [name, text] of Object.entries(files)) {
    Deno.writeTextFileSync(join(folder, name), text);
    Deno.utimeSync(join(folder, name), 1e9, 1e9);
  }
  return folder;
}

const REFILL_MS = 600;

/** A name in a temporary folder that is there, for something that is not. */
function nowhere(): string {
  return join(folderOf(), "nodes");
}

function watch(...paths: string[]): Promise<Trial> {
  return Trial.start((options) => new FileSource(paths, options));
}

Deno.test("a folder gives its .yaml, .yml and .json files, by name", async () => {
  const folder = folderOf({
    "b.yml": manifest("n2"),
    "a.yaml": manifest("n9"),
    "c.json": `{"apiVersion":"v1","kind":"Node","metadata":{"name":"n3","labels":{"v":"a"}}}`,
    "README.md": "# no",
    ".hidden.yaml": manifest("x1"),
    ".a.yaml.Xy12": manifest("x2"),
    "a.yaml~": manifest("x3"),
    "4913": "",
    "a.yaml.swp": "",
  });
  Deno.mkdirSync(join(folder, "sub.yaml"));
  await using trial = await watch(folder);
  assert.equal(trial.shown, "n9=a n2=a n3=a");
  assert.equal(trial.problems, "");
});

Deno.test("several paths are shown in the order given, a file of any name among them", async () => {
  const folder = folderOf({ "a.yaml": manifest("n1"), "nodes.txt": manifest("n9") });
  await using trial = await watch(join(folder, "nodes.txt"), folder);
  assert.equal(trial.shown, "n9=a n1=a");
  Deno.writeTextFileSync(join(folder, "nodes.txt"), manifest("n9", "b"));
  await trial.shows("n9=b n1=a");
});

Deno.test("one missing path of two makes the source incomplete until it is there", async () => {
  const missing = nowhere();
  await using trial = await watch(folderOf({ "a.yaml": manifest("n1") }), missing);
  assert.equal(trial.shown, "n1=a");
  assert.equal(trial.source.state().complete, false);
  assert.deepEqual(trial.source.state().problems, [{
    path: missing,
    reason: "does not exist",
    isUnread: true,
    isPending: false,
  }]);
  Deno.renameSync(join(folderOf({ "x": manifest("n2") }), "x"), missing);
  await trial.shows("n1=a n2=a");
  assert.deepEqual([trial.source.state().complete, trial.problems], [true, ""]);
});

Deno.test("a path whose parents are missing too is found when they appear", async () => {
  const top = nowhere();
  await using trial = await watch(join(top, "deep/nodes"));
  Deno.mkdirSync(join(top, "deep"), { recursive: true });
  Deno.renameSync(folderOf({ "a.yaml": manifest("n1") }), join(top, "deep/nodes"));
  await trial.shows("n1=a");
  assert.equal(trial.problems, "");
});

Deno.test("a folder that is removed and made again is followed", async () => {
  const folder = nowhere();
  Deno.renameSync(folderOf({ "a.yaml": manifest("n1"), "b.yaml": manifest("n2") }), folder);
  await using trial = await Trial.start((options) =>
    new FileSource([folder], { ...options, refillMs: REFILL_MS })
  );
  Deno.removeSync(folder, { recursive: true });
  await trial.shows("");
  await trial.complains(/^nodes: does not exist$/);
  Deno.renameSync(folderOf({ "a.yaml": manifest("n1", "b") }), folder);
  await trial.shows("n1=b");
  assert.equal(trial.problems, "");
  // Removed and made again before anybody looks. Who wrote the file was not heard closing it: it must be left alone for a while.
  Deno.removeSync(folder, { recursive: true });
  Deno.mkdirSync(folder);
  Deno.writeTextFileSync(join(folder, "a.yaml"), manifest("n1", "c"));
  await trial.shows("n1=c");
  Deno.writeTextFileSync(join(folder, "a.yaml"), manifest("n1", "d"));
  await trial.shows("n1=d", 6_000); // where no event came in time, by the look of each second, once it is left alone
});

Deno.test("an emptied folder that fills again keeps what is not back yet, until it is left alone", async () => {
  const names = ["a", "b", "c", "d"].map((name) => `${name}.yaml`);
  const folder = folderOf(Object.fromEntries(names.map((name, i) => [name, manifest(`n${i + 1}`)])));
  await using trial = await Trial.start((options) =>
    new FileSource([folder], { ...options, refillMs: REFILL_MS })
  );
  for (const name of names) Deno.removeSync(join(folder, name));
  await trial.shows("");
  const put = (name: string, text: string) => {
    Deno.writeTextFileSync(join(folder, `.${name}.Xy12`), text);
    Deno.renameSync(join(folder, `.${name}.Xy12`), join(folder, name));
  };
  put("b.yaml", manifest("n2", "b"));
  await trial.shows("n1=a n3=a n4=a n2=b");
  assert.match(
    trial.problems,
    /^\S+: it was emptied, and is filled again: 3 that are not back yet stay until it is left alone$/,
  );
  const startMs = performance.now();
  await until("a slow line to bring a part of the next file", () => {
    Deno.writeTextFileSync(join(folder, ".c.yaml.Xy12"), "kind", { append: true });
    return performance.now() > startMs + 1.3 * REFILL_MS;
  });
  assert.equal(trial.shown, "n1=a n3=a n4=a n2=b");
  put("c.yaml", manifest("n3", "b"));
  await trial.shows("n1=a n4=a n2=b n3=b");
  put("e.yaml", manifest("n4", "b"));
  await trial.shows("n1=a n2=b n3=b n4=b");
  await trial.shows("n2=b n3=b n4=b");
  assert.equal(trial.problems, "");
  Deno.removeSync(join(folder, "c.yaml"));
  await trial.shows("n2=b n4=b", 500);
});

Deno.test("once all are back a Node leaves at once again; emptied twice, nothing is forgotten", async () => {
  const folder = folderOf({ "a.yaml": manifest("n1"), "b.yaml": manifest("n2") });
  await using trial = await watch(folder);
  for (let i = 0; i < 2; i++) {
    for (const name of ["a.yaml", "b.yaml"]) Deno.removeSync(join(folder, name), {});
    await trial.shows("");
    Deno.writeTextFileSync(join(folder, "a.yaml"), manifest("n1"));
    await trial.shows("n2=a n1=a");
    Deno.removeSync(join(folder, "a.yaml"));
    await trial.shows("");
    Deno.writeTextFileSync(join(folder, "b.yaml"), manifest("n2"));
    await trial.shows("n1=a n2=a");
    Deno.writeTextFileSync(join(folder, "a.yaml"), manifest("n1"));
    await trial.complains(/^$/);
  }
  Deno.removeSync(join(folder, "b.yaml"));
  await trial.shows("n1=a", 500);
});

Deno.test("a folder that is renamed away and replaced is followed, and nothing of the old one", async () => {
  const folder = folderOf({ "a.yaml": manifest("n1"), "b.yaml": manifest("n2") });
  await using trial = await watch(folder);
  Deno.renameSync(folder, `${folder}.old`);
  Deno.renameSync(folderOf({ "a.yaml": manifest("n1", "b") }), folder);
  await trial.shows("n1=b");
  assert.deepEqual(trial.told, ["n1=a n2=a", "n1=b"]);
  Deno.writeTextFileSync(join(`${folder}.old`, "b.yaml"), manifest("n2", "b"));
  Deno.writeTextFileSync(join(folder, "c.yaml"), manifest("n3"));
  await trial.shows("n1=b n3=a");
});

Deno.test("a file that was given by its path may be removed and come back", async () => {
  const file = join(folderOf({ "nodes": manifest("n1") }), "nodes");
  await using trial = await watch(file);
  Deno.removeSync(file);
  await trial.shows("");
  await trial.complains(/^nodes: does not exist$/);
  Deno.writeTextFileSync(file, manifest("n1", "b"));
  await trial.shows("n1=b");
  assert.equal(trial.problems, "");
  Deno.removeSync(file);
  Deno.renameSync(folderOf({ "a.yaml": manifest("n1", "c") }), file);
  await trial.shows("n1=c");
});

Deno.test("the link swap of a mounted ConfigMap is one change, for the folder and for a file in it", async () => {
  const folder = folderOf();
  const publish = (version: string) => {
    const data = `..2026_${version}`;
    Deno.mkdirSync(join(folder, data));
    Deno.writeTextFileSync(join(folder, data, "a.yaml"), manifest("n1", version));
    Deno.writeTextFileSync(join(folder, data, "b.yaml"), manifest("n2", version));
    Deno.symlinkSync(data, join(folder, "..data_tmp"));
    Deno.renameSync(join(folder, "..data_tmp"), join(folder, "..data"));
  };
  publish("1");
  for (const name of ["a.yaml", "b.yaml"]) Deno.symlinkSync(`..data/${name}`, join(folder, name));
  await using whole = await watch(folder);
  await using one = await watch(join(folder, "b.yaml"));
  for (const version of ["2", "3"]) {
    publish(version);
    Deno.removeSync(join(folder, `..2026_${Number(version) - 1}`), { recursive: true });
    await whole.shows(`n1=${version} n2=${version}`, 500);
    await one.shows(`n2=${version}`, 500);
  }
  assert.deepEqual(whole.told, ["n1=1 n2=1", "n1=2 n2=2", "n1=3 n2=3"]);
  assert.deepEqual(one.told, ["n2=1", "n2=2", "n2=3"]);
});

Deno.test("a link to a file elsewhere is followed within seconds, though no event tells of it", async () => {
  const folder = folderOf({ "a.yaml": manifest("n1") });
  const elsewhere = folderOf({ "n2": manifest("n2"), "new": manifest("n2", "b") });
  await using trial = await watch(folder);
  Deno.symlinkSync(join(elsewhere, "n2"), join(folder, "b.yaml"));
  await trial.shows("n1=a n2=a");
  Deno.renameSync(join(elsewhere, "new"), join(elsewhere, "n2"));
  await trial.shows("n1=a n2=b");
  Deno.removeSync(join(elsewhere, "n2"));
  await trial.complains(/^b.yaml: .*No such file/);
  assert.equal(trial.shown, "n1=a n2=b");
  Deno.removeSync(join(folder, "b.yaml"));
  await trial.shows("n1=a");
});

Deno.test("a folder given as a link follows the link when it is pointed elsewhere", async () => {
  const link = nowhere();
  Deno.symlinkSync(folderOf({ "a.yaml": manifest("n1") }), link);
  await using trial = await watch(link);
  assert.equal(trial.shown, "n1=a");
  Deno.symlinkSync(folderOf({ "a.yaml": manifest("n1", "b") }), `${link}.new`);
  Deno.renameSync(`${link}.new`, link);
  await trial.shows("n1=b");
  Deno.writeTextFileSync(join(link, "c.yaml"), manifest("n3"));
  await trial.shows("n1=b n3=a", 500);
});

Deno.test("pipes and links to nothing or to themselves are named, and cost the others nothing", async () => {
  const folder = folderOf({ "z.yaml": manifest("n1") });
  await new Deno.Command("mkfifo", { args: [join(folder, "a.yaml")] }).output();
  Deno.symlinkSync("b.yaml", join(folder, "b.yaml"));
  Deno.symlinkSync("nothing", join(folder, "c.yaml"));
  await using trial = await watch(folder);
  assert.equal(trial.shown, "n1=a");
  assert.match(trial.problems, /^a.yaml: is not a file\nb.yaml: .*symbolic links.*\nc.yaml: No such file.*$/);
  for (const name of ["a.yaml", "b.yaml", "c.yaml"]) Deno.removeSync(join(folder, name));
  await trial.complains(/^$/);
});

Deno.test("what happens while the queue of events overflows is found", async () => {
  const folder = folderOf({ "a.yaml": manifest("n1"), "b.yaml": manifest("n2") });
  await using trial = await watch(folder);
  // Nobody reads events during this loop; the kernel keeps 16,384 of them and drops the rest.
  for (let i = 0; i < 10_000; i++) {
    Deno.renameSync(join(folder, "b.yaml"), join(folder, ".b"));
    Deno.renameSync(join(folder, ".b"), join(folder, "b.yaml"));
  }
  Deno.renameSync(join(folderOf({ "new": manifest("n3") }), "new"), join(folder, "c.yaml"));
  Deno.removeSync(join(folder, "b.yaml"));
  await trial.shows("n1=a n3=a", 900);
});

Deno.test("a folder that cannot be watched is polled, and the state says so", async () => {
  const folder = folderOf({ "a.yaml": manifest("n1") });
  // A user namespace of its own in which the kernel grants no inotify instance.
  const program = new URL("../../../test/sources/unwatchable.ts", import.meta.url).pathname;
  const config = join(dirname(program), "../../deno.json");
  const args = ["-r", Deno.execPath(), "run", "-A", "--config", config, program, folder];
  const { code, stdout, stderr } = await new Deno.Command("unshare", { args }).output();
  const said = new TextDecoder().decode(stdout) + new TextDecoder().decode(stderr);
  if (code !== 0 && /unshare failed/.test(said)) return console.log(`skipped: ${said.trim()}`);
  assert.match(said, /^cannot be watched, is polled \(.+\)\nn1=a\nn1=b\n$/, said);
});
