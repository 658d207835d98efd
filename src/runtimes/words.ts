/**
 * Reads a command line that was written for a shell, where it is so plain that no shell is needed: words, quotes,
 * leading `NAME=value`, `$PORT` and `$SOCKET`. Whatever a shell would treat specially beyond that is refused, never guessed at.
 */

export interface PlainCommand {
  readonly words: readonly string[];
  readonly env: Readonly<Record<string, string>>;
}

/** Why a line is not plain, to follow "it": `it uses "&&"`. */
interface NotPlain {
  readonly why: string;
}

const operators = /^(\|\||&&|;;|<<|>>|[|&;<>()`\n])/;
const placeholder = /^\$(?:\{(?:PORT|SOCKET)\}|(?:PORT|SOCKET)(?![A-Za-z0-9_]))/;

class Refusal extends Error {}

export function parseWords(line: string): PlainCommand | NotPlain {
  try {
    return commandOf(splitWords(line.trim()));
  } catch (error) {
    if (error instanceof Refusal) return { why: error.message };
    throw error;
  }
}

function commandOf(all: readonly string[]): PlainCommand | NotPlain {
  const env: Record<string, string> = {};
  let first = 0;
  for (; first < all.length; first++) {
    const assignment = /^([A-Za-z_]\w*)=(.*)$/s.exec(all[first] ?? '');
    if (!assignment) break;
    env[assignment[1] ?? ''] = assignment[2] ?? '';
  }
  // Procfiles say `exec` so that the shell leaves; here there is none.
  const words = all.slice(all[first] === 'exec' ? first + 1 : first);
  return words.length === 0 ? { why: 'it names no program' } : { words, env };
}

function splitWords(line: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  let i = 0;
  while (i < line.length) {
    const rest = line.slice(i);
    const char = rest.charAt(0);
    const operator = operators.exec(rest);
    if (operator) throw new Refusal(`it uses ${JSON.stringify(operator[0])}, which needs a shell`);
    if (/\s/.test(char)) {
      if (word !== undefined) words.push(word);
      word = undefined;
      i++;
    } else if (char === "'") {
      const end = line.indexOf("'", i + 1);
      if (end === -1) throw new Refusal('a single quote is not closed');
      word = (word ?? '') + literal(line.slice(i + 1, end));
      i = end + 1;
    } else if (char === '"') {
      const { text, length } = readDoubleQuoted(rest);
      word = (word ?? '') + text;
      i += length;
    } else if (char === '\\') {
      if (rest.length < 2) throw new Refusal('it ends in a backslash');
      word = (word ?? '') + literal(rest.charAt(1));
      i += 2;
    } else if (char === '$') {
      const token = readPlaceholder(rest);
      word = (word ?? '') + token;
      i += token.length;
    } else if (/[*?[{]/.test(char) || (word === undefined && /[~#!]/.test(char))) {
      throw new Refusal(`it uses ${JSON.stringify(char)}, which needs a shell`);
    } else {
      word = (word ?? '') + char;
      i++;
    }
  }
  if (word !== undefined) words.push(word);
  return words;
}

/** `rest` begins with the opening quote. */
function readDoubleQuoted(rest: string): { text: string; length: number } {
  let text = '';
  for (let i = 1; i < rest.length; ) {
    const char = rest.charAt(i);
    if (char === '"') return { text, length: i + 1 };
    if (char === '`') throw new Refusal('it uses "`", which needs a shell');
    if (char === '$') {
      const token = readPlaceholder(rest.slice(i));
      text += token;
      i += token.length;
    } else if (char === '\\' && /["\\$`]/.test(rest.charAt(i + 1))) {
      text += literal(rest.charAt(i + 1));
      i += 2;
    } else {
      text += char;
      i++;
    }
  }
  throw new Refusal('a double quote is not closed');
}

function readPlaceholder(rest: string): string {
  const token = placeholder.exec(rest);
  if (token) return token[0];
  const variable = /^\$\{?\w*/.exec(rest)?.[0] ?? '$';
  throw new Refusal(`it uses ${JSON.stringify(variable)}, and only $PORT and $SOCKET are expanded without a shell`);
}

/** A quoted dollar sign could not be told from a placeholder later. */
function literal(text: string): string {
  if (text.includes('$')) throw new Refusal('it holds a quoted "$"');
  return text;
}
