/** Parsers of option values of `antigrad fit`. */

import { InvalidArgumentError } from 'commander'
import type { Sharing } from './options.js'

export function collectColumn(text: string, before: Record<string, string> = {}): Record<string, string> {
  const [, name, column] = /^([^=]+)(?:=(.+))?$/.exec(text) ?? []
  if (name === undefined) throw new InvalidArgumentError('Expected a name, or name=column.')
  if (Object.hasOwn(before, name)) throw new InvalidArgumentError('Expected distinct names.')
  return { ...before, [name]: column ?? name }
}

/** Adds the text after the first `=` under the name before this `=`. The text may contain further `=`. */
export function collectText(text: string, before: Record<string, string> = {}): Record<string, string> {
  const [, name, value] = /^\s*([^=\s]+)\s*=(.*)$/s.exec(text) ?? []
  if (name === undefined) throw new InvalidArgumentError('Expected name=expression.')
  if (Object.hasOwn(before, name)) throw new InvalidArgumentError('Expected distinct names.')
  return { ...before, [name]: value }
}

/** Parses names of parameters. A parameter with `:column` has one value per label of this column. */
export function parseSharing(text: string): Sharing {
  const parts = parseNames(text).map((part) => part.split(/:(.*)/s))
  const subsets = parts.filter(([, column]) => column !== undefined)
  if (new Set(subsets.map(([name]) => name.trim())).size < subsets.length)
    throw new InvalidArgumentError('Expected distinct names.')
  return {
    all: parts.filter(([, column]) => column === undefined).map(([name]) => name),
    sharedBy: Object.fromEntries(subsets.map(([name, column]) => [name.trim(), column.trim()])),
  }
}

export function parseNames(text: string): string[] {
  return text.split(',').map((name) => name.trim())
}

export function parseScale(text: string): number {
  const x = Number(text)
  if (text.trim() !== '' && x > 0 && x < Infinity) return x
  throw new InvalidArgumentError('Expected a number > 0.')
}

export function parseFraction(text: string): number {
  const x = Number(text)
  if (text.trim() !== '' && x > 0 && x < 1) return x
  throw new InvalidArgumentError('Expected a number between 0 and 1.')
}

export function parseDelimiter(text: string): string {
  if (text === 'tab' || text === '\\t') return '\t'
  if (/^[^"\r\n]$/u.test(text)) return text
  throw new InvalidArgumentError('Expected a single character, or tab.')
}

export const collectModels = (text: string, before: readonly string[] = []): readonly string[] => [
  ...before,
  text,
]
