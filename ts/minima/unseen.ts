/** Estimates how many minima no run has found. */

/** Estimate of the minima that no run has found. */
export interface Unseen {
  /** Expected count of minima that no run has found: w(n − 1)/(n − w − 2) − w. */
  readonly count: number
  /** The count of minima that no run has found is at most this with a probability of 95%. */
  readonly atMost: number
  /** Expected fraction of the starting points whose runs would end in a minimum not found: w(w + 1)/(n(n − 1)). */
  readonly fraction: number
}

/** Probability that the count of minima is within the limit. */
const LEVEL = 0.95
/** Terms of the distribution that are added before the limit counts as infinite. */
const MAX_TERMS = 1e6
/** A term that is smaller than this fraction of the largest term is left out. */
const NEGLIGIBLE = 1e-14

/**
 * The estimate of Boender and Rinnooy Kan (1987): before the search, all counts of minima k and all sizes of their
 * basins are equally probable. With w distinct minima after n runs, the probability of k minima is proportional to
 * (k − 1)!·k!/((n + k − 1)!·(k − w)!).
 */
export function unseen(found: number, runs: number): Unseen {
  const [w, n] = [found, runs]
  const fraction = w === 0 || n < 2 ? 1 : Math.min(1, (w * (w + 1)) / (n * (n - 1)))
  const isKnown = w > 0 && n > w + 2
  const count = isKnown ? (w * (n - 1)) / (n - w - 2) - w : Infinity
  return { count, atMost: isKnown ? countAtMost(w, n) : Infinity, fraction }
}

/** The least count of unseen minima whose cumulative probability reaches the level. */
function countAtMost(w: number, n: number): number {
  // The terms are multiples of the largest one, because the first one may be too small for a number.
  const mode = Math.max(w, Math.floor((n * (w - 1)) / (n - w)))
  const ratio = (k: number) => (k * (k + 1)) / ((n + k) * (k + 1 - w))
  const below: number[] = []
  for (let k = mode, term = 1; k > w; k--) {
    term /= ratio(k - 1)
    if (term < NEGLIGIBLE) break
    if (below.length === MAX_TERMS) return Infinity
    below.push(term)
  }
  const terms = [...below.reverse(), 1]
  const first = mode - below.length
  for (let k = mode, term = 1; ; k++) {
    term *= ratio(k)
    if (term < NEGLIGIBLE) break
    if (terms.length > 2 * MAX_TERMS) return Infinity
    terms.push(term)
  }
  const enough = LEVEL * terms.reduce((sum, term) => sum + term, 0)
  let sum = 0
  let k = first - w
  for (const term of terms) {
    sum += term
    if (sum >= enough) break
    k++
  }
  return k
}
