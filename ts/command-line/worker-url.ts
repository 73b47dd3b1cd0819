/**
 * URL of the script that worker processes run. The URL is valid relative to this file and to the bundled command line.
 */
export const hand = new URL('../chunks/worker-process.js', import.meta.url)
