/** `docs/errors.md`: every error that a user can meet, from the catalogue. */
import { errorCatalog } from '../src/domain/errors.ts';

export function renderErrors(): string {
  const entries = Object.entries(errorCatalog).sort(([a], [b]) => (a < b ? -1 : 1));
  return [
    '# Errors',
    '',
    'Generated from `src/domain/errors.ts`; do not edit. Every error that Slipway reports has one of these codes; the CLI',
    'prints it behind the message, the API answers with it as `code` in `application/problem+json`, under the HTTP status',
    'given here. A code keeps its meaning for good.',
    '',
    '| code | status | meaning | what to do |',
    '|---|---|---|---|',
    ...entries.map(([code, { status, meaning, mend }]) => `| \`${code}\` | ${status} | ${meaning} | ${mend} |`),
    '',
  ].join('\n');
}
