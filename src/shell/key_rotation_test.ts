import assert from "node:assert/strict";
import { settingsOf } from "../../test/cluster.ts";
import { temporaryFolder } from "../../test/sources/temporary_folder.ts";
import { readPublicKey } from "./key_file.ts";
import { moveKey, readRotation, requestRotation } from "./key_rotation.ts";

const KEY = "yAnz5TF+lXXJte14tji3zlMNq+hd2rYUIgJBgB3fBmk="; // of the paper's example
const DAY_MS = 86_400_000;

async function scene(ageDays = 0, keyRotation = "off") {
  const folder = temporaryFolder();
  const path = `${folder}/private.key`;
  await Deno.writeTextFile(path, KEY, { mode: 0o600 });
  const madeAt = new Date(Date.now() - ageDays * DAY_MS);
  await Deno.utime(path, madeAt, madeAt);
  const settings = settingsOf({ WIGGLENET_PRIVKEY_PATH: path, KEY_ROTATION: keyRotation });
  const files = async () => {
    const names = await Array.fromAsync(Deno.readDir(folder), ({ name }) => name);
    const modes = await Promise.all(names.map((name) => Deno.stat(`${folder}/${name}`)));
    assert.deepEqual(modes.filter(({ mode }) => (mode! & 0o777) !== 0o600), []);
    return names.sort();
  };
  return { path, files, rotation: () => readRotation(settings) };
}

Deno.test("A key that is asked for is announced, takes over and is then the only one", async () => {
  const { path, files, rotation } = await scene();
  assert.deepEqual(await rotation(), {});
  const asked = await requestRotation(path);
  assert.equal(await requestRotation(path), undefined);
  assert.deepEqual(await rotation(), { isRotationDue: true });
  await moveKey("begin", path);
  assert.deepEqual(await rotation(), { nextKey: asked });
  assert.equal(await requestRotation(path), undefined);
  assert.notEqual(await readPublicKey(path), asked);
  await moveKey("takeOver", path);
  assert.deepEqual([await readPublicKey(path), await rotation()], [asked, { nextKey: asked }]);
  assert.deepEqual(await files(), ["private.key", "private.key.next"]);
  await moveKey("end", path);
  assert.deepEqual([await files(), await rotation(), await readPublicKey(path)], [
    ["private.key"],
    {},
    asked,
  ]);
});

Deno.test("KEY_ROTATION makes a key of its own once this one is old, when this node's turn has come", async () => {
  const young = await scene(26, "30d");
  assert.deepEqual(await young.rotation(), {});
  const days = Array.from({ length: 40 }, (_, i) => 27 + i / 10);
  const ages = await Promise.all(
    days.map(async (age) => ({ age, rotation: await (await scene(age, "30d")).rotation() })),
  );
  const turn = ages.find(({ rotation }) => rotation.isRotationDue)!;
  assert.ok(turn.age <= 30.1, `${turn.age}`);
  const old = await scene(turn.age, "30d");
  await moveKey("begin", old.path);
  assert.deepEqual(await old.files(), ["private.key", "private.key.next"]);
  assert.match((await old.rotation()).nextKey!, /^\S{44}$/);
});

Deno.test("Junk beside the key stops nobody, is told, and takes the place of no key", async () => {
  const { path, files, rotation } = await scene();
  await Deno.writeTextFile(`${path}.requested`, "junk", { mode: 0o600 });
  await moveKey("begin", path);
  assert.match((await rotation()).nextKey!, /^\S{44}$/);
  const before = await readPublicKey(path);
  await Deno.writeTextFile(`${path}.next`, "junk", { mode: 0o600 });
  const { trouble, ...rest } = await rotation();
  assert.deepEqual(rest, {});
  assert.match(trouble!, /private\.key\.next holds no WireGuard key: restore it, or remove it/);
  await assert.rejects(moveKey("takeOver", path));
  assert.deepEqual([await readPublicKey(path), await files()], [before, ["private.key", "private.key.next"]]);
});

Deno.test("An agent that is killed as a rotation begins has begun one, not two", async () => {
  const { path, files } = await scene();
  const asked = await requestRotation(path);
  await Deno.copyFile(`${path}.requested`, `${path}.next`);
  await moveKey("takeOver", path);
  await moveKey("end", path);
  assert.deepEqual([await readPublicKey(path), await files()], [asked, ["private.key"]]);
});
