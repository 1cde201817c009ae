// What fingerprints begin with: one for the process, for they are kept and compared, and nobody else's to know.

/** See {@link Fingerprint}. */
export const SEED: Uint32Array = crypto.getRandomValues(new Uint32Array(2));
