/** Fetches the packages of slipway.yaml into packages/, unchanged, with the ordinary client of each registry. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('./packages/', import.meta.url));
const npm = name => ['npm', 'pack', '--silent', '--pack-destination', folder, name];
const maven = artifact => ['mvn', '-q', '-B', 'dependency:copy', `-Dartifact=${artifact}`, `-DoutputDirectory=${folder}`];
const pip = name => ['python3', '-m', 'pip', 'download', '-q', '--no-deps', '-d', folder, name];

const packages = {
  'http-server-14.1.1.tgz': npm('http-server@14.1.1'),
  'peer-1.0.2.tgz': npm('peer@1.0.2'),
  'wiremock-standalone-3.9.2.jar': maven('org.wiremock:wiremock-standalone:3.9.2'),
  'h2-2.3.232.jar': maven('com.h2database:h2:2.3.232'),
  'datasette-0.65.5-py3-none-any.whl': pip('datasette==0.65.5'),
};

mkdirSync(folder, { recursive: true });
for (const [file, [program, ...args]] of Object.entries(packages)) {
  if (existsSync(join(folder, file))) continue;
  console.log(`${program} ${args.join(' ')}`);
  execFileSync(program, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (!existsSync(join(folder, file))) throw new Error(`cannot find ${file}, which ${program} was to fetch`);
}
