// Lists in messages.

const SHOWN = 5;

/** Names, some of them: what is more is a number. */
export function listed(names: readonly string[], { shown = SHOWN, separator = ", " } = {}): string {
  const left = names.length - shown;
  return names.slice(0, shown).join(separator) + (left > 0 ? ` and ${left} more` : "");
}
