/**
 * YAML text → its nodes. Costs bounded time and memory, whatever the text: its words are counted, and nesting is
 * checked before anything recurses over it (the composer of the YAML library would end the process on deep nesting).
 */
import { Composer, type CST, Lexer, type Node, Parser, type YAMLError } from 'yaml';
import { abbreviate } from './problem.ts';

/** A configuration of a thousand services stays well below both. */
const mostLexemes = 400_000;
export const deepest = 64;

export interface SourceProblem {
  readonly offset: number;
  readonly message: string;
}

export interface YamlSource {
  /** Absent where the text holds nothing, or could not be read. */
  readonly root?: Node;
  readonly problems: readonly SourceProblem[];
}

export function readYaml(text: string): YamlSource {
  const stackTraceLimit = Error.stackTraceLimit;
  try {
    // The YAML library makes an Error of each finding; thousands of stack traces are slow.
    Error.stackTraceLimit = 0;
    const { tokens, problem } = parse(text);
    return problem ? { problems: [problem] } : compose(text, tokens);
  } catch (error) {
    return { problems: [{ offset: 0, message: unreadable(String(error)) }] };
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

export function tooDeep(offset: number): SourceProblem {
  return { offset, message: `cannot take nesting deeper than ${deepest} levels` };
}

function parse(text: string): { readonly tokens: readonly CST.Token[]; readonly problem?: SourceProblem } {
  const parser = new Parser();
  const tokens: CST.Token[] = [];
  let count = 0;
  for (const lexeme of new Lexer().lex(text)) {
    if (++count > mostLexemes) {
      const message = 'cannot read on: this is more YAML than any configuration needs';
      return { tokens, problem: { offset: parser.offset, message } };
    }
    for (const token of parser.next(lexeme)) tokens.push(token);
  }
  for (const token of parser.end()) tokens.push(token);
  const offset = deeperThanAllowed(tokens);
  return offset === undefined ? { tokens } : { tokens, problem: tooDeep(offset) };
}

/** Where nesting goes too deep; found without recursion. */
function deeperThanAllowed(tokens: readonly CST.Token[]): number | undefined {
  const open: { readonly token: CST.Token; readonly depth: number }[] = tokens.map(token => ({ token, depth: 0 }));
  for (let next = open.pop(); next; next = open.pop()) {
    const { token, depth } = next;
    if (depth > deepest) return token.offset;
    if (token.type === 'document' && token.value) open.push({ token: token.value, depth });
    if (!('items' in token)) continue;
    for (const item of token.items) {
      if (item.key) open.push({ token: item.key, depth: depth + 1 });
      if (item.value) open.push({ token: item.value, depth: depth + 1 });
    }
  }
  return undefined;
}

function compose(text: string, tokens: readonly CST.Token[]): YamlSource {
  const composer = new Composer({ uniqueKeys: false, prettyErrors: false, logLevel: 'silent', schema: 'core' });
  const documents = [...composer.compose(tokens, true, text.length)];
  const problems = syntaxProblems(
    text,
    documents.flatMap(({ errors, warnings }) => [...errors, ...warnings]),
  );
  const [document, second] = documents;
  if (second) {
    const message = 'cannot take a second document: expected one, so remove the "---"';
    problems.push({ offset: second.range[0], message });
  }
  const root = document?.contents;
  return problems.length > 0 || !root ? { problems } : { root, problems };
}

function syntaxProblems(text: string, errors: readonly YAMLError[]): SourceProblem[] {
  // Within braces or brackets YAML takes the brace of `${NAME}` for one of its own, and stumbles on from there.
  const unquoted = errors.find(({ pos }) => pos[0] > 0 && text.startsWith('${', pos[0] - 1));
  if (unquoted) {
    const hint = `put quotes around a value with \${…} inside of { } or [ ]`;
    return [{ offset: unquoted.pos[0] - 1, message: unreadable(hint) }];
  }
  return errors.map(({ pos, message }) => ({ offset: pos[0], message: unreadable(message) }));
}

function unreadable(why: string): string {
  return `cannot read this as YAML: ${abbreviate(why, 200)}`;
}
