// The one class that is used of @kubernetes/client-node: named, so that a bundle leaves out the rest of it (12 MB).

/** Reads kubeconfigs and gets what they say from files and plugins. */
export { KubeConfig } from "@kubernetes/client-node";
