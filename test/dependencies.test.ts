/** The table in contributing/dependencies.md lists exactly the dependencies, each with a purpose. */

import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { home } from './children.js'

const read = (...path: string[]) => readFileSync(join(home, ...path), 'utf8')

/** The names in the dependency sections, except for packages of the workspace. */
function crates(manifest: string): string[] {
  const sections = manifest
    .split(/^(?=\[)/m)
    .filter((section) => /^\[(.*\.)?(.*-)?dependencies\]/.test(section))
  const names = sections.flatMap((section) => [...section.matchAll(/^([\w-]+) *=/gm)].map(([, name]) => name))
  return names.filter((name) => !name.startsWith('antigrad-'))
}

test('contributing/dependencies.md states the purpose of each dependency', () => {
  const { dependencies, devDependencies, peerDependencies, optionalDependencies } = JSON.parse(
    read('package.json'),
  )
  const ours = { ...dependencies, ...devDependencies, ...peerDependencies, ...optionalDependencies }
  const folders = [
    ...readdirSync(join(home, 'crates')).map((name) => join('crates', name)),
    'wasm',
    'wasm/unpack',
  ]
  const theirs = folders.flatMap((folder) => crates(read(folder, 'Cargo.toml')))
  const rows = [...read('contributing', 'dependencies.md').matchAll(/^\| (`.*?) \|/gm)]
  const said = rows.flatMap(([, names]) => [...names.matchAll(/`(.+?)`/g)].map(([, name]) => name))
  expect(theirs).toContain('napi')
  expect(said.toSorted()).toEqual([...new Set([...Object.keys(ours), ...theirs])].sort())
})
