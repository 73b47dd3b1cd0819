/** Exit statuses and terminal output. This file imports nothing, so that `antigrad --help` loads no library. */

/** Exit status if engines disagree. */
export const DISAGREEMENT = 1
/** Exit status if the command line is invalid or the command cannot be executed. */
export const MISUSE = 2
/** Exit status after Ctrl-C, as in shells: 128 plus the number of SIGINT. */
export const STOPPED = 130

/**
 * Control characters, which could manipulate a terminal if untrusted text is printed. Line feeds and tabs are allowed.
 */
const steered = /[^\P{Cc}\n\t]/gu

export const say = (line: string) => process.stderr.write(`antigrad: ${line.replace(steered, '�')}\n`)

export function showProgress(what: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${what}`)
}

/** Makes a function that shows progress at most every 100 ms. */
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

/**
 * Prints text and waits until the text is written, so that unread output does not accumulate. The result is false if
 * writing fails.
 */
export function print(text: string | Uint8Array): Promise<boolean> {
  const shown = process.stdout.isTTY ? Buffer.from(text).toString().replace(steered, '�') : text
  return new Promise((resolve) => {
    process.stdout.write(shown, (error) => resolve(!error))
  })
}
