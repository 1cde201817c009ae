// What is in the image, and why: this list is all of it. What is not named here, no shell and no package manager above
// all, is not in it.

import { IMAGE_PLUGINS, NODE_PLUGINS, PLUGINS } from "../../src/core/shipped/plugins.ts";
import { type Program, PROGRAM_PACKAGES, PROGRAM_PATHS } from "../../src/core/shipped/programs.ts";
import { WRITABLE } from "../../src/core/shipped/flags.ts";

/** A program and the package that it comes from. */
interface Origin {
  readonly name: string;
  readonly package: string;
}

/** Programs: those that the agent starts, at the first path where it looks. */
export const PROGRAMS: ReadonlyMap<string, Origin> = new Map(
  Object.entries(PROGRAM_PACKAGES).map(([name, from]) =>
    [
      PROGRAM_PATHS[name as Program][0]!.slice(1),
      { name, package: from },
    ] as const
  ),
);

/** CNI plugins that `wigglenet install-cni` puts onto a node which lacks them. */
export { PLUGINS };
/** Where they stand in the image. */
export const PLUGIN_FOLDER = IMAGE_PLUGINS.slice(1);
/** Their package, and where it has them. */
export const PLUGIN_PACKAGE = { name: "containernetworking-plugins", folder: "usr/lib/cni" };

/** Files that programs read: nft and ss look up names of protocols and ports, scanners the release. */
export const DATA: readonly string[] = ["etc/protocols", "etc/services", "usr/lib/os-release"];
/** Folders that programs read whole: names of route protocols, tables, scopes. Debian 12 has them in /etc. */
export const DATA_FOLDERS: readonly string[] = ["usr/share/iproute2", "etc/iproute2"];

/** All packages that are asked for; what they link comes along. */
export const PACKAGES: readonly string[] = [
  ...new Set([...PROGRAMS.values()].map((origin) => origin.package)),
  PLUGIN_PACKAGE.name,
  "base-files",
  "netbase",
  "libc6",
  "libgcc-s1", // the runtime links it
].sort();

/** Empty folders: to be mounted over. With a read-only root nothing else can be written. */
export const MOUNT_POINTS: readonly string[] = [
  ...WRITABLE.map((path) => path.slice(1).replace(/^var\/run\//, "run/")),
  "dev",
  NODE_PLUGINS.slice(1),
  "proc",
  "sys",
  "tmp",
  "var",
];

/** Links that every program expects: /usr is merged. */
export const LINKS: Readonly<Record<string, string>> = {
  bin: "usr/bin",
  lib: "usr/lib",
  lib64: "usr/lib64",
  sbin: "usr/sbin",
  "etc/os-release": "../usr/lib/os-release",
  "var/run": "/run",
};

/** Small texts. Nobody logs in; names are looked up in files, then by DNS. */
export const TEXTS: Readonly<Record<string, string>> = {
  "etc/group": "root:x:0:\nnogroup:x:65534:\n",
  "etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\nprotocols: files\nservices: files\n",
  "etc/passwd": "root:x:0:0:root:/:/usr/sbin/nologin\nnobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n",
};
