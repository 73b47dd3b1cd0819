// How results are kept: JSON with one row a line, which is short to search and to compare.

/** Each entry on a line of its own, and each row of one that is a list. */
export function asLines(result) {
  const line = (value) => JSON.stringify(value)
  const text = (value) => {
    if (!Array.isArray(value) || value.length === 0) return line(value)
    return `[\n${value.map((row) => `    ${line(row)}`).join(',\n')}\n  ]`
  }
  const entries = Object.entries(result).filter(([, value]) => value !== undefined)
  return `{\n${entries.map(([key, value]) => `  ${line(key)}: ${text(value)}`).join(',\n')}\n}`
}
