import assert from "node:assert/strict";
import { ApiClient } from "./api_client.ts";
import type { Credentials } from "./credentials.ts";
import { aheadOf } from "./api_clock.ts";

for (const [what, seconds] of [["right", 0], ["an hour ahead", 3_600], ["a day behind", -86_400]] as const) {
  Deno.test(`of an API the clock is compared with its header Date: this one is ${what}`, async () => {
    const date = () => new Date(Date.now() - seconds * 1_000).toUTCString();
    await using server = Deno.serve(
      { port: 0, hostname: "127.0.0.1", onListen: () => {} },
      () => new Response("{}", { headers: { date: date() } }),
    );
    const credentials: Credentials = {
      server: `http://127.0.0.1:${server.addr.port}`,
      identity: "nobody",
      namespace: undefined,
      read: () => Promise.resolve({ caCerts: [], headers: {} }),
    };
    const client = new ApiClient(credentials, 5_000);
    const ahead = await aheadOf(client);
    assert.ok(ahead !== undefined && Math.abs(ahead - seconds) < 2, String(ahead));
  });
}
