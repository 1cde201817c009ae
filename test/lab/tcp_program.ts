// Runs inside a machine for tcp.ts: "listen PORT GREETING" or "connect ADDRESS PORT TIMEOUT_MS".

const [verb, ...args] = Deno.args as [string, string, string, string];

async function listen(port: number, greeting: string): Promise<never> {
  const listener = Deno.listen({ hostname: "::", port }); // takes IPv4 as well
  console.log("listening");
  while (true) {
    const connection = await listener.accept();
    await connection.write(new TextEncoder().encode(greeting)).catch(() => {});
    connection.close();
  }
}

async function connect(hostname: string, port: number, timeoutMs: number): Promise<unknown> {
  const late = new Promise<"timeout">((resolve) => setTimeout(() => resolve("timeout"), timeoutMs));
  const open = Deno.connect({ hostname, port }).then(
    async (connection) => new TextDecoder().decode(await readAll(connection)),
    (error) => error,
  );
  const result = await Promise.race([open, late]);
  if (result === "timeout") return { isOpen: false, reason: "timeout" };
  if (typeof result === "string") return { isOpen: true, greeting: result };
  return {
    isOpen: false,
    reason: result instanceof Deno.errors.ConnectionRefused ? "refused" : "unreachable",
  };
}

async function readAll(connection: Deno.Conn): Promise<Uint8Array> {
  return new Uint8Array(await new Response(connection.readable).arrayBuffer());
}

if (verb === "listen") await listen(Number(args[0]), args[1]);
console.log(JSON.stringify(await connect(args[0], Number(args[1]), Number(args[2]))));
Deno.exit(0); // a pending connect would keep the process
