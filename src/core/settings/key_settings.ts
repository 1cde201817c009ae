// The settings of this host's keys, and of declared networks.

import { boolean, type KeyAge, keyAge, path, type Setting } from "./grammar.ts";

/** A part of the table of settings. */
export const KEY_SETTINGS = {
  privateKeyPath: path(
    "WIGGLENET_PRIVKEY_PATH",
    "/etc/wigglenet/private.key",
    "The WireGuard private key, mode 0600; made on first start, replaced by a [key rotation](#key-rotation) alone.",
  ),
  keyRotation: {
    env: "KEY_ROTATION",
    fallback: "manual",
    accepts: "off, manual, or `30d`, `12h`: 1 hour to 3650 days",
    meaning:
      "When this node's key is replaced ([key rotation](#key-rotation)), the same on all nodes: by `rotate-key`, or also when it has become so old; `off`: never, and it takes part in no rotation of others.",
    parse: keyAge,
  } satisfies Setting<KeyAge>,
  declaredSecretsNamespace: {
    env: "DECLARED_SECRETS_NAMESPACE",
    fallback: "",
    accepts: "the name of a namespace, or nothing",
    meaning:
      "The one namespace whose Secrets [declared networks](docs/decisions/0057-declared-networks.md) may name; without it none are read. Agents need `get` of `secrets` there, and nowhere else.",
    parse: (text: string) => /^([a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)?$/.test(text) ? text : undefined,
  } satisfies Setting<string>,
  hasDeclaredContainers: boolean(
    "DECLARED_CONTAINERS",
    false,
    "Puts interfaces of [declared networks](docs/declared-networks.md#into-containers) into containers. Needs what [deploy/kubernetes/declared-containers](deploy/kubernetes/README.md) grants.",
  ),
} as const;
