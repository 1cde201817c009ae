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
   * @param wasRefused the last one was answered by 401: read everything anew
   * @throws Error that says what is missing
   */
  readonly read: (wasRefused: boolean) => Promise<Access>;
}
