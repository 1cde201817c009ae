// Writes tar archives (POSIX.1-1988 ustar): the same entries give the same bytes, whoever builds them, whenever.

/** A file, folder or symbolic link of a tree, owned by root. */
export interface Entry {
  /** From the root of the tree, without a slash at either end. */
  readonly path: string;
  readonly mode: number;
  readonly content: Uint8Array | "folder" | { readonly linkTo: string };
}

const BLOCK = 512;
const TEXT = new TextEncoder();

/**
 * One archive of all entries, sorted by path, so that a folder comes before what is in it.
 * @throws Error for a path that ustar has no room for, and for one that comes twice
 */
export function tarOf(entries: readonly Entry[]): Uint8Array<ArrayBuffer> {
  const sorted = entries.toSorted((a, b) => a.path < b.path ? -1 : a.path > b.path ? 1 : 0);
  const size = sorted.reduce((sum, entry) => sum + BLOCK + padded(bytesOf(entry).length), 2 * BLOCK);
  const archive = new Uint8Array(size);
  let at = 0;
  let previous: string | undefined;
  for (const entry of sorted) {
    if (entry.path === previous) throw new Error(`${entry.path} is in the tree twice`);
    previous = entry.path;
    archive.set(headOf(entry), at);
    archive.set(bytesOf(entry), at + BLOCK);
    at += BLOCK + padded(bytesOf(entry).length);
  }
  return archive;
}

function bytesOf({ content }: Entry): Uint8Array {
  return content instanceof Uint8Array ? content : new Uint8Array();
}

function padded(size: number): number {
  return Math.ceil(size / BLOCK) * BLOCK;
}

function headOf(entry: Entry): Uint8Array {
  const head = new Uint8Array(BLOCK);
  const put = (offset: number, text: string) => head.set(TEXT.encode(text), offset);
  const number = (offset: number, width: number, value: number) =>
    put(offset, value.toString(8).padStart(width - 1, "0"));
  const { content, mode } = entry;
  const isFolder = content === "folder";
  const target = typeof content === "object" && "linkTo" in content ? content.linkTo : "";
  const { prefix, name } = split(isFolder ? `${entry.path}/` : entry.path);
  put(0, name);
  number(100, 8, mode);
  number(108, 8, 0); // user root
  number(116, 8, 0); // group root
  number(124, 12, bytesOf(entry).length);
  number(136, 12, 0); // 1970: a time of building would make every archive another one
  put(148, " ".repeat(8)); // the checksum is taken with blanks in its place
  put(156, isFolder ? "5" : target === "" ? "0" : "2");
  if (TEXT.encode(target).length > 100) {
    throw new Error(`Target of ${entry.path} is too long for a tar archive`);
  }
  put(157, target);
  put(257, "ustar\x0000");
  put(345, prefix);
  put(148, `${head.reduce((sum, byte) => sum + byte, 0).toString(8).padStart(6, "0")}\0 `);
  return head;
}

/** Ustar has 100 bytes for a name and 155 for the folders above it. */
function split(path: string): { readonly prefix: string; readonly name: string } {
  if (TEXT.encode(path).length <= 100) return { prefix: "", name: path };
  for (let i = path.indexOf("/"); i > 0 && i < path.length - 1; i = path.indexOf("/", i + 1)) {
    const prefix = path.slice(0, i);
    const name = path.slice(i + 1);
    if (TEXT.encode(prefix).length <= 155 && TEXT.encode(name).length <= 100) return { prefix, name };
  }
  throw new Error(`${path} is too long for a tar archive`);
}
