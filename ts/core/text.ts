/** Formatting of untrusted text, such as the content of files, for messages and tables. */

/** The maximum number of characters of a string that are shown. */
const MAX_PRINTED_LENGTH = 40
/** The maximum number of column names that a message lists. */
const MAX_LISTED_NAMES = 20

/** Shortens a long string, and replaces control characters, which could control a terminal. */
export function toPrintable(text: string): string {
  const short = text.length > MAX_PRINTED_LENGTH ? `${text.slice(0, MAX_PRINTED_LENGTH - 1)}…` : text
  return withoutControls(short)
}

/** Replaces control characters, which could control a terminal. */
export const withoutControls = (text: string): string => text.replace(/\p{Cc}/gu, '�')

/** An address for messages, without user name, password and query (which may contain a signature). */
export function withoutCredentials(address: string): string {
  if (!URL.canParse(address)) return address.replace(/:\/\/.*$/s, '://…')
  const { protocol, host, pathname } = new URL(address)
  return `${protocol}//${host}${pathname}`
}

export const quote = (text: string): string => `"${toPrintable(text)}"`

/** Joins the texts of a message by semicolons, without empty texts. */
export const joinTexts = (...texts: readonly string[]): string =>
  texts.filter((text) => text !== '').join('; ')

/** Quotes names and joins the names for a sentence. A long list is shortened. */
export function listNames(names: readonly string[]): string {
  const more = names.length - MAX_LISTED_NAMES
  return (
    names.slice(0, MAX_LISTED_NAMES).map(quote).join(', ') +
    (more > 0 ? ` and ${formatCount(more)} more` : '')
  )
}

/** Formats a count with commas between groups of thousands. */
export function formatCount(count: number): string {
  return `${count}`.replace(/\B(?=(\d{3})+$)/g, ',')
}

/** Formats a count and a noun, such as "1 row" and "2 rows". */
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
