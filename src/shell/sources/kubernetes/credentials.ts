// What it takes to be let in by a Kubernetes API.

/** Everything that one request needs to know. */
export interface Access {
  /** PEM texts; empty: those that the runtime believes. */
  readonly caCerts: readonly string[];
  /** A client certificate with its key, PEM. */
  readonly pair?: { readonly cert: string; readonly key: string };
  /** `Authorization` and the like. Never in a log or an error. */
  readonly headers: Readonly<Record<string, string>>;
  readonly proxyUrl?: string;
}

/**
 * Why access may be out of date: it was refused (401, or the server's certificate was), or something is forbidden to it
 * (403), as it is to the token of another pod that was mounted by mistake.
 */
export type Doubt = "refused" | "forbidden";

/** Where access comes from; it may change while the agent runs. */
export interface Credentials {
  /** `https://10.96.0.1:443`, without a slash at the end. */
  readonly server: string;
  /** What an operator calls them: `the service account token /var/run/...`. */
  readonly identity: string;
  /** The namespace that they stand in; undefined: nobody says. */
  readonly namespace: string | undefined;
  /**
   * The present access, the same object until it changes.
   * @param doubt with one everything is read anew; a plugin is asked anew only when it was refused
   * @throws Error that says what is missing
   */
  readonly read: (doubt?: Doubt) => Promise<Access>;
}
