/** The maximum number of updates or evaluations per run, for the command line and plans. */
export const MAX_ITERATIONS = 10_000_000
