// Checks the Markdown of the repository: links lead somewhere, TypeScript in it compiles, decisions fit a page,
// the tasks that it names exist, and the commands that it marks do what it says.

import manifest from "../../deno.json" with { type: "json" };
import { commandsIn, type ShownCommand, tasksIn } from "./commands.ts";
import {
  citationsIn,
  decisionObjection,
  type Document,
  hasTypeScript,
  linksOf,
  unshownItems,
} from "./documents.ts";

/** Folders of what is made of the repository, or for it. */
const MADE: readonly string[] = ["dist", "node_modules"];

async function* documentsIn(folder: string): AsyncGenerator<Document> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = folder === "." ? name : `${folder}/${name}`;
    if (isDirectory && !name.startsWith(".") && !MADE.includes(path)) yield* documentsIn(path);
    else if (name.endsWith(".md")) yield { path, text: await Deno.readTextFile(path) };
  }
}

async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

/** Runs a command as a reader would; undefined when it ends as shown. */
async function commandObjection({ line, args, exitCode }: ShownCommand): Promise<string | undefined> {
  const env = { NO_COLOR: "1" };
  const { code, stderr } = await new Deno.Command(Deno.execPath(), { args: [...args], env }).output();
  if (code === exitCode) return;
  return `"${line}" ended with ${code}, not ${exitCode}: ${new TextDecoder().decode(stderr).trim()}`;
}

const objections: string[] = [];
const commands: ShownCommand[] = [];
const withTypeScript: string[] = [];
let count = 0;
let citations = 0;
for await (const document of documentsIn(".")) {
  count++;
  for (const link of linksOf(document)) {
    if (!await isThere(link)) objections.push(`${document.path} links to ${link}, which is not there`);
  }
  for (const { path, name } of citationsIn(document)) {
    const tests = await Deno.readTextFile(path).catch(() => "");
    if (!tests.includes(name)) {
      objections.push(`${document.path} names the test "${name}", which ${path} has not`);
    } else citations++;
  }
  for (const item of unshownItems(document)) {
    objections.push(`${document.path} says what no test shows: ${item.split("\n")[0]}`);
  }
  const objection = decisionObjection(document);
  if (objection !== undefined) objections.push(`${document.path} ${objection}`);
  for (const task of tasksIn(document)) {
    if (!(task in manifest.tasks)) {
      objections.push(`${document.path} names the task ${task}, which is not there`);
    }
  }
  commands.push(...commandsIn(document));
  if (hasTypeScript(document)) withTypeScript.push(document.path);
}
for (const command of commands) {
  const objection = await commandObjection(command);
  if (objection !== undefined) objections.push(objection);
}
for (const objection of objections) console.error(objection);
console.log(
  `Checked ${count} documents, ${commands.length} commands and ${citations} tests that they name, found ${objections.length} problems`,
);
if (objections.length > 0) Deno.exit(1);

if (withTypeScript.length > 0) {
  const args = ["check", "--doc-only", ...withTypeScript];
  const { code } = await new Deno.Command(Deno.execPath(), { args }).spawn().status;
  Deno.exit(code);
}
