/** Why fits have stopped, by the numbers in `reason`; the first is of none. */
export const fitReasons = [
  null,
  'converged',
  'stalled',
  'max-iterations',
  'not-finite',
  'singular',
  'too-few-points',
] as const

export type FitReason = Exclude<(typeof fitReasons)[number], null>

/** Whether a fit has ended somewhere, from where another may start. */
export function isSomewhere(reason: number): boolean {
  const known: readonly (FitReason | null)[] = ['converged', 'stalled', 'max-iterations', 'singular']
  return known.includes(fitReasons[reason])
}

/** Those that programs give, by number; and what they give where another program has to look. */
export const [DOUBTFUL, CONVERGED, STALLED, MAX_ITERATIONS, NOT_FINITE, SINGULAR] = [
  0, 1, 2, 3, 4, 5,
] as const

/** Why the ends of profiles are where they are, by the numbers in `reason`; the first is of none. */
export const endReasons = [
  null,
  'found',
  'bound',
  'endless',
  'flat',
  'ill-conditioned',
  'lower-minimum',
  'failed',
  'no-fit',
  'edge',
] as const

export type EndReason = Exclude<(typeof endReasons)[number], null>

export const [FOUND, BOUND, NO_END, NO_SLOPE, TOO_ALIKE, LOWER_MINIMUM, FAILED, NO_FIT, EDGE] = endReasons
  .slice(1)
  .map((_, k) => k + 1)
