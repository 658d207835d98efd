/**
 * Builds the example shop into real packages under examples/shop/packages/; what is newer than its sources is left
 * alone. A service whose toolchain is not there, or fails, is left out by name. The path of the configuration to use is the
 * one line on stdout; what was done goes to stderr.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isMap, isSeq, parseDocument } from 'yaml';

const script = fileURLToPath(import.meta.url);
const repository = dirname(dirname(script));
const shop = join(repository, 'examples/shop');
const packages = join(shop, 'packages');

const run = (program, ...args) => execFileSync(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
const pack = (folder, file) => run(process.execPath, join(repository, 'bin/slipway'), 'pack', folder, '-o', file);

/** For each service: the package that it becomes, the tools it takes, and how it is built. */
const services = {
  storefront: { file: 'storefront-1.0.0.tgz', tools: [], build: pack },
  reviews: { file: 'reviews-1.0.0.tgz', tools: [], build: pack },
  catalog: {
    file: 'catalog-1.0.0.jar',
    tools: ['java', 'javac', 'jar'],
    build(folder, file, scratch) {
      run('javac', '--release', '11', '-d', scratch, join(folder, 'Catalog.java'));
      run('jar', '--create', '--file', file, '--main-class', 'Catalog', '-C', scratch, '.');
    },
  },
  pricing: {
    file: 'pricing-1.0.0.pyz',
    tools: ['python3'],
    build: (folder, file) => run('python3', '-m', 'zipapp', folder, '-o', file),
  },
  stock: {
    file: 'stock-1.0.0.tgz',
    tools: ['cc'],
    build(folder, file, scratch) {
      mkdirSync(join(scratch, 'bin'));
      const compile = ['-O2', '-pthread', '-o', join(scratch, 'bin/stock'), join(folder, 'stock.c')];
      // Not every system has the static C library.
      if (spawnSync('cc', ['-static', ...compile]).status !== 0) run('cc', ...compile);
      pack(scratch, file);
    },
  },
};

function isInstalled(tool) {
  return spawnSync('sh', ['-c', 'command -v "$1"', 'sh', tool]).status === 0;
}

function newest(folder) {
  const files = readdirSync(folder, { recursive: true }).map(name => join(folder, name));
  return Math.max(...[script, ...files].map(file => statSync(file).mtimeMs));
}

function build(name, { file, build }) {
  const [folder, target] = [join(shop, name), join(packages, file)];
  const built = statSync(target, { throwIfNoEntry: false });
  if (built && built.mtimeMs > newest(folder)) return;
  const scratch = mkdtempSync(join(tmpdir(), 'slipway-example-'));
  try {
    // Under its own name only once it is whole; the ending tells tools what to write.
    const unfinished = join(packages, `unfinished-${file}`);
    rmSync(unfinished, { force: true });
    build(folder, unfinished, scratch);
    renameSync(unfinished, target);
    console.error(`built ${relative(repository, target)}`);
  } finally {
    rmSync(scratch, { recursive: true, force: true });
  }
}

/** The shop's own configuration, or one without what could not be built. */
function configuration(leftOut) {
  const original = join(shop, 'slipway.yaml');
  if (leftOut.size === 0) return original;
  const document = parseDocument(readFileSync(original, 'utf8'));
  const lines = [...leftOut].map(([name, why]) => ` ${name}: ${why}`);
  document.commentBefore = [' Written by scripts/build-examples.mjs from ../slipway.yaml. Left out:', ...lines].join(
    '\n',
  );
  for (const name of leftOut.keys()) document.deleteIn(['services', name]);
  for (const { key, value: service } of document.get('services').items) {
    service.set('package', `./${services[key.value].file}`);
    const depends = service.get('dependsOn');
    if (isSeq(depends)) depends.items = depends.items.filter(item => !leftOut.has(item.value));
    const env = service.get('env');
    if (isMap(env)) for (const name of leftOut.keys()) env.delete(`${name.toUpperCase()}_URL`);
  }
  const path = join(packages, 'slipway.yaml');
  writeFileSync(path, String(document));
  return path;
}

mkdirSync(packages, { recursive: true });
const leftOut = new Map();
for (const [name, service] of Object.entries(services)) {
  const missing = service.tools.filter(tool => !isInstalled(tool));
  try {
    if (missing.length === 0) build(name, service);
    else leftOut.set(name, `${missing.join(', ')} not installed`);
  } catch (error) {
    // What takes no tools builds everywhere; another compiler than expected only costs its service.
    if (service.tools.length === 0) throw error;
    leftOut.set(name, `${service.tools.at(-1)} failed: ${error.message}`);
  }
}
for (const [name, why] of leftOut) console.error(`left out ${name}: ${why}`);
console.log(relative(process.cwd(), configuration(leftOut)));
