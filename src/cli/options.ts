/** Options that several commands have. */
import { Option } from 'commander';
import { parseTimeout } from './arguments.ts';

/** Milliseconds as a duration; one minute where it isn't given. */
export function timeoutOption(): Option {
  return new Option('--timeout <duration>', 'how long to wait').argParser(parseTimeout).default(60_000, '60s');
}

/** Longer than a rollout may stand still by default (`rollout.timeout`), so that its own verdict comes first. */
export function rolloutTimeoutOption(): Option {
  return new Option('--timeout <duration>', 'how long to wait').argParser(parseTimeout).default(600_000, '10m');
}

export function configOption(description: string): Option {
  return new Option('-c, --config <file>', description);
}

/** In the folder where the command runs. */
export const defaultConfig = 'slipway.yaml';
