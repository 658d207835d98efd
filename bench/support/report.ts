/** Figures side by side: Slipway first, each peer with how many times Slipway's figure its own is. */

export interface Row {
  readonly name: string;
  readonly figures: readonly number[];
  /** What the row above has besides, and the peers don't: so it isn't compared. */
  readonly apart?: boolean;
}

/**
 * @param columns what the figures are, in order
 * @param digits after the decimal point
 */
export function printTable(columns: readonly string[], rows: readonly Row[], digits: number): void {
  const own = rows[0]?.figures ?? [];
  console.log(['', ...columns.flatMap(column => [column, ''])].map(padded).join('').trimEnd());
  for (const [at, { name, figures, apart }] of rows.entries()) {
    const cells = figures.flatMap((figure, column) => {
      const ratio = at === 0 || apart ? '' : `× ${(figure / (own[column] ?? Number.NaN)).toFixed(2)}`;
      return [figure.toFixed(digits), ratio];
    });
    console.log([apart ? `  its ${name}` : name, ...cells].map(padded).join('').trimEnd());
  }
}

/** Sets the exit code of this process, too. */
export function judge(
  goals: readonly { readonly what: string; readonly figure: number; readonly most: number }[],
): void {
  for (const { what, figure, most } of goals) {
    const met = figure <= most;
    console.log(`goal, ${what} at most ${most}: ${met ? 'met' : 'MISSED'}`);
    if (!met) process.exitCode = 1;
  }
}

function padded(cell: string, at: number): string {
  return at === 0 ? cell.padEnd(24) : cell.padStart(12);
}
