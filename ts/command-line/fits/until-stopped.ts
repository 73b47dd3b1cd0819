/** Ctrl-C during fits. */

import { showProgress } from '../terminal.js'

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
