// A program that puts frames on an interface as fast as it can: `sender.ts INTERFACE`, one JSON line of Traffic in,
// one of Sent out. A veth hands a frame on within the send: the time of the sending thread is the whole way of the
// packets, through the router's rules to the end, and nobody else's programs are in it.

import { type Frames, type Traffic, udpFrames } from "./udp_frames.ts";

/** What sending took. */
export interface Sent {
  /** Processor time of this thread for a frame, the median of ten parts of the whole. */
  readonly cpuNs: number;
  /** The same by the wall clock: larger where others use the processor. */
  readonly wallNs: number;
}

const AF_PACKET = 17;
const SOCK_RAW = 3;
const CLOCK_THREAD_CPUTIME_ID = 3;
const FRAMES_PER_CALL = 256;
const PARTS = 10;

const libc = Deno.dlopen("libc.so.6", {
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  if_nametoindex: { parameters: ["buffer"], result: "u32" },
  sendmmsg: { parameters: ["i32", "pointer", "u32", "i32"], result: "i32" },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
  sched_setaffinity: { parameters: ["i32", "usize", "buffer"], result: "i32" },
  __errno_location: { parameters: [], result: "pointer" },
}).symbols;

function succeed(what: string, result: number): number {
  if (result >= 0) return result;
  const errno = new Deno.UnsafePointerView(libc.__errno_location()!).getInt32();
  throw new Error(`${what} failed with errno ${errno}`);
}

function open(name: string): number {
  const index = libc.if_nametoindex(new TextEncoder().encode(`${name}\0`));
  if (index === 0) throw new Error(`There is no interface ${name}`);
  const socket = succeed("socket", libc.socket(AF_PACKET, SOCK_RAW, 0));
  const address = new Uint8Array(20); // struct sockaddr_ll
  new DataView(address.buffer).setUint16(0, AF_PACKET, true);
  new DataView(address.buffer).setInt32(4, index, true);
  succeed("bind", libc.bind(socket, address, address.length));
  return socket;
}

/** An array of `struct mmsghdr`, 64 bytes each on 64-bit machines, every one with an iovec of its own. */
class Messages {
  readonly #iovecs: BigUint64Array<ArrayBuffer>;
  readonly #headers: BigUint64Array<ArrayBuffer>;

  constructor(readonly frames: Frames) {
    const { bytes, size, count } = frames;
    this.#iovecs = new BigUint64Array(2 * count);
    this.#headers = new BigUint64Array(8 * count);
    const [data, iovecs] = [addressOf(bytes), addressOf(this.#iovecs)];
    for (let i = 0; i < count; i++) {
      this.#iovecs.set([data + BigInt(i * size), BigInt(size)], 2 * i);
      this.#headers.set([0n, 0n, iovecs + BigInt(16 * i), 1n], 8 * i);
    }
  }

  send(socket: number, first: number, end: number): void {
    const headers = addressOf(this.#headers);
    while (first < end) {
      const pointer = Deno.UnsafePointer.create(headers + BigInt(64 * first));
      const count = Math.min(FRAMES_PER_CALL, end - first);
      first += succeed("sendmmsg", libc.sendmmsg(socket, pointer, count, 0));
    }
  }
}

function addressOf(array: Uint8Array<ArrayBuffer> | BigUint64Array<ArrayBuffer>): bigint {
  return Deno.UnsafePointer.value(Deno.UnsafePointer.of(array));
}

function cpuNs(): number {
  const time = new BigInt64Array(2);
  succeed("clock_gettime", libc.clock_gettime(CLOCK_THREAD_CPUTIME_ID, time));
  return Number(time[0]! * 1_000_000_000n + time[1]!);
}

function send(socket: number, traffic: Traffic): Sent {
  const messages = new Messages(udpFrames(traffic));
  const parts = Math.min(PARTS, traffic.count);
  const times: Sent[] = [];
  for (let i = 0; i < parts; i++) {
    const [first, end] = [i, i + 1].map((k) => Math.floor(k * traffic.count / parts)) as [number, number];
    const [cpu, wall] = [cpuNs(), performance.now()];
    messages.send(socket, first, end);
    const frames = end - first;
    times.push({ cpuNs: (cpuNs() - cpu) / frames, wallNs: (performance.now() - wall) * 1e6 / frames });
  }
  return { cpuNs: middle(times.map((t) => t.cpuNs)), wallNs: middle(times.map((t) => t.wallNs)) };
}

function middle(values: number[]): number {
  return values.sort((a, b) => a - b)[values.length >> 1]!;
}

/** A thread that moves between processors pays for it with its caches. */
function stayOnOneProcessor(): void {
  succeed("sched_setaffinity", libc.sched_setaffinity(0, 8n, new BigUint64Array([1n])));
}

const socket = open(Deno.args[0]!);
stayOnOneProcessor();
let rest = "";
for await (const text of Deno.stdin.readable.pipeThrough(new TextDecoderStream())) {
  const lines = (rest + text).split("\n");
  rest = lines.pop()!;
  for (const line of lines) console.log(JSON.stringify(send(socket, JSON.parse(line) as Traffic)));
}
