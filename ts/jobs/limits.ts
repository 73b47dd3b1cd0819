/** Updates and evaluations of a run at most, where the command line or a plan asks for it. */
export const MAX_ITERATIONS = 10_000_000
