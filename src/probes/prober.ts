/**
 * The {@link Prober}: which probes of an instance run when. Names, defaults and their meaning are those of Kubernetes,
 * except that a probe that has not passed yet is tried more often than its period.
 */
import type { Cancel, Clock } from '../domain/clock.ts';
import type { ProbeKind, ProbeSpec } from '../domain/spec.ts';
import { type Attempt, attempt } from './attempt.ts';
import type { Prober, ProbeTarget } from './contract.ts';
import { execAttempt } from './exec.ts';
import { httpAttempt } from './http.ts';
import { type Pace, ProbeLoop } from './loop.ts';
import { tcpAttempt } from './tcp.ts';

interface ProberOptions {
  readonly clock: Clock;
  /** 0…1. Spreads the first runs for adopted instances, which would all fall on one moment. */
  readonly random?: () => number;
}

/** The early runs of configured startup and readiness probes. */
const early = { first: 100, longest: 1000 };

/** Readiness where none is configured: a connection, once. */
const untilConnected = {
  action: { kind: 'tcp' },
  initialDelay: 0,
  period: 1000,
  timeout: 1000,
  successThreshold: 1,
  failureThreshold: Number.POSITIVE_INFINITY,
} as const satisfies ProbeSpec;

export function createProber({ clock, random = Math.random }: ProberOptions): Prober {
  return {
    watch: (probes, target, from, listener) => {
      const began = clock.now();
      const cancels: Cancel[] = [];
      let cancelled = false;
      // Initial delays count from the launch, whatever the startup probe holds back; an adopted instance is past them.
      const spread = random() * early.longest;
      const delay = (spec: ProbeSpec) => (from === 'running' ? spread : began + spec.initialDelay - clock.now());

      const probe = (kind: ProbeKind, spec: ProbeSpec, pace: Partial<Pace>, passed = () => {}) => {
        const loop = new ProbeLoop(attemptOf(spec, target, clock), { ...spec, ...pace }, clock, {
          onResult: result => listener.onResult(kind, result),
          onFailed: detail => listener.onFailed(kind, detail),
          onPassed: () => {
            listener.onPassed(kind);
            passed();
          },
        });
        loop.begin(Math.max(0, delay(spec)));
        cancels.push(() => loop.cancel());
      };

      const probeStarted = () => {
        if (cancelled) return;
        const { readiness, liveness } = probes;
        if (liveness) probe('liveness', liveness, {});
        if (readiness) probe('readiness', readiness, { early });
        else if (target.place === undefined) cancels.push(clock.after(0, () => listener.onPassed('readiness')));
        else probe('readiness', untilConnected, { early: { first: 20, longest: 1000 }, once: true });
      };

      if (probes.startup && from === 'launch') probe('startup', probes.startup, { early, once: true }, probeStarted);
      else probeStarted();
      return () => {
        cancelled = true;
        for (const cancel of cancels) cancel();
      };
    },
  };
}

function attemptOf({ action, timeout }: ProbeSpec, target: ProbeTarget, clock: Clock): Attempt {
  const limit = { clock, timeout };
  if (action.kind === 'exec') return execAttempt(action.command, target, limit);
  const { place } = target;
  if (place === undefined) return attempt(limit, noPlace);
  return action.kind === 'tcp' ? tcpAttempt(place, limit) : httpAttempt(action, place, limit);
}

function noPlace(): never {
  throw new Error('the service has neither a port nor a socket');
}
