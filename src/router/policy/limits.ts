/** What the configuration says about limits, in the words of the data plane. */
import type { RouterLimits } from '../../domain/router-spec.ts';
import { defaultLimits, type ForwardLimits } from '../plane/forwarder.ts';

export function forwardLimits(limits: RouterLimits): ForwardLimits {
  return {
    ...defaultLimits,
    maxHead: limits.head,
    maxTarget: limits.target,
    maxFields: limits.fields,
    maxTrailers: limits.trailers,
    maxBody: limits.body ?? Number.POSITIVE_INFINITY,
    clientHeadTimeout: limits.headTimeout,
    bodyTimeout: limits.bodyTimeout,
    keepAlive: limits.keepAlive,
    connectTimeout: limits.connectTimeout,
    headTimeout: limits.responseTimeout,
    idleTimeout: limits.idleTimeout,
    poolIdle: limits.instanceKeepAlive,
  };
}
