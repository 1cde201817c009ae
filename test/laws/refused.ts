// What a program of the model host would have said on stderr, or that the model does not know what it is asked.

/** An action that fails. */
export class Refused extends Error {}
