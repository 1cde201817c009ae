// What this user may do on this machine, found by trying: a container's root often may not make namespaces.

/** Real root, root of a user namespace only (no TUN device, no module), or nobody and why. */
export type Standing = "root" | "user namespace" | { readonly refused: string };

/** Tries the namespaces that the layers packet and netns live in. */
export async function standingHere(): Promise<Standing> {
  const isRoot = Deno.uid() === 0;
  const args = [...(isRoot ? [] : ["--map-root-user"]), "--mount", "--net", "--pid", "--fork", "true"];
  const { success, stderr } = await new Deno.Command("unshare", { args, stdin: "null" }).output();
  if (success) return isRoot ? "root" : "user namespace";
  return { refused: new TextDecoder().decode(stderr).trim() };
}
