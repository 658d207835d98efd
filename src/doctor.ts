/** A diagnosis of the host alone, for when no daemon runs: asked as a daemon would that is started now. */
import { defaultProject } from './config/defaults.ts';
import { systemClock } from './control/clock.ts';
import { hostFacts } from './control/host-facts.ts';
import { type Diagnosis, diagnose } from './domain/diagnosis/diagnose.ts';
import { createProcessHost } from './processes/host.ts';
import { createRuntimes } from './runtimes/runtimes.ts';

export async function diagnoseHost(home: string): Promise<Diagnosis> {
  const clock = systemClock;
  const host = await createProcessHost({ home, clock });
  try {
    // Nothing is prepared or pinned here.
    const runtimes = createRuntimes({ preparedDir: () => home, pinnedDir: home });
    return diagnose(await hostFacts({ home, clock, host, runtimes, project: defaultProject() }));
  } finally {
    host.close();
  }
}
