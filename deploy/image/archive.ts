// An image as one file that `docker load`, `podman load`, `ctr images import` and `kind load image-archive` read: an OCI
// layout with docker's manifest.json beside it, as `docker save` writes since version 25. Pure: entries in, entries out.

import { type Entry, tarOf } from "./tar.ts";

/** What an image is made of. */
export interface Image {
  /** `wigglenet:0.1.0`; without a registry in it, docker's is meant. */
  readonly name: string;
  /** As OCI names it: amd64, arm64. */
  readonly architecture: string;
  /** Trees, each over those before it; what changes most comes last. */
  readonly layers: readonly (readonly Entry[])[];
  readonly env: readonly string[];
  readonly entrypoint: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
}

const OCI = "application/vnd.oci.image";

interface Blob {
  readonly mediaType: string;
  readonly digest: string;
  readonly size: number;
  readonly content: Uint8Array<ArrayBuffer>;
}

/** The archive of an image, and the digest by which a registry would name it. */
export async function archiveOf(
  image: Image,
): Promise<{ readonly bytes: Uint8Array<ArrayBuffer>; readonly digest: string }> {
  const layers = await Promise.all(
    image.layers.map((entries) => blob(`${OCI}.layer.v1.tar`, tarOf(entries))),
  );
  const config = await blob(`${OCI}.config.v1+json`, json(configOf(image, layers)));
  const manifest = await blob(
    `${OCI}.manifest.v1+json`,
    json({
      schemaVersion: 2,
      mediaType: `${OCI}.manifest.v1+json`,
      config: described(config),
      layers: layers.map(described),
    }),
  );
  const blobs = new Map([...layers, config, manifest].map((one) => [pathOf(one), one.content]));
  const index = {
    schemaVersion: 2,
    mediaType: `${OCI}.index.v1+json`,
    manifests: [{ ...described(manifest), annotations: annotationsOf(image) }],
  };
  const docker = [{ Config: pathOf(config), RepoTags: [image.name], Layers: layers.map(pathOf) }];
  const entries: Entry[] = [
    ...["blobs", "blobs/sha256"].map((path) => ({ path, mode: 0o755, content: "folder" as const })),
    ...[...blobs].map(([path, content]) => ({ path, mode: 0o644, content })),
    { path: "index.json", mode: 0o644, content: json(index) },
    { path: "manifest.json", mode: 0o644, content: json(docker) },
    { path: "oci-layout", mode: 0o644, content: json({ imageLayoutVersion: "1.0.0" }) },
  ];
  return { bytes: tarOf(entries), digest: manifest.digest };
}

function configOf(image: Image, layers: readonly Blob[]): unknown {
  return {
    created: "1970-01-01T00:00:00Z",
    architecture: image.architecture,
    os: "linux",
    config: { Env: image.env, Entrypoint: image.entrypoint, WorkingDir: "/", Labels: image.labels },
    rootfs: { type: "layers", diff_ids: layers.map(({ digest }) => digest) },
    history: layers.map(() => ({ created: "1970-01-01T00:00:00Z", created_by: "deno task image" })),
  };
}

/** containerd takes the whole name from here, others the tag. */
function annotationsOf({ name }: Image): Record<string, string> {
  return {
    "io.containerd.image.name": name.includes("/") ? name : `docker.io/library/${name}`,
    "org.opencontainers.image.ref.name": name.slice(name.lastIndexOf(":") + 1),
  };
}

async function blob(mediaType: string, content: Uint8Array<ArrayBuffer>): Promise<Blob> {
  const hash = new Uint8Array(await crypto.subtle.digest("SHA-256", content)).toHex();
  return { mediaType, digest: `sha256:${hash}`, size: content.length, content };
}

function described({ mediaType, digest, size }: Blob): Omit<Blob, "content"> {
  return { mediaType, digest, size };
}

function pathOf({ digest }: Blob): string {
  return `blobs/${digest.replace(":", "/")}`;
}

function json(value: unknown): Uint8Array<ArrayBuffer> {
  return new TextEncoder().encode(JSON.stringify(value));
}
