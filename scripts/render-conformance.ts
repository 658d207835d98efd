/** `docs/conformance.md`: what the router holds to, section by section, from the rows that test it. */
import { allCases } from '../test/router/conformance/chapters.ts';
import { sections } from '../test/router/conformance/sections.ts';

export function renderConformance(): string {
  const count = allCases.length;
  return [
    '# Conformance',
    '',
    'Generated from the rows in `test/router/conformance/`; do not edit. Each line below is a test on raw sockets, octet by',
    `octet; ${count} in all. Where an RFC leaves a choice, the router refuses what two parsers might read in two ways.`,
    '',
    ...Object.entries(sections).flatMap(([section, { title, without }]) => [
      `## ${section}: ${title}`,
      '',
      ...(without === undefined ? linesOf(section) : [`No rows: ${without}.`]),
      '',
    ]),
  ].join('\n');
}

function linesOf(section: string): readonly string[] {
  return allCases
    .filter(one => one.section === section)
    .map(({ name }) => `- ${name.replaceAll('<', '\\<').replaceAll('*', '\\*')}`);
}
