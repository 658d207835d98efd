/** How far an instance is kept from the others and from the host. */
import { z } from 'zod';
import { filePath, list, text, word } from './scalars.ts';
import { section } from './section.ts';

const umaskError = 'a umask of three or four octal digits in quotes, such as "0027"';

const umask = text(umaskError, /^0?[0-7]{3}$/)
  .meta({ title: 'umask', examples: ['0027'] })
  .transform(digits => Number.parseInt(digits, 8));

export const isolationSchema = section({
  level: word(['none', 'standard', 'strict'])
    .exactOptional()
    .describe(
      'How far an instance is kept from the others and the host; see docs/isolation.md. Left out: `standard` where the daemon is root, else `none`.',
    ),
  user: text('the name of a user of this host', /^[a-z_][a-z0-9_.-]{0,31}\$?$/)
    .exactOptional()
    .describe('User of the host that instances run as. Left out: one that belongs to the service alone.'),
  capabilities: list(word(['NET_BIND_SERVICE']), 'a list of capabilities')
    .prefault([])
    .describe('Privileges beyond those of a plain user: NET_BIND_SERVICE for ports below 1024.'),
  umask: umask.prefault('0022').describe('Permissions that new files don’t get.'),
  writable: list(filePath, 'a list of paths')
    .prefault([])
    .describe(
      'Folders and files of the host that may be written to, beyond the instance’s own data and temporary folder.',
    ),
  network: word(['host', 'loopback'])
    .prefault('host')
    .describe('`loopback` for no network but a loopback of its own (strict; the router reaches it by a socket only).'),
});

export const secretsSchema = z.record(
  text('a file name of letters, digits, dots, dashes and underscores', /^[A-Za-z0-9_-][A-Za-z0-9._-]{0,127}$/),
  section({ file: filePath.describe('File with the secret, read at each launch.') }),
  { error: 'a mapping of names to { file: PATH }' },
);
