// The agent under a kernel that refuses: `forbidden_agent.ts DEED run ...` is `main.ts run ...` in which, from SIGUSR1 on, a filter
// (seccomp) answers some system calls with an error, its own and those of all that it starts. It can never be taken off again.

import { main } from "../../main.ts";

/** Of x86_64 and of aarch64, where there is one. */
const NUMBERS = {
  x86_64: { socket: 41, fsync: 74, rename: 82, renameat: 264, renameat2: 316, pipe2: 293, seccomp: 317 },
  aarch64: { socket: 198, fsync: 82, rename: -1, renameat: 38, renameat2: 276, pipe2: 59, seccomp: 277 },
}[Deno.build.arch];

const [EPERM, EMFILE, ENOSPC] = [1, 24, 28];
const AF_NETLINK = 16;

interface Refusal {
  readonly calls: readonly number[];
  readonly error: number;
  /** Only with this first argument. */
  readonly argument?: number;
}

const DEEDS: Readonly<Record<string, Refusal>> = {
  "nobody may talk to the kernel's network (EPERM)": {
    calls: [NUMBERS.socket],
    error: EPERM,
    argument: AF_NETLINK,
  },
  "no file may be put in place (EPERM)": {
    calls: [NUMBERS.rename, NUMBERS.renameat, NUMBERS.renameat2],
    error: EPERM,
  },
  "the disk is full (ENOSPC)": { calls: [NUMBERS.fsync], error: ENOSPC },
  "there are too many open files (EMFILE)": { calls: [NUMBERS.pipe2], error: EMFILE },
};

/** Names of what may be refused. */
export const REFUSALS: readonly string[] = Object.keys(DEEDS);

const [LOAD, JUMP_IF_EQUAL, RETURN] = [0x20, 0x15, 0x06];
const [ALLOW, FAIL] = [0x7fff0000, 0x00050000];
/** Places in struct seccomp_data. */
const [NUMBER, ARGUMENT] = [0, 16];

/** The filter as struct sock_filter[]: code, two jumps, a value. */
function programOf({ calls, error, argument }: Refusal): Uint8Array<ArrayBuffer> {
  const known = calls.filter((number) => number >= 0);
  const lines: [code: number, then: number, otherwise: number, value: number][] = [
    [LOAD, 0, 0, NUMBER],
    ...known.map((
      number,
      i,
    ): [number, number, number, number] => [JUMP_IF_EQUAL, known.length - i, 0, number]),
    [RETURN, 0, 0, ALLOW],
    ...(argument === undefined ? [] : [
      [LOAD, 0, 0, ARGUMENT],
      [JUMP_IF_EQUAL, 1, 0, argument],
      [RETURN, 0, 0, ALLOW],
    ] as [number, number, number, number][]),
    [RETURN, 0, 0, FAIL | error],
  ];
  const bytes = new Uint8Array(lines.length * 8);
  const view = new DataView(bytes.buffer);
  for (const [i, [code, then, otherwise, value]] of lines.entries()) {
    view.setUint16(i * 8, code, true);
    view.setUint8(i * 8 + 2, then);
    view.setUint8(i * 8 + 3, otherwise);
    view.setUint32(i * 8 + 4, value, true);
  }
  return bytes;
}

const [SET_NO_NEW_PRIVS, MODE_FILTER, ALL_THREADS] = [38, 1, 1];

function forbid(refusal: Refusal): void {
  const { symbols } = Deno.dlopen("libc.so.6", {
    prctl: { parameters: ["i32", "usize", "usize", "usize", "usize"], result: "i32" },
    syscall: { parameters: ["isize", "usize", "usize", "buffer"], result: "isize" },
  });
  const program = programOf(refusal);
  const head = new Uint8Array(16); // struct sock_fprog
  const view = new DataView(head.buffer);
  view.setUint16(0, program.length / 8, true);
  view.setBigUint64(8, BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(program))), true);
  symbols.prctl(SET_NO_NEW_PRIVS, 1n, 0n, 0n, 0n);
  const result = symbols.syscall(BigInt(NUMBERS.seccomp), BigInt(MODE_FILTER), BigInt(ALL_THREADS), head);
  if (result !== 0n) throw new Error(`seccomp: ${result}`);
}

if (import.meta.main) {
  const [deed, ...argv] = Deno.args;
  const refusal = DEEDS[deed!];
  if (refusal === undefined) throw new Error(`unknown deed ${deed}`);
  Deno.addSignalListener("SIGUSR1", () => {
    forbid(refusal);
    console.error("forbidden");
  });
  Deno.exit(await main(argv));
}
