/** "Did you mean": for the name of a service that there isn't. */
import type { Client } from '../api/client.ts';
import { didYouMean } from '../config/suggest.ts';
import { SlipwayError } from '../domain/errors.ts';

/** The same error, with the nearest name where one of `args` is a slip of it. */
export async function withSuggestion(
  error: unknown,
  args: readonly string[],
  client: () => Pick<Client, 'call'>,
): Promise<unknown> {
  if (!(error instanceof SlipwayError) || error.code !== 'SLIP_SERVICE_UNKNOWN') return error;
  try {
    const { services } = await client().call('GET /v1/services', {});
    const known = services.map(service => service.name);
    // The message names the service; the one argument that it names is the slip.
    const wrong = args.map(arg => arg.split(/[/=]/)[0] ?? '').find(name => name !== '' && error.message.includes(name));
    const hint = wrong === undefined ? '' : didYouMean(wrong, known);
    if (hint === '') return error;
    return new SlipwayError(error.code, error.message, { details: [...error.details, hint], cause: error });
  } catch {
    return error;
  }
}
