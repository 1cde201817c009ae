import assert from "node:assert/strict";
import { commandsIn, tasksIn } from "./commands.ts";

const document = (text: string) => ({ path: "a.md", text });

Deno.test("only the commands of marked blocks are run, without their remarks", () => {
  const text = [
    "```sh\ndeno task demo\n```",
    "<!-- run -->\n\n```sh\ndeno run -A main.ts version   # a remark\n\nnpx -y deno@2.9.6 --version\n```",
    "<!-- run: 2 -->\n```sh\ndeno run main.ts rum\n```",
  ].join("\n\n");
  assert.deepEqual(commandsIn(document(text)).map(({ args, exitCode }) => [args.join(" "), exitCode]), [
    ["run -A main.ts version", 0],
    ["--version", 0],
    ["run main.ts rum", 2],
  ]);
});

Deno.test("a marked line that needs a shell or another program is an error that names it", () => {
  for (const line of ["deno run main.ts | head", "rm -rf /", "deno eval 'x'", "deno run $HOME/x.ts"]) {
    const text = `<!-- run -->\n\`\`\`sh\n${line}\n\`\`\`\n`;
    assert.throws(() => commandsIn(document(text)), (error: Error) => error.message.includes(line));
  }
});

Deno.test("tasks are found in blocks and in sentences, once each", () => {
  const text =
    "```sh\nnpx -y deno@2.9.6 task demo\n```\n`deno task bench:packet`, `deno task demo` and a deno task.";
  assert.deepEqual(tasksIn(document(text)), ["demo", "bench:packet"]);
});
