// What a kind cluster is made of, all of it from Go modules: kind itself, what its nodes run, and the images of a
// kubeadm cluster. The versions are those that kind v0.33.0 and kubeadm 1.36.1 name themselves.

import pauseSource from "../../../kind/go/pause.go" with { type: "text" };
import probeSource from "../../../kind/go/probe.go" with { type: "text" };
import runcSource from "../../../kind/go/runc.go" with { type: "text" };
import { ETCD_PROGRAM, KUBERNETES, kubernetesProgram } from "../kubernetes/binaries.ts";
import { go, type GoModule, type GoProgram, moduleOf, ownProgram, pathOf } from "../kubernetes/go_program.ts";

/** kind: it makes the clusters, and its base image's files are in its module. */
export const KIND = "v0.33.0";
/** Its module. */
export const KIND_MODULE = "sigs.k8s.io/kind";
const CONTAINERD = "v2.3.4";
const CRICTL = "v1.36.0";
const CNI = "v1.9.1";
const COREDNS = "v1.14.2";

const CONTAINERD_MODULE = "github.com/containerd/containerd/v2";
const CNI_PACKAGES = ["main/ptp", "main/bridge", "main/loopback", "ipam/host-local", "meta/portmap"];

const SOURCES = { pause: pauseSource, probe: probeSource, runc: runcSource };
type OwnProgram = keyof typeof SOURCES;
const OWN = ["pause", "probe", "runc"] as const satisfies readonly OwnProgram[];

/** The names that the node image builder asks for. */
export type ProgramName =
  | "kind"
  | "kubeadm"
  | "kubelet"
  | "kubectl"
  | "kube-apiserver"
  | "kube-controller-manager"
  | "kube-scheduler"
  | "kube-proxy"
  | "etcd"
  | "coredns"
  | "wigglenet-pause"
  | "wigglenet-probe"
  | "wigglenet-runc"
  | "agnhost"
  | "crictl"
  | "containerd"
  | "containerd-shim-runc-v2"
  | "ctr"
  | "cni-ptp"
  | "cni-bridge"
  | "cni-loopback"
  | "cni-host-local"
  | "cni-portmap";

/**
 * The real CoreDNS with the plugins that kubeadm's Corefile names and a few to look into it: those of the cloud
 * providers are nearly all that it depends on.
 */
const coredns: GoModule = {
  name: "coredns",
  make: async (folder) => {
    const main = "github.com/coredns/coredns";
    const plugins = ["bind", "cache", "errors", "forward", "health", "hosts", "kubernetes", "loadbalance"];
    plugins.push("log", "loop", "metrics", "ready", "reload", "whoami");
    const imports = [`"${main}/coremain"`, ...plugins.map((name) => `_ "${main}/plugin/${name}"`)];
    await go(["mod", "init", "local/coredns"], folder);
    await go(["get", `${main}@${COREDNS}`], folder);
    await Deno.writeTextFile(
      `${folder}/main.go`,
      `package main\n\nimport (\n${imports.join("\n")}\n)\n\nfunc main() { coremain.Run() }\n`,
    );
    await go(["get", "."], folder);
  },
};

const kind = moduleOf("kind", KIND, [KIND_MODULE]);
const containerdPackages = ["containerd", "containerd-shim-runc-v2", "ctr"].map((name) =>
  `${CONTAINERD_MODULE}/cmd/${name}`
);
const containerd = moduleOf("containerd", CONTAINERD, containerdPackages);
const crictl = moduleOf("crictl", CRICTL, ["sigs.k8s.io/cri-tools/cmd/crictl"]);
const cniPackages = CNI_PACKAGES.map((name) => `github.com/containernetworking/plugins/plugins/${name}`);
const cni = moduleOf("cni", CNI, cniPackages);

/** All of them, those of the slowest modules first. */
export const PROGRAMS: readonly GoProgram[] = [
  { name: "kind", version: KIND, package: KIND_MODULE, module: kind },
  ...containerdPackages.map((path) => ({
    name: path.split("/").at(-1)!,
    version: CONTAINERD,
    package: path,
    module: containerd,
    // What needs C libraries or file systems that no node here has.
    tags: "netgo no_btrfs no_devmapper no_zfs",
    ldflags: `-s -w -X ${CONTAINERD_MODULE}/version.Version=${CONTAINERD}`,
  })),
  { name: "coredns", version: COREDNS, package: ".", module: coredns },
  {
    name: "crictl",
    version: CRICTL,
    package: "sigs.k8s.io/cri-tools/cmd/crictl",
    module: crictl,
    ldflags: `-s -w -X sigs.k8s.io/cri-tools/pkg/version.Version=${CRICTL}`,
  },
  ...cniPackages.map((path) => ({
    name: `cni-${path.split("/").at(-1)!}`,
    version: CNI,
    package: path,
    module: cni,
  })),
  ETCD_PROGRAM,
  ...[
    "kube-apiserver",
    "kubectl",
    "kube-controller-manager",
    "kubelet",
    "kube-proxy",
    "kube-scheduler",
    "kubeadm",
  ]
    .map((name) => kubernetesProgram(name)),
  kubernetesProgram("agnhost", "test/images/agnhost"),
  ...OWN.map((name) => ownProgram(name, SOURCES[name])),
];

/** Where the program is. */
export function programPath(name: ProgramName): string {
  return pathOf(PROGRAMS.find((program) => program.name === name)!);
}

/** The folder of the version of a module in Go's module cache, fetched where it is not there. */
export async function moduleFolder(module: string, version: string): Promise<string> {
  return (JSON.parse(await go(["mod", "download", "-json", `${module}@${version}`], "/")) as { Dir: string })
    .Dir;
}

export { KUBERNETES };
