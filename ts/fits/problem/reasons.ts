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
export function hasUsablePoint(reason: number): boolean {
  const known: readonly (FitReason | null)[] = ['converged', 'stalled', 'max-iterations', 'singular']
  return known.includes(fitReasons[reason])
}

/** What programs return if the QR program has to take over. */
export const NEEDS_QR = 0
// Their reasons to stop.
export const CONVERGED = 1
export const STALLED = 2
export const MAX_ITERATIONS = 3
export const NOT_FINITE = 4
export const SINGULAR = 5

/** Why the ends of profiles are where they are, by the numbers in `reason`; the first is of none. */
export const profileEndReasons = [
  null,
  'found',
  'bound',
  'unbounded',
  'flat',
  'ill-conditioned',
  'lower-minimum',
  'failed',
  'unavailable',
  'domain-limit',
] as const

export type ProfileEndReason = Exclude<(typeof profileEndReasons)[number], null>

export const [
  FOUND,
  BOUND,
  UNBOUNDED,
  FLAT,
  ILL_CONDITIONED,
  LOWER_MINIMUM,
  FAILED,
  UNAVAILABLE,
  DOMAIN_LIMIT,
] = profileEndReasons.slice(1).map((_, k) => k + 1)
