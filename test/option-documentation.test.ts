/** Comments on options, extracted from sources in styles that the current rules do not use. */

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { optionDocumentation } from '../scripts/lib/option-documentation.mjs'

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'antigrad-documentation-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

/** The options that are read from the given files, next to a `define.ts`. */
function read(files: Readonly<Record<string, string>>) {
  mkdirSync(join(folder, 'rules'))
  writeFileSync(
    join(folder, 'rules/define.ts'),
    'export function define(name, declaration) { return { name, ...declaration } }',
  )
  writeFileSync(
    join(folder, 'rules/options.ts'),
    'const numbers = { /** of all\n * rules */ gamma: (value) => value }\ninterface Flags { /** δ */ delta: unknown }',
  )
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text)
  return optionDocumentation(join(folder, 'rules'))
}

test('the generated option documentation includes options that rules share by name, import, property or function', () => {
  const documentation = read({
    'shared.ts': `
      /** not an option: { lr: 1 } */
      const rate = { /** η, ½ of it */ lr: 1 }
      export const groups = { rate, rest: { /** the last */ last: 2 } } as const`,
    'rules/around.ts': `
      import { define as make } from './define.js'
      export function around(name: string, { options: unused }: never, declaration: object) {
        const options = { ...declaration.options, /** around */ also: 3 }
        return make(name, { ...declaration, ...{ options } } as never) as never
      }`,
    'rules/one.ts': `
      import { groups as shared } from '../shared.js'
      import { around as wrap } from './around.js'
      const own = {
        ...shared.rate,
        // no documentation
        /**
         * two
         * lines: with a comma, \`/* and
         */
        'beta': 0.5, /** overridden */ last: 1,
        ...shared.rest,
      }
      export const definition = wrap('one', {}, { kernels: [], options: own })`,
    'rules/helper.ts': 'export const definition = 1',
  })
  expect(documentation).toEqual({
    one: { lr: 'η, ½ of it', beta: 'two lines: with a comma, `/* and', last: 'the last', also: 'around' },
  })
  expect(Object.keys(documentation.one)).toEqual(['lr', 'beta', 'last', 'also'])
})

test('the generated option documentation includes shared options with the comments and kinds that a rule changes', () => {
  const definition = (name: string, options: string) =>
    `import { define } from './define.js'\nexport const definition = define('${name}', { options: ${options} })`
  const documentation = read({
    'rules/one.ts': definition('one', '{ /** here too */ delta: false, gamma: 1 }'),
    'rules/two.ts': definition('two', '{ /** another */ gamma: fraction(1) }'),
  })
  expect(documentation).toEqual({
    one: { delta: 'δ; here too', gamma: 'of all rules' },
    two: { gamma: 'another' },
  })
})

test.each([
  ['an option without a comment', '{ lr: 1 }', /^one: no comment on lr$/],
  ['a spread of an unknown object', '{ ...somewhere }', /one\.ts: cannot resolve \.\.\.somewhere$/],
  ['a computed options object', 'make()', /one\.ts: not an object: make\(\)$/],
  ['a syntax error in the source', '{', /one\.ts: /],
])('the generator of the option documentation refuses %s', (_, options, message) => {
  const text = `import { define } from './define.js'\nexport const definition = define('one', { options: ${options} })`
  expect(() => read({ 'rules/one.ts': text })).toThrow(message)
})
