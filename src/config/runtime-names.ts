/** The runtimes that there are: a contract between what a configuration may name and what `runtimes/` implements. */
export const runtimeNames: readonly string[] = ['node', 'java', 'python', 'exec'];
