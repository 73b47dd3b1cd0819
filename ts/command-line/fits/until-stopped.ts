/** The end of the work: Ctrl-C, and the exit status of fits. */

import { formatCount } from '../../core/text.js'
import { say, showProgress } from '../terminal.js'

/** Exit status if a fit has not converged. */
export const NOT_CONVERGED = 1

/** Runs the work and returns the result, or undefined if Ctrl-C stops the work. */
export async function untilStopped<T>(stop: AbortController, work: () => Promise<T>): Promise<T | undefined> {
  // Only the first Ctrl-C is handled. A second Ctrl-C ends the process at once.
  const end = () => stop.abort()
  process.once('SIGINT', end)
  try {
    return await work()
  } catch (thrown) {
    if (!stop.signal.aborted) throw thrown
    return undefined
  } finally {
    showProgress('')
    process.off('SIGINT', end)
  }
}

/** Reports fits that have not converged, and sets the exit status. */
export function reportFailures(fits: readonly { readonly reason: string }[]): void {
  const failed = fits.filter(({ reason }) => reason !== 'converged').length
  if (failed === 0) return
  say(`${formatCount(failed)} of ${formatCount(fits.length)} fits did not converge`)
  process.exitCode ??= NOT_CONVERGED
}
