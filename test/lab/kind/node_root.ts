// The file system of a kind node before Kubernetes is in it: Debian by mmdebstrap, laid out as kind's own base image is,
// by the files that come in kind's Go module. What its Dockerfile fetches ready-made is built from Go modules here.

import { createHash } from "node:crypto";
import { cacheFolder } from "../kubernetes/go_program.ts";
import { run } from "../process.ts";
import { KIND, KIND_MODULE, moduleFolder, type ProgramName, programPath } from "./programs.ts";
import { install } from "./small_root.ts";

/** Its containerd is too old for this kubelet, whose own is therefore built; its runc is not. */
const SUITE = "trixie";
// Those of kind's Dockerfile, without what mounts remote disks; curl and ping also go into the image of the test pods.
const PACKAGES =
  `bash ca-certificates conntrack curl e2fsprogs ethtool iproute2 iptables iputils-ping jq kmod libseccomp2
  mount nftables pigz procps runc systemd util-linux`.split(/\s+/);
const LEFT_OUT = ["doc", "man", "locale", "info", "bug", "lintian"];
const DEBIAN_MS = 1_200_000;

/** systemd units of a machine that a container is not; kind's base image drops the same ones. */
const DROPPED_UNITS = `sysinit.target.wants/systemd-tmpfiles-setup.service multi-user.target.wants/*
  local-fs.target.wants/* sockets.target.wants/*udev* sockets.target.wants/*initctl* basic.target.wants/*`
  .split(/\s+/);

/** What it is made of: the same words, the same tarball. */
const KEY = createHash("sha256").update([SUITE, ...PACKAGES, ...LEFT_OUT].join(" ")).digest("hex").slice(
  0,
  12,
);

/** Where the Debian part is kept. */
export function debianTarball(): string {
  return `${cacheFolder()}/debian-${SUITE}-${KEY}-${Deno.build.arch}.tar`;
}

/** Makes the Debian part where it is not there yet: three to four minutes, nearly all of it fetching and unpacking. */
export async function prepareDebian(): Promise<void> {
  const path = debianTarball();
  if (await Deno.stat(path).then(() => true, () => false)) return;
  await Deno.mkdir(cacheFolder(), { recursive: true });
  const draft = `${path}.draft.tar`;
  const excluded = LEFT_OUT.map((name) => `--dpkgopt=path-exclude=/usr/share/${name}/*`);
  const options = ["--variant=minbase", "--mode=root", `--include=${PACKAGES.join(",")}`, ...excluded];
  options.push('--aptopt=APT::Install-Recommends "false"', '--aptopt=Acquire::Languages "none"');
  options.push('--customize-hook=rm -rf "$1"/var/lib/apt/lists/* "$1"/var/cache/apt/*');
  try {
    await run(["nice", "-n", "10", "mmdebstrap", ...options, SUITE, draft, ...await mirrors()], {
      deadlineMs: DEBIAN_MS,
    });
    await Deno.rename(draft, path);
  } finally {
    await Deno.remove(draft).catch(() => {});
  }
}

/** The mirrors that this machine's own apt uses for Debian: they can be reached. */
async function mirrors(): Promise<string[]> {
  const sites = await run(["apt-get", "indextargets", "--format", "$(SITE)", "Origin: Debian"]).catch(() =>
    ""
  );
  const first = sites.split("\n").find((site) => site !== "" && !site.includes("security"));
  return first === undefined ? [] : [first];
}

/** Unpacks it into the folder and makes it a kind node. */
export async function makeNodeRoot(root: string): Promise<void> {
  await run(["tar", "-C", root, "--exclude=./dev/*", "-xf", debianTarball()], { deadlineMs: 300_000 });
  await addKindFiles(root);
  await configureSystemd(root);
  const programs: ProgramName[] = ["containerd", "containerd-shim-runc-v2", "ctr", "crictl"];
  for (const name of programs) await install(programPath(name), `${root}/usr/local/bin/${name}`);
  for (const name of ["ptp", "bridge", "loopback", "host-local", "portmap"] as const) {
    await install(programPath(`cni-${name}`), `${root}/opt/cni/bin/${name}`);
  }
  for (const folder of ["etc/kubernetes/manifests", "etc/cni/net.d", "usr/local/sbin"]) {
    await Deno.mkdir(`${root}/${folder}`, { recursive: true });
  }
  await Deno.symlink("/usr/sbin/runc", `${root}/usr/local/sbin/runc`);
  await configureContainerd(root);
}

/** Modes are lost in Go's module cache: programs are told by their folder. */
async function addKindFiles(root: string): Promise<void> {
  const files = `${await moduleFolder(KIND_MODULE, KIND)}/images/base/files`;
  await run(["cp", "-rT", "--no-preserve=mode,ownership", files, root]);
  await run(["chmod", "-R", "u=rwX,go=rX", `${root}/kind`]);
  const programs = ["kind/bin", "usr/local/bin"].map((folder) => `${root}/${folder}`);
  await run(["find", ...programs, "-type", "f", "-exec", "chmod", "755", "{}", "+"]);
}

async function configureSystemd(root: string): Promise<void> {
  for (const unit of DROPPED_UNITS) {
    const units = `${root}/usr/lib/systemd/system`;
    await run(["find", units, "-path", `${units}/${unit}`, "-delete"]);
  }
  await run(["find", `${root}/etc/systemd/system/`, "-path", "*.wants/*", "-delete"]);
  await Deno.mkdir(`${root}/etc/systemd/journald.conf.d`, { recursive: true });
  // The kernel's log is the host's: its lines would be read as the node's.
  await Deno.writeTextFile(`${root}/etc/systemd/journald.conf.d/node.conf`, "[Journal]\nReadKMsg=no\n");
  await run(["ln", "-sf", "/usr/lib/systemd/systemd", `${root}/usr/sbin/init`]);
  const units = ["containerd.service", "kubelet.service", "undo-mount-hacks.service"];
  await run(["chroot", root, "/usr/bin/systemctl", "enable", ...units]);
  // It would register interpreters with the kernel, which is everybody's.
  await run(["chroot", root, "/usr/bin/systemctl", "mask", "systemd-binfmt.service"]);
}

async function configureContainerd(root: string): Promise<void> {
  const path = `${root}/etc/containerd/config.toml`;
  const text = await Deno.readTextFile(path);
  // A host without CAP_SYS_RESOURCE may not lower a process's score: then it stays as it is, and nothing fails.
  await Deno.writeTextFile(
    path,
    text.replace("restrict_oom_score_adj = false", "restrict_oom_score_adj = true"),
  );
  const spec = JSON.parse(await run([programPath("ctr"), "oci", "spec"]));
  const hook = { path: "/kind/bin/mount-product-files.sh" };
  spec.hooks = { ...spec.hooks, createContainer: [...spec.hooks?.createContainer ?? [], hook] };
  delete spec.process.rlimits;
  await Deno.writeTextFile(`${root}/etc/containerd/cri-base.json`, JSON.stringify(spec));
}

/** The image that containerd is told to hold pods with. */
export async function sandboxImage(root: string): Promise<string> {
  const text = await Deno.readTextFile(`${root}/etc/containerd/config.toml`);
  return /sandbox_image = "(.*)"/.exec(text)![1]!;
}
