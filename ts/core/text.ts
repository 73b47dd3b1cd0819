/** Texts of files, which are a stranger's, in messages and tables. */

/** Characters of a text that are shown. */
const MAX_PRINTED_LENGTH = 40
/** Names of columns that are listed. */
const MAX_LISTED_NAMES = 20

/** Without what would steer a terminal, and not the whole of a long text. */
export function toPrintable(text: string): string {
  const short = text.length > MAX_PRINTED_LENGTH ? `${text.slice(0, MAX_PRINTED_LENGTH - 1)}…` : text
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

export const quote = (text: string): string => `"${toPrintable(text)}"`

/** Names in a sentence; of many the first ones. */
export function listNames(names: readonly string[]): string {
  const more = names.length - MAX_LISTED_NAMES
  return (
    names.slice(0, MAX_LISTED_NAMES).map(quote).join(', ') +
    (more > 0 ? ` and ${formatCount(more)} more` : '')
  )
}

/** A count, with commas between thousands. */
export function formatCount(count: number): string {
  return `${count}`.replace(/\B(?=(\d{3})+$)/g, ',')
}

/** A count and the noun for it: 1 row, 2 rows. */
export function plural(count: number, noun: string): string {
  return `${formatCount(count)} ${noun}${count === 1 ? '' : 's'}`
}

export function toKebabCase(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

export function toTitle(name: string): string {
  return name.replace(/\b[a-z]/g, (letter) => letter.toUpperCase())
}

export function toCamelCase(name: string): string {
  return name.replace(/-[a-z]/g, (pair) => pair[1].toUpperCase())
}
