import { readdirSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { describe, expect, test } from 'vitest'

// The tables in contributing/structure.md are the architecture: a module imports only from the modules above it.

const home = join(import.meta.dirname, '..')
const kernels = 'crates/kernels/src'
const tables = readFileSync(join(home, 'contributing/structure.md'), 'utf8')

const filesIn = (path: string): string[] =>
  statSync(join(home, path)).isDirectory()
    ? readdirSync(join(home, path)).flatMap((name) => filesIn(`${path}/${name}`))
    : [path]

/** The paths that a file imports from `ts`, including imports of types. */
const importsOfTypeScript = (file: string, source: string) =>
  [...source.matchAll(/(?:from |import |import\()'(\.[^']*)\.js'/g)].map(([, path]) =>
    normalize(`${dirname(file)}/${path}.ts`),
  )

/** The paths that a Rust file imports from its own crate, without comments. */
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
  {
    folder: 'ts',
    root: 'index.ts',
    importsOf: importsOfTypeScript,
    independent: ['extensions.ts', 'webassembly'],
  },
  { folder: kernels, root: 'lib.rs', importsOf: importsOfRust, independent: ['target.rs', 'memory.rs'] },
])('the modules of the folder $folder', ({ folder, root, importsOf, independent }) => {
  const rows = tables.matchAll(new RegExp(`^\\| \`${folder}/([\\w./-]+)\` \\|`, 'gm'))
  const modules = [...rows].map(([, name]) => name)
  const files = filesIn(folder).filter((file) => file !== `${folder}/${root}`)
  /** The module with the longest name that begins the path. */
  const moduleOf = (path: string) =>
    modules
      .filter((name) => `${path}/`.startsWith(`${folder}/${name}/`))
      .sort((a, b) => b.length - a.length)[0]

  test('contain every file of the folder, and no module is empty', () => {
    expect(files.filter((file) => moduleOf(file) === undefined)).toEqual([])
    expect([...new Set(files.map(moduleOf))].sort()).toEqual([...modules].sort())
  })

  test.each(modules)('import only from modules that precede them in the table: %s', (module) => {
    const allowed = modules.slice(0, modules.indexOf(module) + 1)
    const imports = files
      .filter((file) => moduleOf(file) === module)
      .flatMap((file) => importsOf(file, readFileSync(join(home, file), 'utf8')).map((to) => ({ file, to })))
    expect(imports.length).toBeGreaterThan(independent.includes(module) ? -1 : 0)
    const below = imports.filter(({ to }) => !allowed.includes(moduleOf(to)))
    expect(below.map(({ file, to }) => `${file} → ${to}`)).toEqual([])
  })
})

test('the table in ts/extensions.ts lists all extensions and the module of each extension', () => {
  const read = (file: string) => readFileSync(join(home, file), 'utf8')
  const listed = [...read('ts/extensions.ts').matchAll(/^ \* \| `(\w+)` \| `(ts\/.*?)`/gm)].map(
    ([, name, file]) => `${name} in ${file}`,
  )
  const declared = filesIn('ts').flatMap((file) => {
    const [, members = ''] =
      /^declare module '.*extensions\.js' \{\n {2}interface Extensions \{\n([\s\S]*?)\n {2}\}/m.exec(
        read(file),
      ) ?? []
    return [...members.matchAll(/^ {4}(\w+)[:(]/gm)].map(([, name]) => `${name} in ${file}`)
  })
  expect(declared.length).toBeGreaterThan(3)
  expect(listed.sort()).toEqual(declared.sort())
})

test('the web pages import the package and ts/page.ts, and no other module', () => {
  const imports = filesIn('page/src').flatMap((file) =>
    [...readFileSync(join(home, file), 'utf8').matchAll(/from '([^']*)'/g)].map(([, name]) => name),
  )
  expect(imports.filter((name) => name === 'antigrad').length).toBeGreaterThan(5)
  const inner = imports.filter((name) => name.includes('/dist/') || name.includes('/ts/'))
  expect([...new Set(inner)].filter((name) => !name.endsWith('/dist/page.js'))).toEqual([])
})
