import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'

// The table in CONTRIBUTING.md is the plan of the house: a room imports from those above it alone.

const home = join(import.meta.dirname, '..')
const plan = readFileSync(join(home, 'CONTRIBUTING.md'), 'utf8')
const rooms = [...plan.matchAll(/^\| `ts\/([\w.-]+)` \|/gm)].map(([, name]) => name)

const filesIn = (path: string): string[] =>
  statSync(join(home, path)).isDirectory()
    ? readdirSync(join(home, path)).flatMap((name) => filesIn(`${path}/${name}`))
    : [path]

const roomOf = (file: string) => file.split('/')[1]

/** What a file imports of `ts`, types included. */
function importsOf(file: string): string[] {
  const source = readFileSync(join(home, file), 'utf8')
  return [...source.matchAll(/(?:from |import\()'(\.[^']*)\.js'/g)].map(([, path]) =>
    normalize(`${dirname(file)}/${path}.ts`),
  )
}

describe('the house', () => {
  test('every room is in the plan, and the plan has no other', () => {
    const there = readdirSync(join(home, 'ts')).filter((name) => name !== 'index.ts')
    expect([...rooms].sort()).toEqual(there.sort())
  })

  test.each(rooms)('%s imports from rooms above it alone', (room) => {
    const allowed = rooms.slice(0, rooms.indexOf(room) + 1)
    const arrows = filesIn(`ts/${room}`).flatMap((file) => importsOf(file).map((to) => `${file} → ${to}`))
    expect(arrows.length).toBeGreaterThan(room === 'webassembly' ? -1 : 0)
    expect(arrows.filter((arrow) => !allowed.includes(roomOf(arrow.split(' → ')[1])))).toEqual([])
  })
})
