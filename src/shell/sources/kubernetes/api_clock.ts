// What time it is where the API runs: the header `Date` of any answer (RFC 9110, 6.6.1), in whole seconds.

import type { GivenSettings } from "../../../core/settings/settings.ts";
import { missingSource, openApi } from "../open_source.ts";
import type { ApiClient } from "./api_client.ts";

/** This host's clock less that of the API; undefined: no API is asked for Nodes, or it says no time. */
export async function apiAheadSeconds(settings: GivenSettings): Promise<number | undefined> {
  if (settings.nodes.length > 0 || missingSource(settings) !== undefined) return undefined;
  return await aheadOf(await openApi(settings));
}

/** The same of one API. Throws ApiError when it does not answer. */
export async function aheadOf(client: ApiClient): Promise<number | undefined> {
  const controller = new AbortController();
  const ask = {
    verb: "list",
    what: "the version",
    resource: { group: "", plural: "version" },
    path: "/version",
    controller,
  } as const;
  const startMs = performance.now();
  const response = await client.ask(ask);
  await response.body?.cancel();
  const date = Date.parse(response.headers.get("date") ?? "");
  const halfMs = (performance.now() - startMs) / 2;
  return Number.isNaN(date) ? undefined : (Date.now() - halfMs - date) / 1000;
}
