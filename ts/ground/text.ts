/** Texts of files, which are a stranger's, in messages and tables. */

/** Characters of a text that are shown, and names of columns. */
const [LONGEST, NAMES] = [40, 20]

/** Without what would steer a terminal, and not the whole of a long text. */
export function printable(text: string): string {
  const short = text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text
  return short.replace(/\p{Cc}/gu, '�')
}

export const quoted = (text: string): string => `"${printable(text)}"`

/** Names in a sentence; of many the first ones. */
export function listed(names: readonly string[]): string {
  const more = names.length - NAMES
  return names.slice(0, NAMES).map(quoted).join(', ') + (more > 0 ? ` and ${grouped(more)} more` : '')
}

/** A count, with commas between thousands. */
export function grouped(count: number): string {
  return `${count}`.replace(/\B(?=(\d{3})+$)/g, ',')
}

export function inKebabCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

export function titleOf(name: string): string {
  return name.replace(/\b[a-z]/g, (letter) => letter.toUpperCase())
}

export function inCamelCase(name: string): string {
  return name.replace(/-[a-z]/g, (pair) => pair[1].toUpperCase())
}
