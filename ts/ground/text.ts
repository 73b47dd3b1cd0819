/** Texts of files, which are a stranger's, in messages and tables. */

/** Characters of a text that are shown, and names of columns. */
const [LONGEST, NAMES] = [40, 20]

/** Without what would steer a terminal, and not the whole of a long text. */
export function printable(text: string): string {
  const short = text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text
  return withoutControls(short)
}

/** Without characters that would steer a terminal. */
export const withoutControls = (text: string): string => text.replace(/\p{Cc}/gu, '�')

/** An address as messages have it: neither a user and a password nor a query, which may be a signature. */
export function withoutCredentials(address: string): string {
  if (!URL.canParse(address)) return address.replace(/:\/\/.*$/s, '://…')
  const { protocol, host, pathname } = new URL(address)
  return `${protocol}//${host}${pathname}`
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

/** A count and the noun for it: 1 row, 2 rows. */
export function plural(count: number, noun: string): string {
  return `${grouped(count)} ${noun}${count === 1 ? '' : 's'}`
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
