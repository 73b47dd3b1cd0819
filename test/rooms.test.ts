import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'

// The tables in CONTRIBUTING.md are the plan of the house: a room imports from those above it alone.

const home = join(import.meta.dirname, '..')
const kernels = 'crates/kernels/src'
const plan = readFileSync(join(home, 'CONTRIBUTING.md'), 'utf8')

const filesIn = (path: string): string[] =>
  statSync(join(home, path)).isDirectory()
    ? readdirSync(join(home, path)).flatMap((name) => filesIn(`${path}/${name}`))
    : [path]

/** What a file imports of `ts`, types included, as paths. */
const importsOfTypeScript = (file: string, source: string) =>
  [...source.matchAll(/(?:from |import\()'(\.[^']*)\.js'/g)].map(([, path]) =>
    normalize(`${dirname(file)}/${path}.ts`),
  )

/** What a file in Rust names of its crate, comments left out. */
function importsOfRust(_: string, source: string): string[] {
  const code = source.replaceAll(/\/\/.*/g, '')
  const names = [...code.matchAll(/\bcrate::(\w+)/g)].map(([, name]) => name)
  const lists = [...code.matchAll(/\bcrate::\{([^;]*)\}/g)].flatMap(
    ([, list]) => list.replaceAll(/::(?:\{[^}]*\}|\w+|\*)/g, '').match(/\w+/g) ?? [],
  )
  const there = readdirSync(join(home, kernels))
  return [...names, ...lists].map(
    (name) => `${kernels}/${there.includes(`${name}.rs`) ? `${name}.rs` : name}`,
  )
}

describe.each([
  { folder: 'ts', root: 'index.ts', importsOf: importsOfTypeScript, alone: ['webassembly'] },
  { folder: kernels, root: 'lib.rs', importsOf: importsOfRust, alone: ['arena'] },
])('$folder', ({ folder, root, importsOf, alone }) => {
  const rows = plan.matchAll(new RegExp(`^\\| \`${folder}/([\\w.-]+)\` \\|`, 'gm'))
  const rooms = [...rows].map(([, name]) => name)
  const roomOf = (file: string) => file.slice(folder.length + 1).split('/')[0]

  test('every room is in the plan, and the plan has no other', () => {
    const there = readdirSync(join(home, folder)).filter((name) => name !== root)
    expect([...rooms].sort()).toEqual(there.sort())
  })

  test.each(rooms)('%s imports from rooms above it alone', (room) => {
    const allowed = rooms.slice(0, rooms.indexOf(room) + 1)
    const arrows = filesIn(`${folder}/${room}`).flatMap((file) =>
      importsOf(file, readFileSync(join(home, file), 'utf8')).map((to) => `${file} → ${to}`),
    )
    expect(arrows.length).toBeGreaterThan(alone.includes(room) ? -1 : 0)
    expect(arrows.filter((arrow) => !allowed.includes(roomOf(arrow.split(' → ')[1])))).toEqual([])
  })
})
