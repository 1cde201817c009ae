// Checks the Markdown of the repository: links lead somewhere, TypeScript in it compiles, decisions fit a page.

import { decisionObjection, type Document, hasTypeScript, linksOf } from "./documents.ts";

async function* documentsIn(folder: string): AsyncGenerator<Document> {
  for await (const { name, isDirectory } of Deno.readDir(folder)) {
    const path = folder === "." ? name : `${folder}/${name}`;
    if (isDirectory && !name.startsWith(".") && name !== "node_modules") yield* documentsIn(path);
    else if (name.endsWith(".md")) yield { path, text: await Deno.readTextFile(path) };
  }
}

async function isThere(path: string): Promise<boolean> {
  return await Deno.stat(path).then(() => true, () => false);
}

const objections: string[] = [];
const withTypeScript: string[] = [];
let count = 0;
for await (const document of documentsIn(".")) {
  count++;
  for (const link of linksOf(document)) {
    if (!await isThere(link)) objections.push(`${document.path} links to ${link}, which is not there`);
  }
  const objection = decisionObjection(document);
  if (objection !== undefined) objections.push(`${document.path} ${objection}`);
  if (hasTypeScript(document)) withTypeScript.push(document.path);
}
for (const objection of objections) console.error(objection);
console.log(`Checked ${count} documents, found ${objections.length} problems`);
if (objections.length > 0) Deno.exit(1);

if (withTypeScript.length > 0) {
  const args = ["check", "--doc-only", ...withTypeScript];
  const { code } = await new Deno.Command(Deno.execPath(), { args }).spawn().status;
  Deno.exit(code);
}
