// The programs of a real Kubernetes 1.36 and its etcd, built from their Go modules by go_program.ts.

import { buildPrograms, GO, go, type GoModule, type GoProgram, moduleOf, pathOf } from "./go_program.ts";

/** What all of this is built for. */
export const KUBERNETES = "v1.36.1";
/** Debian's 3.4 cannot ask for a watch's progress: some watches of a newer API server end in an error there. */
const ETCD = "v3.6.8";
const KUBERNETES_MODULE = "k8s.io/kubernetes";
const ETCD_MODULE = "go.etcd.io/etcd/server/v3";

/** Paths of the programs of a control plane. */
export interface Binaries {
  readonly apiserver: string;
  readonly etcd: string;
  readonly kubectl: string;
}

/** As a dependency it needs a replacement for each of the modules that its own repository holds. */
const kubernetes: GoModule = {
  name: "kubernetes",
  make: async (folder) => {
    await go(["mod", "init", "local/kubernetes"], folder);
    const { GoMod } = JSON.parse(
      await go(["mod", "download", "-json", `${KUBERNETES_MODULE}@${KUBERNETES}`], folder),
    ) as { GoMod: string };
    const text = await Deno.readTextFile(GoMod);
    const staged = new Set(
      [...text.matchAll(/^\t(k8s\.io\/[a-z-]+)(?: => \.\/staging| v0\.0\.0(?:\s|$))/gm)].map((m) => m[1]!),
    );
    const version = KUBERNETES.replace(/^v1\./, "v0.");
    const edits = [...staged].map((name) => `-replace=${name}=${name}@${version}`);
    await go(
      ["mod", "edit", `-go=${GO.join(".")}.0`, `-require=${KUBERNETES_MODULE}@${KUBERNETES}`, ...edits],
      folder,
    );
  },
};

/** etcd, and what stands in `cmd/` of Kubernetes. */
export const ETCD_PROGRAM: GoProgram = {
  name: "etcd",
  version: ETCD,
  package: ETCD_MODULE,
  module: moduleOf("etcd", ETCD, [ETCD_MODULE]),
};

/** The program of that name of Kubernetes; its package is in `cmd/` unless told. */
export function kubernetesProgram(name: string, path = `cmd/${name}`): GoProgram {
  const version = ["k8s.io/component-base/version", "k8s.io/client-go/pkg/version"].flatMap((path) => [
    `-X ${path}.gitVersion=${KUBERNETES}`,
    `-X ${path}.gitMajor=${KUBERNETES.slice(1).split(".")[0]}`,
    `-X ${path}.gitMinor=${KUBERNETES.split(".")[1]}`,
    `-X ${path}.gitTreeState=clean`,
  ]);
  return {
    name,
    version: KUBERNETES,
    package: `${KUBERNETES_MODULE}/${path}`,
    module: kubernetes,
    ldflags: ["-s -w", ...version].join(" "),
  };
}

/** Wanted where a kernel has IPVS. */
export const KUBE_PROXY: GoProgram = kubernetesProgram("kube-proxy");

const PROGRAMS: Readonly<Record<keyof Binaries, GoProgram>> = {
  etcd: ETCD_PROGRAM,
  apiserver: kubernetesProgram("kube-apiserver"),
  kubectl: kubernetesProgram("kubectl"),
};

/** Where the programs are, whether or not they have been built. */
export const BINARIES: Binaries = {
  etcd: pathOf(PROGRAMS.etcd),
  apiserver: pathOf(PROGRAMS.apiserver),
  kubectl: pathOf(PROGRAMS.kubectl),
};

/** Builds what is missing, and more, saying so; returns why it could not, undefined when everything is there. */
export async function prepareKubernetes(more: readonly GoProgram[] = []): Promise<string | undefined> {
  return await buildPrograms([...Object.values(PROGRAMS), ...more]);
}

if (import.meta.main) {
  const objection = await prepareKubernetes();
  if (objection !== undefined) console.error(objection);
  Deno.exit(objection === undefined ? 0 : 1);
}
