/** Comments on options as editors show them: the published declarations describe each option where it is declared. */

import { join } from 'node:path'
import { expect, test } from 'vitest'
import { documentation } from '../dist/rules/documentation.js'
import { home } from './children.js'
import { wordsOnOptions } from './types/hover.mjs'

test('every option of every function has a comment, and the comments on rule options match the table of options', () => {
  // The options of errors belong to the language.
  const { AntigradError: _, ...words } = wordsOnOptions(join(home, 'dist/index.d.ts'))
  const bare = Object.entries(words).flatMap(([name, options]) =>
    Object.keys(options).flatMap((option) => (options[option] === '' ? [`${name}: ${option}`] : [])),
  )
  expect(bare).toEqual([])
  expect(Object.values(words).flatMap(Object.keys).length).toBeGreaterThan(450)
  // Additions of a rule are on a separate line in declarations, and after a semicolon in tables.
  const plain = (text: string) => text.replaceAll(/[;\s]+/g, ' ')
  for (const [rule, options] of Object.entries(documentation)) {
    for (const [option, text] of Object.entries(options)) {
      expect(plain(words[rule][option]), `${rule}: ${option}`).toBe(plain(text))
    }
  }
})
