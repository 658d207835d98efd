/**
 * The process that handles hostile bytes: it lives for one job, answers once and ends. It also ends when its parent
 * does, so that nobody goes on writing into a staging folder without an owner.
 */
import { pack } from './pack-directory.ts';
import type { Answer, Job } from './package-process.ts';
import { asRefusal } from './refusal.ts';
import { unpack } from './unpack.ts';

process.umask(0o022);
process.once('disconnect', () => process.exit());
process.once('message', (job: Job) => {
  void handle(job).then(answer => process.send?.(answer, () => process.disconnect()));
});

async function handle(job: Job): Promise<Answer> {
  try {
    if (job.kind === 'pack') await pack(job.directory, job.out, job.limits);
    else await unpack(job);
    return { done: true };
  } catch (error) {
    const { code, message } = asRefusal(error);
    return { done: false, code, why: message };
  }
}
