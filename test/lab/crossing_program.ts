// Runs inside a machine between two peers, "PORT ADDRESS PORT ADDRESS": what comes to a port goes on to the address behind
// it, from the other port. The first packet of each side waits for that of the other: then their questions cross.

const WIREGUARD_PORT = 24601;
const [firstPort, first, secondPort, second] = Deno.args as [string, string, string, string];

interface Side {
  readonly socket: Deno.DatagramConn;
  readonly hostname: string;
  readonly held: Uint8Array[];
}

function sideOf(port: string, hostname: string): Side {
  const socket = Deno.listenDatagram({ transport: "udp", hostname: "0.0.0.0", port: Number(port) });
  return { socket, hostname, held: [] };
}

const sides = [sideOf(firstPort, first), sideOf(secondPort, second)] as const;
let isOpen = false;

async function pass(packet: Uint8Array, to: Side, from: Side): Promise<void> {
  await from.socket.send(packet, { transport: "udp", hostname: to.hostname, port: WIREGUARD_PORT });
}

async function relay(to: Side, from: Side): Promise<void> {
  for await (const [packet] of to.socket) {
    if (isOpen) {
      await pass(packet, to, from);
      continue;
    }
    to.held.push(packet.slice());
    if (from.held.length === 0) continue;
    isOpen = true;
    console.log("crossed");
    await Promise.all([pass(to.held[0]!, to, from), pass(from.held[0]!, from, to)]);
  }
}

console.log("listening");
await Promise.all([relay(sides[0], sides[1]), relay(sides[1], sides[0])]);
