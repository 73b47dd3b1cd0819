// The format of stored results: JSON with one row per line, which is easy to search and compare.

/** Formats each property on a separate line, and each element of an array property on a separate line. */
export function asLines(result) {
  const line = (value) => JSON.stringify(value)
  const text = (value) => {
    if (!Array.isArray(value) || value.length === 0) return line(value)
    return `[\n${value.map((row) => `    ${line(row)}`).join(',\n')}\n  ]`
  }
  const entries = Object.entries(result).filter(([, value]) => value !== undefined)
  return `{\n${entries.map(([key, value]) => `  ${line(key)}: ${text(value)}`).join(',\n')}\n}`
}
