/**
 * The extensions behind the size of a chunk (RFC 9112, section 7.1.1): `;name`, `;name=token`, `;name="text"`, with
 * whitespace around each mark, but not at the end. They are passed on, so that what isn't of this form is refused: servers differ about it.
 */
import { isText, isToken, octet } from './octets.ts';

const at = {
  name: 0,
  inName: 1,
  afterName: 2,
  value: 3,
  inToken: 4,
  inQuotes: 5,
  escaped: 6,
  quoted: 7,
  afterValue: 8,
} as const;
type State = (typeof at)[keyof typeof at];

const mark = { quote: 34, equals: 61, backslash: 92 } as const;

export class ChunkExtension {
  #state: State = at.name;

  /** Behind a `;`. */
  begin(): void {
    this.#state = at.name;
  }

  /** Whether a line may end here. */
  get isWhole(): boolean {
    const state = this.#state;
    return state === at.inName || state === at.inToken || state === at.quoted;
  }

  /** @returns whether the octet fits */
  take(code: number): boolean {
    const isSpace = code === octet.space || code === octet.htab;
    switch (this.#state) {
      case at.name:
        if (isSpace) return true;
        this.#state = at.inName;
        return isToken[code] === 1;
      case at.inName:
        if (isToken[code] === 1) return true;
        return this.#between(code, at.afterName);
      case at.afterName:
        return this.#between(code, at.afterName);
      case at.value:
        if (isSpace) return true;
        this.#state = code === mark.quote ? at.inQuotes : at.inToken;
        return code === mark.quote || isToken[code] === 1;
      case at.inToken:
        if (isToken[code] === 1) return true;
        return code !== mark.equals && this.#between(code, at.afterValue);
      case at.inQuotes:
        if (code === mark.backslash) this.#state = at.escaped;
        else if (code === mark.quote) this.#state = at.quoted;
        return isText[code] === 1;
      case at.escaped:
        this.#state = at.inQuotes;
        return isText[code] === 1;
      case at.quoted:
      case at.afterValue:
        return code !== mark.equals && this.#between(code, at.afterValue);
      default:
        return this.#state satisfies never;
    }
  }

  #between(code: number, onSpace: State): boolean {
    if (code === octet.space || code === octet.htab) this.#state = onSpace;
    else if (code === octet.semicolon) this.#state = at.name;
    else if (code === mark.equals) this.#state = at.value;
    else return false;
    return true;
  }
}
