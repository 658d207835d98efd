/** One thing that was looked at, and how it is. */

export const findingStatuses = ['ok', 'note', 'gap'] as const;

export interface Finding {
  /** What it is about: `cgroups`, `isolation`, `network`. */
  readonly area: string;
  /** `gap`: something that a service may ask for can't be given. `note`: something that had better be known. */
  readonly status: (typeof findingStatuses)[number];
  readonly message: string;
  /** What to do about it. */
  readonly mend?: string;
  /** Names of the services that a gap concerns now. */
  readonly services: readonly string[];
}

/** What there is to say in one area. */
export class Area {
  readonly findings: Finding[] = [];
  readonly #name: string;

  constructor(name: string) {
    this.#name = name;
  }

  ok(message: string): void {
    this.findings.push({ area: this.#name, status: 'ok', message, services: [] });
  }

  note(message: string, mend?: string): void {
    this.findings.push({ area: this.#name, status: 'note', message, ...(mend && { mend }), services: [] });
  }

  gap(message: string, mend?: string, services: readonly string[] = []): void {
    this.findings.push({ area: this.#name, status: 'gap', message, ...(mend && { mend }), services });
  }
}
