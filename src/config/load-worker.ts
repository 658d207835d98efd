/** The process that reads a configuration: it lives for one file, answers once and ends; also when its parent does. */

import { loadConfig } from './load.ts';
import type { LoadOrder } from './load-apart.ts';

process.once('disconnect', () => process.exit());
process.once('message', ({ path, env }: LoadOrder) => {
  void loadConfig(path, { env }).then(result => process.send?.(result, () => process.disconnect()));
});
