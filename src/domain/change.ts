/** One difference between what was applied and what is to be, as people read it. `service` is empty where it is of none. */
export interface PlannedChange {
  readonly service: string;
  readonly action: 'add' | 'change' | 'remove' | 'router' | 'settings';
  /** What differs, one line each: `instances: 2 → 3`. Values of secrets are never among them. */
  readonly details: readonly string[];
}
