// The far end of a cable: packet sockets on the interfaces of a network that has no IP of its own, so that
// nothing but what a test sends is on the wire, and all that comes out is seen.

import { type Packet, packetOf } from "./frames.ts";
import type { Host } from "./host.ts";

const AF_INET = 2, AF_INET6 = 10, AF_PACKET = 17;
const SOCK_DGRAM = 2, SOCK_RAW = 3;
const IPPROTO_RAW = 255;
const CLONE_NEWNET = 0x40000000;
const MSG_DONTWAIT = 0x40;
const SOL_PACKET = 263, PACKET_IGNORE_OUTGOING = 23;
const ALL_PROTOCOLS = 0x0300; // ETH_P_ALL, big endian

const SYMBOLS = {
  open: { parameters: ["buffer", "i32"], result: "i32" },
  close: { parameters: ["i32"], result: "i32" },
  setns: { parameters: ["i32", "i32"], result: "i32" },
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  sendto: { parameters: ["i32", "buffer", "usize", "i32", "buffer", "u32"], result: "isize" },
  recv: { parameters: ["i32", "buffer", "usize", "i32"], result: "isize" },
  if_nametoindex: { parameters: ["buffer"], result: "u32" },
} as const;

let libc: Deno.DynamicLibrary<typeof SYMBOLS> | undefined;

function call(): Deno.DynamicLibrary<typeof SYMBOLS>["symbols"] {
  return (libc ??= Deno.dlopen("libc.so.6", SYMBOLS)).symbols;
}

function checked(result: number | bigint, what: string): number {
  if (result < 0) throw new Error(`Cannot ${what}`);
  return Number(result);
}

function cString(text: string): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(`${text}\0`);
}

/** Does something within a machine's network. It must not await: the whole thread is there meanwhile. */
function within<T>({ netns }: Host, act: () => T): T {
  const c = call();
  const home = checked(c.open(cString("/proc/thread-self/ns/net"), 0), "open the own network");
  const away = checked(c.open(cString(netns), 0), `open ${netns}`);
  checked(c.setns(away, CLONE_NEWNET), `enter ${netns}`);
  try {
    return act();
  } finally {
    checked(c.setns(home, CLONE_NEWNET), "come back");
    c.close(home);
    c.close(away);
  }
}

/** One end of a cable. */
export class Wire {
  readonly #socket: number;
  readonly #buffer = new Uint8Array(65536);

  /** Listens on an interface of the machine; frames are sent as they are. */
  constructor(host: Host, readonly link: string) {
    const c = call();
    this.#socket = within(host, () => {
      const socket = checked(c.socket(AF_PACKET, SOCK_RAW, 0), "make a packet socket");
      const index = c.if_nametoindex(cString(link));
      if (index === 0) throw new Error(`${host.name} has no interface ${link}`);
      c.setsockopt(socket, SOL_PACKET, PACKET_IGNORE_OUTGOING, Uint8Array.of(1, 0, 0, 0), 4);
      const address = new DataView(new ArrayBuffer(20));
      address.setUint16(0, AF_PACKET, true);
      address.setUint16(2, ALL_PROTOCOLS, true);
      address.setUint32(4, index, true);
      checked(c.bind(socket, new Uint8Array(address.buffer), 20), `listen on ${link}`);
      return socket;
    });
  }

  /** Puts a frame on the wire. */
  send(frame: Uint8Array<ArrayBuffer>): void {
    const sent = call().sendto(this.#socket, frame, BigInt(frame.length), 0, null, 0);
    checked(sent, `send ${frame.length} bytes on ${this.link}`);
  }

  /** All packets that came since the last call. */
  receive(): Packet[] {
    const packets: Packet[] = [];
    for (;;) {
      const length = Number(call().recv(this.#socket, this.#buffer, 65536n, MSG_DONTWAIT));
      if (length < 0) return packets;
      packets.push(packetOf(Date.now() / 1000, this.#buffer.slice(0, length)));
    }
  }

  close(): void {
    call().close(this.#socket);
  }
}

/** Sends one UDP datagram from a socket of the machine itself; false when its kernel refused. */
export function sendUdp(
  host: Host,
  { address, ports, payload }: {
    address: Uint8Array;
    ports: readonly [source: number, destination: number];
    payload: Uint8Array<ArrayBuffer>;
  },
): boolean {
  const c = call();
  const isIpv4 = address.length === 4;
  return within(host, () => {
    const socket = checked(c.socket(isIpv4 ? AF_INET : AF_INET6, SOCK_DGRAM, 0), "make a UDP socket");
    const [source, target] = [
      socketAddress(ports[0], new Uint8Array(address.length)),
      socketAddress(ports[1], address),
    ];
    checked(c.bind(socket, source, source.length), `take UDP port ${ports[0]} on ${host.name}`);
    const sent = c.sendto(socket, payload, BigInt(payload.length), 0, target, target.length);
    c.close(socket);
    return Number(sent) === payload.length;
  });
}

/** An IP packet of anybody, sent by the machine itself: it passes the hook output, as what IPVS has rewritten. */
export function sendOut(host: Host, packet: Uint8Array<ArrayBuffer>): void {
  const c = call();
  const isIpv4 = packet[0]! >> 4 === 4;
  const destination = isIpv4 ? packet.slice(16, 20) : packet.slice(24, 40);
  within(host, () => {
    const socket = checked(c.socket(isIpv4 ? AF_INET : AF_INET6, SOCK_RAW, IPPROTO_RAW), "make a raw socket");
    const target = socketAddress(0, destination);
    // What a rule drops is refused.
    c.sendto(socket, packet, BigInt(packet.length), 0, target, target.length);
    c.close(socket);
  });
}

function socketAddress(port: number, address: Uint8Array): Uint8Array<ArrayBuffer> {
  const isIpv4 = address.length === 4;
  const view = new DataView(new ArrayBuffer(isIpv4 ? 16 : 28));
  view.setUint16(0, isIpv4 ? AF_INET : AF_INET6, true);
  view.setUint16(2, port);
  const all = new Uint8Array(view.buffer);
  all.set(address, isIpv4 ? 4 : 8);
  return all;
}
