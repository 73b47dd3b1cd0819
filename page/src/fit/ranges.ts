/** Lists of rows as text, in which consecutive lines are ranges: `3,5-9,12:4`. */

/** Maximum number of rows in a list, which limits what an address can request. */
const MAX_ROWS = 100_000

/** Writes keys of rows: line numbers, or the line and column of a cell in a wide table. */
export function writeRanges(keys: readonly string[]): string {
  const lines = keys.filter((key) => /^\d+$/.test(key)).map(Number)
  const parts: string[] = []
  for (const [i, line] of lines.sort((a, b) => a - b).entries()) {
    const [first] = (parts.at(-1) ?? '').split('-')
    if (i > 0 && line === lines[i - 1] + 1) parts[parts.length - 1] = `${first}-${line}`
    else parts.push(`${line}`)
  }
  return [...parts, ...keys.filter((key) => !/^\d+$/.test(key))].join(',')
}

/** Reads keys of rows. Parts that are neither a line, a range nor a cell are ignored. */
export function readRanges(text: string): string[] {
  const keys = new Set<string>()
  for (const part of text.split(/[\s,;]+/)) {
    const [, first, last] = /^(\d+)(?:-(\d+))?$/.exec(part) ?? []
    if (first === undefined) {
      if (/^\d+:\d+$/.test(part)) keys.add(part)
      continue
    }
    const end = Math.min(Number(last ?? first), Number(first) + MAX_ROWS - keys.size)
    for (let line = Number(first); line <= end; line++) keys.add(`${line}`)
  }
  return [...keys]
}
