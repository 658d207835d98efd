/** `docs/cli.md`: the reference of the command line: the help that it gives. */
import type { Command } from 'commander';
import type { Local } from '../src/cli/local.ts';
import { createProgram } from '../src/cli/program.ts';

/** Help is shown, nothing is run. */
const unused = () => Promise.reject(new Error('only help is shown here'));
const local: Local = {
  self: [''],
  version: () => '',
  socketPath: () => '',
  runDaemon: unused,
  validate: unused,
  diagnose: unused,
  pack: unused,
};

export function renderCli(): string {
  const program = createProgram(local);
  const commands = program.commands.map(command => `## \`slipway ${command.name()}\`\n\n${helpBlock(command)}`);
  return `${[intro, helpBlock(program), ...commands].join('\n\n')}\n`;
}

const intro = `# The command line

<!-- Generated from src/cli by scripts/generate-docs.ts. -->

Every command asks the daemon through its [API](api.md), but for \`up\`, \`daemon\`, \`validate\` and \`pack\`, which work
without one. What \`--json\` prints is what the API gives, by the names of its schemas; errors are then one problem
document on standard error.`;

/** As \`--help\` prints it, on a page of this width whatever the terminal. */
function helpBlock(command: Command): string {
  let text = '';
  command.configureOutput({
    writeOut: part => (text += part),
    getOutHelpWidth: () => 100,
    getOutHasColors: () => false,
  });
  command.outputHelp();
  return `\`\`\`text\n${text.trim()}\n\`\`\``;
}
