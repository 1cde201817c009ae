// A container as an object names it, by one text; and how what was made for the host becomes a container's.

import type { Container } from "../schema/parts.ts";

/** `pod/NAMESPACE/NAME`, `docker/NAME`, `podman/NAME`, `netns/NAME` or `pid/NUMBER`. */
export type ContainerId = string;

/** Its text. Never with a colon: {@link keyIn} has one. */
export function containerId({ pod, docker, podman, netns }: Container): ContainerId {
  if (pod !== undefined) return `pod/${pod.namespace}/${pod.name}`;
  if (docker !== undefined) return `docker/${docker.name}`;
  if (podman !== undefined) return `podman/${podman.name}`;
  return netns?.name === undefined ? `pid/${netns!.pid}` : `netns/${netns.name}`;
}

/** The same in words, for reasons. */
export function describeContainer(id: ContainerId): string {
  const [kind, ...rest] = id.split("/");
  const name = rest.join("/");
  if (kind === "pod") return `pod ${name}`;
  if (kind === "pid") return `process ${name}`;
  return kind === "netns" ? `network namespace ${name}` : `${kind} container ${name}`;
}

/** By what an interface is known on a whole host; no interface has a colon in its name. */
export function keyIn(container: ContainerId | undefined, name: string): string {
  return container === undefined ? name : `${container}:${name}`;
}
