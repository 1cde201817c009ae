// The files of deploy/kubernetes as values, read for the tests that compare them with the program.

import { loadAll } from "js-yaml";

/** A Kubernetes object, or a part of one in a patch. */
export type Manifest = Readonly<Record<string, unknown>> & { readonly kind: string };

/** A container of a DaemonSet, or a part of one. */
export interface Container {
  readonly name: string;
  readonly image?: string;
  readonly command?: readonly string[];
  readonly args?: readonly string[];
  readonly env?: readonly { readonly name: string; readonly value?: string; readonly valueFrom?: unknown }[];
  readonly volumeMounts?: readonly {
    readonly name?: string;
    readonly mountPath: string;
    readonly readOnly?: boolean;
    readonly $patch?: "delete";
  }[];
  readonly resources?: { readonly limits?: Readonly<Record<string, string>> };
  readonly securityContext?: Readonly<Record<string, unknown>>;
  readonly [probe: string]: unknown;
}

/** A volume of the host. */
export interface Volume {
  readonly name: string;
  readonly hostPath?: { readonly path: string; readonly type: string };
  readonly $patch?: "delete";
}

/** What a pod is made from. */
export interface PodSpec {
  readonly initContainers?: readonly (Container & { readonly $patch?: "delete" })[];
  readonly containers?: readonly Container[];
  readonly volumes?: readonly Volume[];
  readonly [field: string]: unknown;
}

/** A file of a variant. */
export interface DeployFile {
  /** From deploy/kubernetes. */
  readonly path: string;
  /** Objects of the file, patches in it included. */
  readonly manifests: readonly Manifest[];
}

const FOLDER = new URL("../../deploy/kubernetes/", import.meta.url);

/** Folders that stand beside a variant. */
export const PARTS: readonly string[] = ["crds", "declared", "declared-secrets", "declared-tenants"];
/** Names of the variants: folders that `kubectl apply -k` takes, with an agent in each. */
export const VARIANTS: readonly string[] = [...Deno.readDirSync(FOLDER)]
  .filter(({ isDirectory, name }) => isDirectory && !PARTS.includes(name)).map(({ name }) => name).sort();

/** All files of all of them. */
export const FILES: readonly DeployFile[] = [...VARIANTS, ...PARTS].flatMap((variant) =>
  [...Deno.readDirSync(new URL(variant, FOLDER))].filter(({ name }) => name.endsWith(".yaml")).map(
    ({ name }) => {
      const path = `${variant}/${name}`;
      const manifests = loadAll(Deno.readTextFileSync(new URL(path, FOLDER))) as Manifest[];
      return { path, manifests: manifests.flatMap((manifest) => [manifest, ...patchesOf(manifest)]) };
    },
  )
);

function patchesOf({ patches = [] }: Manifest): Manifest[] {
  return (patches as readonly { readonly patch: string }[]).flatMap(({ patch }) =>
    loadAll(patch) as Manifest[]
  );
}

/** The pods of a file's DaemonSets and Jobs, and what its patches change of them. */
export function podsOf({ manifests }: DeployFile): PodSpec[] {
  return manifests.filter(({ kind }) => ["DaemonSet", "Job"].includes(kind)).map((manifest) =>
    (manifest as unknown as { spec: { template: { spec: PodSpec } } }).spec.template.spec
  );
}

/** The Job that is applied once for a node. */
export const CLEANUP: DeployFile = {
  path: "cleanup.yaml",
  manifests: loadAll(Deno.readTextFileSync(new URL("cleanup.yaml", FOLDER))) as Manifest[],
};

/** The file of that path. */
export function file(path: string): DeployFile {
  const found = FILES.find((file) => file.path === path);
  if (found === undefined) throw new Error(`deploy/kubernetes has no ${path}`);
  return found;
}
