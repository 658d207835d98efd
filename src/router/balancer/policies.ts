/** The policy for a service. */
import type { TrafficSpec } from '../../domain/traffic-spec.ts';
import { Hash } from './hash.ts';
import { LeastRequests } from './least-requests.ts';
import type { Policy } from './policy.ts';
import { RoundRobin } from './round-robin.ts';
import { Weighted } from './weighted.ts';

/** @param random from 0 to below 1 */
export function policyFor({ balance, slowStart }: TrafficSpec, random: () => number): Policy {
  switch (balance.policy) {
    case 'round-robin':
      // Turns that are worth less are what weights are.
      return slowStart > 0 ? new Weighted() : new RoundRobin();
    case 'weighted':
      return new Weighted();
    case 'least-requests':
      return new LeastRequests(random);
    case 'hash':
      return new Hash();
    default:
      return balance satisfies never;
  }
}
