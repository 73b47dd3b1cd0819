/** What processes run that compute chunks: as seen from here, and from the one file that the build makes of commands. */
export const hand = new URL('../chunks/worker-process.js', import.meta.url)
