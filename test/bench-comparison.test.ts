/** What `npm run bench -- --against` measures can be done by this version. */

import * as core from 'antigrad'
import * as fits from 'antigrad/fit'
import { expect, test } from 'vitest'
import { subjects } from '../bench/against/subjects.mjs'

const antigrad = { ...core, ...fits }

const small = subjects.filter(({ name }) => !name.includes('10000000'))

test('subjects have names of their own', () => {
  expect(new Set(subjects.map(({ name }) => name)).size).toBe(subjects.length)
})

test.each(small)('$name', ({ make }) => {
  const call = make(antigrad)
  // A step that was made says true, and all else gives a result.
  for (let i = 0; i < 2; i++) expect(call() || undefined).toBeDefined()
})
