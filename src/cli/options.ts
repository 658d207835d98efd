/** Options that several commands have. */
import { Option } from 'commander';
import { parseTimeout } from './arguments.ts';

/** Milliseconds as a duration; one minute where it isn't given. */
export function timeoutOption(): Option {
  return new Option('--timeout <duration>', 'how long to wait').argParser(parseTimeout).default(60_000, '60s');
}

export function configOption(description: string): Option {
  return new Option('-c, --config <file>', description);
}

/** In the folder where the command runs. */
export const defaultConfig = 'slipway.yaml';
