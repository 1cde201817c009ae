// A kind -> its CustomResourceDefinition, as the API server takes it.

import type { OpenApi } from "../schema/schema.ts";
import { type Column, GROUP, type Kind, VERSION } from "./kind.ts";

const READY = `.status.conditions[?(@.type=="Ready")]`;

/** The columns behind those of the kind. */
const STATE: readonly Column[] = [
  { name: "Ready", type: "string", jsonPath: `${READY}.status` },
  { name: "Reason", type: "string", jsonPath: `${READY}.reason` },
];

const AGE = { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" };

/** The CustomResourceDefinition of a kind: apiextensions.k8s.io/v1, which a server of 1.32 or later takes whole. */
export function definitionOf(kind: Kind<string, unknown>): OpenApi {
  const { name, plural, isNamespaced, shortNames, description, spec, status, columns, selectable } = kind;
  const isAnswered = spec !== undefined && status !== undefined;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      scope: isNamespaced ? "Namespaced" : "Cluster",
      names: { kind: name, listKind: `${name}List`, plural, singular: name.toLowerCase(), shortNames },
      versions: [{
        name: VERSION,
        served: true,
        storage: true,
        ...(isAnswered && { subresources: { status: {} } }),
        additionalPrinterColumns: [...columns, ...(isAnswered ? STATE : []), AGE],
        ...(selectable.length > 0 && { selectableFields: selectable.map((jsonPath) => ({ jsonPath })) }),
        schema: {
          openAPIV3Schema: {
            type: "object",
            description,
            ...(spec && { required: ["spec"] }),
            properties: {
              apiVersion: { type: "string" },
              kind: { type: "string" },
              metadata: { type: "object" },
              ...(spec && { spec: { description: "What is wanted.", ...spec.openApi } }),
              ...(status &&
                { status: { description: "What is: written by the agents.", ...status.openApi } }),
            },
          },
        },
      }],
    },
  };
}
