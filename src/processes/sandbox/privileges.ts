/** Who a sandboxed program is, and what it may do beyond that: next to nothing. Pure. */
import type { SandboxUser } from './contract.ts';
import type { Tools } from './tools.ts';

/** No capabilities but those that are given, and no way to more: setuid programs and file capabilities mean nothing. */
export function dropPrivileges(
  { setpriv }: Pick<Tools, 'setpriv'>,
  user: SandboxUser,
  capabilities: readonly string[],
): readonly string[] {
  const kept = capabilities.map(name => `,+${name.toLowerCase()}`).join('');
  return [
    setpriv,
    ...['--reuid', String(user.uid), '--regid', String(user.gid), '--clear-groups'],
    `--bounding-set=-all${kept}`,
    `--inh-caps=-all${kept}`,
    ...(kept === '' ? [] : [`--ambient-caps=-all${kept}`]),
    '--no-new-privs',
    '--',
  ];
}
