/**
 * docs/api.txt lists the public API. The list reveals breaking changes, such as a removed option, a narrower type or a
 * different default.
 */

import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { exportsIn, tablesIn } from '../scripts/lib/api.mjs'
import { home } from './children.js'

const [exported, defaults] = readFileSync(join(home, 'docs/api.txt'), 'utf8').split(/(?<=\n)(?=# defaults\n)/)

/** The API listing of a copy of a folder in which some words are replaced. */
function changed(
  folder: string,
  edits: Record<string, [from: string, to: string]>,
  seen: (copy: string) => string,
) {
  const copy = mkdtempSync(join(tmpdir(), 'antigrad-api-'))
  try {
    cpSync(join(home, folder), copy, { recursive: true })
    for (const [file, [from, to]] of Object.entries(edits)) {
      const text = readFileSync(join(copy, file), 'utf8')
      expect(text.split(from).length, `${from} in ${file}`).toBe(2)
      writeFileSync(join(copy, file), text.replace(from, to))
    }
    return seen(copy)
  } finally {
    rmSync(copy, { recursive: true })
  }
}

/** The lines that occur in only one of two strings. */
const missing = (from: string, to: string) => {
  const there = new Set(to.split('\n'))
  return from.split('\n').filter((line) => !there.has(line))
}

test('docs/api.txt lists the current exports and default values, as written by npm run api', () => {
  expect(`${exportsIn(join(home, 'dist/node'))}\n`).toBe(exported)
  expect(tablesIn(join(home, 'ts'))).toBe(defaults)
})

test('the API check detects a narrowed parameter type and a missing export', () => {
  const now = changed(
    'dist/node',
    {
      'fits/problem/options.d.ts': ['readonly y?: string;', "readonly y?: 'y';"],
      'index.d.ts': ['type ExpressionOptions, expression,', 'type ExpressionOptions,'],
    },
    exportsIn,
  )
  expect(missing(exported, now).some((line) => line.startsWith('expression: '))).toBe(true)
  expect(missing(now, exported)).toContain('  y?: "y" | undefined')
})

test.each<[string, string, string, string]>([
  ['an option that is gone', 'rules/adam.ts', '    beta1: 0.9,\n', ''],
  ["a rule's default", 'rules/adam.ts', 'beta2: 0.999', 'beta2: 0.99'],
  ["a fit's default", 'fits/problem/options.ts', 'lossScale: positive(1)', 'lossScale: positive(2)'],
  ['a default behind a name', 'fits/problem/confidence-level.ts', '0.95', '0.9'],
  ["a schedule's", 'schedules/step.ts', 'gamma: nonNegative(0.1)', 'gamma: nonNegative(0.2)'],
  ['what is around a rule', 'model/options.ts', "choice('propagate',", "choice('throw', 'propagate',"],
])('the API check detects a change of the API: %s', (_, file, from, to) => {
  expect(changed('ts', { [file]: [from, to] }, tablesIn)).not.toBe(defaults)
})
