// Declared networks of the cluster, and beside them those of its namespaces, where the API has such kinds: definitions and rights
// that a cluster need not have.

import type { ParsedDeclared } from "../../../core/declared/declared_object.ts";
import type { NodeParts } from "../../../core/declared/status/node_parts.ts";
import type { DeclaredSource } from "../declared_source.ts";
import type { SourceProblem } from "../node_source.ts";
import { type ApiDeclaredOptions, ApiDeclaredSource } from "./api_declared_source.ts";

/** Both. */
export class WithTenants implements DeclaredSource {
  readonly #cluster: ApiDeclaredSource;
  readonly #tenants: ApiDeclaredSource;
  #hasStarted = false;
  /** As the API last told them all. */
  #known: readonly ParsedDeclared[] | undefined;
  /** What {@link declared} last told, and of what. */
  #lists: readonly (readonly ParsedDeclared[])[] = [];
  #items: readonly ParsedDeclared[] = [];

  constructor(options: ApiDeclaredOptions) {
    this.#cluster = new ApiDeclaredSource(options);
    this.#tenants = new ApiDeclaredSource({ ...options, ofTenants: true });
  }

  listen(onChange: () => void): void {
    this.#cluster.listen(onChange);
    this.#tenants.listen(onChange);
  }

  start(): void {
    this.#cluster.start();
  }

  /** What is the cluster's waits for no tenant: a namespace may have more objects than can be listed. */
  declared(): readonly ParsedDeclared[] | undefined {
    const cluster = this.#cluster.declared();
    if (cluster === undefined) return undefined;
    if (!this.#hasStarted) {
      this.#hasStarted = true;
      this.#tenants.start();
    }
    this.#known = this.#tenants.declared() ?? this.#known;
    const tenants = this.#known ?? NONE;
    if (cluster !== this.#lists[0] || tenants !== this.#lists[1]) {
      this.#lists = [cluster, tenants];
      this.#items = tenants.length === 0 ? cluster : [...cluster, ...tenants];
    }
    return this.#items;
  }

  tenants(): "listed" | "kept" | "unknown" {
    if (this.#tenants.declared() !== undefined) return "listed";
    return this.#known !== undefined || this.#tenants.isAbsent ? "kept" : "unknown";
  }

  needNodes(areNeeded: boolean): void {
    this.#cluster.needNodes(areNeeded);
  }

  nodes(): readonly NodeParts[] | undefined {
    return this.#cluster.nodes();
  }

  problems(): readonly SourceProblem[] {
    return [...this.#cluster.problems(), ...this.#tenants.problems()];
  }

  /** Connections that stand may lead nowhere: somebody else could not reach the API. */
  doubt(): void {
    this.#cluster.doubt();
    this.#tenants.doubt();
  }

  async close(): Promise<void> {
    await Promise.all([this.#cluster.close(), this.#tenants.close()]);
  }
}

const NONE: readonly ParsedDeclared[] = [];
