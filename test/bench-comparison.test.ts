/** The current version supports every measurement of `npm run bench -- --against`. */

import * as core from 'antigrad'
import * as fits from 'antigrad/fit'
import { expect, test } from 'vitest'
import { subjects } from '../bench/against/subjects.mjs'

const antigrad = { ...core, ...fits }

const small = subjects.filter(({ name }) => !name.includes('10000000'))

test('the benchmark subjects have unique names', () => {
  expect(new Set(subjects.map(({ name }) => name)).size).toBe(subjects.length)
})

test.each(small)('the benchmark subject "$name" runs without an error', ({ make }) => {
  const call = make(antigrad)
  // A completed step returns true. All other calls return a result.
  for (let i = 0; i < 2; i++) expect(call() || undefined).toBeDefined()
})
