// The files of tokens that a kubeconfig names: @kubernetes/client-node (1.4.0) does not know `tokenFile`, by which
// kubectl and client-go find a token that somebody renews.

type Fields = Readonly<Record<string, unknown>>;

/** By user, the path that the kubeconfig says; a relative one goes from the kubeconfig's folder. */
export function tokenFiles(kubeconfig: unknown): ReadonlyMap<string, string> {
  const { users } = fieldsOf(kubeconfig);
  const files = new Map<string, string>();
  for (const item of Array.isArray(users) ? users : []) {
    const { name, user } = fieldsOf(item);
    const { tokenFile } = fieldsOf(user);
    if (typeof name === "string" && typeof tokenFile === "string" && tokenFile !== "") {
      files.set(name, tokenFile);
    }
  }
  return files;
}

function fieldsOf(json: unknown): Fields {
  return typeof json === "object" && json !== null ? json as Fields : {};
}
