// What a program or library needs in order to be loaded, read from the file itself (elf(5)): it works for another
// machine's programs too, and runs none of them, as ldd does.

/** The head of an ELF file, as far as the loader asks. */
export interface Elf {
  readonly machine: "amd64" | "arm64" | "another";
  /** Path of the loader; undefined for a library, and for a program that needs none. */
  readonly interpreter: string | undefined;
  /** Names of libraries. */
  readonly needed: readonly string[];
}

const MACHINES: Readonly<Record<number, Elf["machine"]>> = { 0x3e: "amd64", 0xb7: "arm64" };
const LOAD = 1, DYNAMIC = 2, INTERPRETER = 3;
const NEEDED = 1n, STRING_TABLE = 5n, RPATH = 15n, RUNPATH = 29n;

/**
 * Reads a file's head; undefined when it is no ELF file of 64 bits, little endian.
 * @throws Error where libraries would be looked for at places of the file's own (RPATH), which nobody here follows
 */
export function parseElf(file: Uint8Array): Elf | undefined {
  if (file.length < 64 || [0x7f, 0x45, 0x4c, 0x46, 2, 1].some((byte, i) => file[i] !== byte)) {
    return undefined;
  }
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const segments = Array.from({ length: view.getUint16(56, true) }, (_, i) => {
    const at = Number(view.getBigUint64(32, true)) + i * view.getUint16(54, true);
    const field = (offset: number) => Number(view.getBigUint64(at + offset, true));
    return { type: view.getUint32(at, true), offset: field(8), address: field(16), size: field(32) };
  });
  const interpreter = segments.find(({ type }) => type === INTERPRETER);
  const dynamic = segments.find(({ type }) => type === DYNAMIC);
  const tags = dynamic === undefined ? [] : tagsOf(view, dynamic);
  const table = tags.find(([tag]) => tag === STRING_TABLE)?.[1] ?? 0;
  const home = segments.find(({ type, address, size }) =>
    type === LOAD && address <= table && table < address + size
  );
  const textAt = (at: number) => text(file, table - (home?.address ?? 0) + (home?.offset ?? 0) + at);
  const path = tags.find(([tag]) => tag === RPATH || tag === RUNPATH);
  if (path !== undefined) throw new Error(`RPATH ${textAt(path[1])} is not followed`);
  return {
    machine: MACHINES[view.getUint16(18, true)] ?? "another",
    interpreter: interpreter === undefined ? undefined : text(file, interpreter.offset),
    needed: tags.filter(([tag]) => tag === NEEDED).map(([, at]) => textAt(at)),
  };
}

function tagsOf(view: DataView, { offset, size }: { offset: number; size: number }): [bigint, number][] {
  return Array.from({ length: size / 16 }, (_, i) => [
    view.getBigUint64(offset + 16 * i, true),
    Number(view.getBigUint64(offset + 16 * i + 8, true)),
  ]);
}

function text(file: Uint8Array, at: number): string {
  return new TextDecoder().decode(file.subarray(at, file.indexOf(0, at)));
}
