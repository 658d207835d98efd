/**
 * The one thing that a launch plan may leave open: the port of the instance that it starts. `$PORT` and `${PORT}`
 * stand for it inside any word of the command line and any variable of the plan; nothing else is expanded, since
 * there is no shell.
 */

interface PlaceholderValues {
  /** `undefined` where the service has no port: the placeholders stay as they are. */
  readonly PORT: string | undefined;
}

const placeholder = /\$\{PORT\}|\$PORT(?![A-Za-z0-9_])/g;

export function expandPlaceholders(words: readonly string[], values: PlaceholderValues): readonly string[] {
  return words.map(word => expand(word, values));
}

/** For the plan's own variables; what a user put into `env` is never looked at. */
export function expandPlaceholdersInEnv(
  env: Readonly<Record<string, string>>,
  values: PlaceholderValues,
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(env).map(([name, value]) => [name, expand(value, values)]));
}

function expand(text: string, { PORT }: PlaceholderValues): string {
  return PORT === undefined ? text : text.replace(placeholder, () => PORT);
}
