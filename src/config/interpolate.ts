/**
 * `${NAME}` and `${NAME:-default}` in strings, as in a POSIX shell; `$$` is a dollar sign. Any other `$` stands for
 * itself. There is no nesting, and what was put in is not looked at again.
 */

export type Environment = Readonly<Record<string, string | undefined>>;

export type Interpolation =
  | {
      readonly ok: true;
      readonly text: string /** Whether anything of the environment went in. */;
      readonly used: boolean;
    }
  | { readonly ok: false; readonly message: string };

const token = /\$\$|\$\{([^}]*)(\}?)/g;
const expression = /^([A-Za-z_][A-Za-z0-9_]*)(?::-([\s\S]*))?$/;

/** Where the port of the instance goes in a command line: `$PORT` or `${PORT}`, filled in at each launch. */
export const portPlaceholder = /\$(\{PORT\}|PORT(?![A-Za-z0-9_]))/;

/** The same for the path of its socket; `$SOCKET` in a command line for a shell may be meant for that. */
export const socketPlaceholder = /\$\{SOCKET\}/;

export function interpolate(text: string, env: Environment): Interpolation {
  let used = false;
  return replace(text, (whole, name, fallback) => {
    used = true;
    const value = Object.hasOwn(env, name) ? env[name] : undefined;
    if (fallback !== undefined) return { ok: true, text: value || fallback, used };
    if (value !== undefined) return { ok: true, text: value, used };
    const port = name === 'PORT' ? '; to give the port another variable, use port: { env: NAME }' : '';
    return {
      ok: false,
      message: `cannot find ${name} in the environment: set it, write \${${name}:-default}, or $${whole} for these very characters${port}`,
    };
  });
}

/** A word of a command line: it takes where the instance listens and nothing else, since every user can see it. */
export function checkCommandWord(text: string): Interpolation {
  return replace(text, whole =>
    portPlaceholder.test(whole) || socketPlaceholder.test(whole)
      ? { ok: true, text: whole, used: false }
      : {
          ok: false,
          message: `cannot put ${whole} into a command line, which every user of the host can see: put it into env, or write $${whole} for these very characters`,
        },
  );
}

function replace(
  text: string,
  resolve: (whole: string, name: string, fallback: string | undefined) => Interpolation,
): Interpolation {
  let result = '';
  let end = 0;
  let used = false;
  for (const match of text.matchAll(token)) {
    result += text.slice(end, match.index);
    end = match.index + match[0].length;
    if (match[0] === '$$') {
      result += '$';
      continue;
    }
    const parts = expression.exec(match[1] ?? '');
    if (!parts?.[1] || match[2] === '') {
      const shown = JSON.stringify(match[0].slice(0, 40));
      return {
        ok: false,
        message: `cannot read ${shown}: expected \${NAME} or \${NAME:-default}; write $$ for a dollar sign`,
      };
    }
    const part = resolve(match[0], parts[1], parts[2]);
    if (!part.ok) return part;
    used ||= part.used;
    result += part.text;
  }
  return { ok: true, text: result + text.slice(end), used };
}
