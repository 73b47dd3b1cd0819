/** Comments on options as editors show them: the published declarations describe each option where it is declared. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { documentation } from '../dist/rules/documentation.js'
import { home } from './children.js'
import { wordsOnOptions } from './types/hover.mjs'

test('every option of every function has a comment, and the comments on rule options match the table of options', () => {
  // The language defines the options of errors.
  const { AntigradError: _, ...words } = wordsOnOptions(join(home, 'dist/index.d.ts'))
  const bare = Object.entries(words).flatMap(([name, options]) =>
    Object.keys(options).flatMap((option) => (options[option] === '' ? [`${name}: ${option}`] : [])),
  )
  expect(bare).toEqual([])
  expect(Object.values(words).flatMap(Object.keys).length).toBeGreaterThan(450)
  // A rule's additions are on a separate line in declarations, and after a semicolon in tables.
  const plain = (text: string) => text.replaceAll(/[;\s]+/g, ' ')
  for (const [rule, options] of Object.entries(documentation)) {
    for (const [option, text] of Object.entries(options)) {
      // The build adds the range and the default value.
      const [own] = words[rule][option].split('\nRange: ')
      expect(plain(own), `${rule}: ${option}`).toBe(plain(text))
    }
  }
})

const read = (file: string) => readFileSync(join(home, file), 'utf8')

test('every exported function is on a page of the docs', () => {
  const [exported] = read('docs/api.txt').split('# of these types')
  const functions = [...exported.matchAll(/^([a-z]\w*): /gm)].map(([, name]) => name)
  expect(functions.length).toBeGreaterThan(130)
  const pages = readdirSync(join(home, 'docs')).filter((file) => file.endsWith('.md'))
  const code = pages
    .flatMap((page) => read(`docs/${page}`).match(/```[\s\S]*?```|`[^`\n]+`/g) ?? [])
    .join('\n')
  const words = new Set(code.match(/\w+/g))
  expect(functions.filter((name) => !words.has(name))).toEqual([])
})

test('the API reference covers every entry point, and the website excludes folders of build results', () => {
  const { exports } = JSON.parse(read('package.json'))
  const entries = Object.entries<{ default: { default: string } }>(exports)
    .filter(([name]) => /^\.(\/[\w-]+)?$/.test(name))
    .map(([, { default: file }]) => file.default.replace(/^\.\/dist(.*)\.js$/, '../ts$1.ts'))
  expect(entries.length).toBeGreaterThan(5)
  expect(JSON.parse(read('docs/typedoc.json')).entryPoints.sort()).toEqual(entries.sort())
  const folders = read('.gitignore').match(/^\/?[\w./]+(?=\/$)/gm) ?? []
  const config = read('docs/.vitepress/config.mts')
  const isExcluded = (folder: string) =>
    folder.split('/').some((_, i, all) => config.includes(`'${all.slice(0, i + 1).join('/')}/**'`))
  const inside = folders.map((folder) => folder.replace(/^\//, ''))
  // The website contains the API reference, and has a separate cache.
  const ours = ['docs/api', 'docs/.vitepress/cache', 'docs/.vitepress/.temp']
  expect(inside).toContain('npm')
  expect(
    inside.filter((folder) => folder !== '__pycache__' && !ours.includes(folder) && !isExcluded(folder)),
  ).toEqual([])
})
