import assert from "node:assert/strict";
import { CommandError } from "./command.ts";
import { LastReading } from "./last_reading.ts";

/** Words of a file, as a program prints it. */
class Words {
  reads = 0;
  readonly #last = new LastReading((text) => {
    this.reads++;
    return text.trim().split(" ");
  });

  constructor(private readonly path: string) {}

  read(): Promise<string[]> {
    return this.#last.read({ program: "cat", args: [this.path] });
  }
}

Deno.test("what a program prints again is not read again; anything else is, and what it cannot print is an error", async () => {
  const path = await Deno.makeTempFile();
  try {
    const words = new Words(path);
    await Deno.writeTextFile(path, "one two\n");
    const first = await words.read();
    assert.deepEqual(first, ["one", "two"]);
    assert.equal(await words.read(), first);
    assert.equal(words.reads, 1);
    await Deno.writeTextFile(path, "one six\n");
    const second = await words.read();
    assert.deepEqual(second, ["one", "six"]);
    assert.deepEqual(first, ["one", "two"]);
    await Deno.remove(path);
    await assert.rejects(words.read(), CommandError);
    await Deno.writeTextFile(path, "one six\n");
    assert.equal(await words.read(), second);
    assert.equal(words.reads, 2);
  } finally {
    await Deno.remove(path).catch(() => {});
  }
});
