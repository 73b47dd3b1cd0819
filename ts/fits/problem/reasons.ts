/**
 * Reasons why a fit ended. The field `reason` of a result is an index into this array. Index 0 means that the fit is
 * unfinished.
 */
export const fitReasons = [
  null,
  'converged',
  'stalled',
  'max-iterations',
  'not-finite',
  'singular',
  'too-few-points',
] as const

/** Reason why a fit ended. */
export type FitReason = Exclude<(typeof fitReasons)[number], null>

/** Whether a fit ended at a usable point, from which another fit can start. */
export function hasUsablePoint(reason: number): boolean {
  const known: readonly (FitReason | null)[] = ['converged', 'stalled', 'max-iterations', 'singular']
  return known.includes(fitReasons[reason])
}

/** Status of a program whose fit must be repeated with a QR factorization. */
export const NEEDS_QR = 0
// Status of a program whose fit has ended. The status equals the index in `fitReasons`.
export const CONVERGED = 1
export const STALLED = 2
export const MAX_ITERATIONS = 3
export const NOT_FINITE = 4
export const SINGULAR = 5
export const TOO_FEW_POINTS = 6

/**
 * Reasons for the position of a profile endpoint. Results store indices into this array. Index 0 means that
 * the profile is unfinished.
 */
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

/** Reason for the position of a profile endpoint. */
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
