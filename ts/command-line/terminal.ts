/** Exit statuses, and lines for a terminal. It imports nothing, so that `antigrad --help` loads no library. */

/** Exit statuses: engines disagree; the command line is invalid, or what it asks for cannot be done. */
export const DISAGREEMENT = 1
export const MISUSE = 2
/** As shells have it: 128 and the number of SIGINT. */
export const STOPPED = 130

/** Texts of strangers do not steer a terminal; lines and tabs are ours. */
const steered = /[^\P{Cc}\n\t]/gu

export const say = (line: string) => process.stderr.write(`antigrad: ${line.replace(steered, '�')}\n`)

export function showProgress(what: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${what}`)
}

/** Says how far something is, but not all the time. */
export function reporter<Given extends unknown[]>(
  describe: (seconds: number, ...given: Given) => string,
): (...given: Given) => void {
  const began = performance.now()
  let said = Number.NEGATIVE_INFINITY
  return (...given) => {
    const now = performance.now()
    if (now - said < 100) return
    said = now
    showProgress(describe((now - began) / 1000, ...given))
  }
}

/** Waits until it is written, so that what nobody reads does not pile up; false where it cannot be. */
export function print(text: string | Uint8Array): Promise<boolean> {
  const shown = process.stdout.isTTY ? Buffer.from(text).toString().replace(steered, '�') : text
  return new Promise((resolve) => {
    process.stdout.write(shown, (error) => resolve(!error))
  })
}
