// A kind -> its CustomResourceDefinition, as the API server takes it.

import type { OpenApi } from "../schema/schema.ts";
import { integer, list, type Schema, text, word } from "../schema/schema.ts";
import { optional, required, struct } from "../schema/struct.ts";
import { type Column, GROUP, type Kind, VERSION } from "./kind.ts";

/** Written by agents, who check it themselves. */
const anyText = (longest: number): Schema<string> => text({ longest, parse: (it) => it });
const COUNT: OpenApi = { type: "integer", format: "int64", minimum: 0 };
const TIME: OpenApi = { type: "string", format: "date-time" };

const CONDITION = struct({
  type: required(anyText(316), "What it is about: Ready, Accepted."),
  status: required(word(["True", "False", "Unknown"]), "Whether it is so."),
  reason: required(anyText(1024), "Why, in one word for programs."),
  message: required(anyText(32_768), "Why, in words, and what to do."),
  lastTransitionTime: {
    ...required(anyText(64), ""),
    openApi: { ...TIME, description: "When status changed last." },
  },
  observedGeneration: {
    ...optional(integer(0, 0), ""),
    openApi: { ...COUNT, description: "The generation of the object that it speaks of." },
  },
});

const STATUS = struct({
  observedGeneration: {
    ...optional(integer(0, 0), ""),
    openApi: { ...COUNT, description: "The generation that all agents concerned have taken up." },
  },
  conditions: optional(
    list(CONDITION, { most: 16, unique: "type" }),
    "What is so and what is not. Ready: everything asked for is there.",
  ),
});

const READY = `.status.conditions[?(@.type=="Ready")]`;

/** The columns behind those of the kind. */
const STATE: readonly Column[] = [
  { name: "Ready", type: "string", jsonPath: `${READY}.status` },
  { name: "Reason", type: "string", jsonPath: `${READY}.reason` },
];

const AGE = { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" };

/** The CustomResourceDefinition of a kind: apiextensions.k8s.io/v1, which a server of 1.32 or later takes whole. */
export function definitionOf(kind: Kind<string, unknown>): OpenApi {
  const { name, plural, shortNames, description, spec, columns, selectable } = kind;
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${plural}.${GROUP}` },
    spec: {
      group: GROUP,
      scope: "Cluster",
      names: { kind: name, listKind: `${name}List`, plural, singular: name.toLowerCase(), shortNames },
      versions: [{
        name: VERSION,
        served: true,
        storage: true,
        subresources: { status: {} },
        additionalPrinterColumns: [...columns, ...STATE, AGE],
        ...(selectable.length > 0 && { selectableFields: selectable.map((jsonPath) => ({ jsonPath })) }),
        schema: {
          openAPIV3Schema: {
            type: "object",
            description,
            required: ["spec"],
            properties: {
              apiVersion: { type: "string" },
              kind: { type: "string" },
              metadata: { type: "object" },
              spec: { description: "What is wanted.", ...spec.openApi },
              status: { description: "What is: written by the agents.", ...STATUS.openApi },
            },
          },
        },
      }],
    },
  };
}
