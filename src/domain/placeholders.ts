/**
 * The one thing that a launch plan may leave open: where the instance that it starts is to listen. `$PORT` and
 * `${PORT}` stand for its port, `$SOCKET` and `${SOCKET}` for the path of its socket, inside any word of the command
 * line and any variable of the plan; nothing else is expanded, since there is no shell.
 */

interface PlaceholderValues {
  /** `undefined` where the service has none: the placeholders stay as they are. */
  readonly PORT?: string | undefined;
  readonly SOCKET?: string | undefined;
}

const placeholder = /\$(?:\{(PORT|SOCKET)\}|(PORT|SOCKET)(?![A-Za-z0-9_]))/g;

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

function expand(text: string, values: PlaceholderValues): string {
  return text.replace(
    placeholder,
    (whole, braced: keyof PlaceholderValues | undefined, bare: keyof PlaceholderValues) =>
      values[braced ?? bare] ?? whole,
  );
}
