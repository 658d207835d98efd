/** The one entry point. It loads what the role at hand needs, and nothing else. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { setFlagsFromString } from 'node:v8';
import type { Local } from './cli/local.ts';

const [role, ...rest] = process.argv.slice(2);

if (role === 'router') {
  // Not among the commands: only the daemon runs it.
  const { keepHeapSmall } = await import('./router/heap.ts');
  keepHeapSmall();
  const { runRouter } = await import('./router/main.ts');
  await runRouter(rest);
} else {
  const { runCli } = await import('./cli/program.ts');
  const { socketPath } = await import('./router-link/socket-path.ts');
  const local: Local = {
    self: [process.execPath, ...process.execArgv, fileURLToPath(import.meta.url)],
    socketPath: home => socketPath(home, 'slipway.sock'),
    version: () => JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')).version,
    async runDaemon(order) {
      // What a daemon allocates dies young, and it lives for months. A small heap also makes each fork of it cheap.
      setFlagsFromString('--optimize-for-size');
      const { runDaemon } = await import('./run-daemon.ts');
      await runDaemon({ ...order, version: local.version() });
    },
    async validate(path) {
      const { loadConfig } = await import('./config/load.ts');
      const { configError, formatProblem } = await import('./config/problem.ts');
      const result = await loadConfig(path, { env: process.env });
      if (!result.ok) throw configError(result);
      return { services: Object.keys(result.project.services).sort(), warnings: result.warnings.map(formatProblem) };
    },
    async diagnose(home) {
      const { diagnoseHost } = await import('./doctor.ts');
      return diagnoseHost(home);
    },
    async pack(directory, outFile) {
      const { packDirectory } = await import('./packages/pack-directory.ts');
      await packDirectory(directory, outFile);
    },
  };
  process.exitCode = await runCli(process.argv.slice(2), local);
}
