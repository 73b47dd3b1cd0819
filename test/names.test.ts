import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { parseSync } from 'oxc-parser'
import { describe, expect, test } from 'vitest'

// Names follow CONTRIBUTING.md ("Style"): types and files are nouns, and constants state what they limit.

const home = join(import.meta.dirname, '..')
const tracked = execFileSync(
  'git',
  ['ls-files', 'ts', 'page/src', 'scripts', 'crates', 'wasm', 'test', 'bench'],
  {
    cwd: home,
    encoding: 'utf8',
  },
)
  .split('\n')
  .filter((file) => /\.(ts|mjs|rs)$/.test(file))

/** Participles, prepositions, adverbs and words for people, none of which describes a type or file. */
const forbidden = new Set(
  (
    'about again alone alike apart around asked at beside begun below between beyond by called caught chosen done drawn elsewhere ' +
    'ended found from given gone held here inner kept known late left lent like lost made means met moved near nearby nothing of ' +
    'own ran said seen shown solved somebody sought taken there told tried under wanted what where who whole with without'
  ).split(' '),
)
/** Participles that are technical terms. */
const terms = new Set(['chained', 'joined', 'scheduled', 'shared', 'orthogonal', 'centralized', 'fixed'])

const isForbidden = (name: string) => {
  const word = name.toLowerCase()
  return !terms.has(word) && (forbidden.has(word) || /^[a-z]{2,}ed$/.test(word))
}

interface Declaration {
  readonly file: string
  readonly name: string
  readonly kind: 'type' | 'constant' | 'member' | 'variable'
}

type Node = { readonly type: string; readonly [key: string]: unknown }

/** The types, upper-case constants, members, variables and parameters that a file declares. */
function declarationsIn(file: string): Declaration[] {
  const found: Declaration[] = []
  const nameOf = (node: unknown) => (node as { name?: string } | null)?.name
  const visit = (node: unknown): void => {
    if (Array.isArray(node)) for (const child of node) visit(child)
    if (typeof node !== 'object' || node === null || typeof (node as Node).type !== 'string') return
    const { type } = node as Node
    const add = (kind: Declaration['kind'], name: string | undefined) => {
      if (name !== undefined) found.push({ file, kind, name })
    }
    if (/^(TSInterface|TSTypeAlias|TSEnum|Class)Declaration$/.test(type))
      add('type', nameOf((node as Node).id))
    if (type === 'VariableDeclarator') {
      const name = nameOf((node as Node).id)
      add(name !== undefined && /^[A-Z][A-Z0-9_]+$/.test(name) ? 'constant' : 'variable', name)
    }
    if (/^(TSPropertySignature|TSMethodSignature|PropertyDefinition|MethodDefinition)$/.test(type)) {
      const { key, computed } = node as { key?: unknown; computed?: boolean }
      if (computed !== true) add('member', nameOf(key))
    }
    for (const parameter of ((node as { params?: readonly unknown[] }).params ?? []) as readonly unknown[]) {
      add('variable', nameOf(parameter))
    }
    for (const child of Object.values(node as object)) visit(child)
  }
  visit(parseSync(file, readFileSync(join(home, file), 'utf8')).program)
  return found
}

const typescript = tracked.filter(
  (file) => /^(ts|page)\/.*\.ts$/.test(file) || /^scripts\/.*\.mjs$/.test(file),
)
const declarations = typescript.flatMap(declarationsIn)
const listed = (found: readonly Declaration[]) => found.map(({ file, name }) => `${file}: ${name}`)

describe('naming rules', () => {
  test('require nouns for types', () => {
    const found = declarations.filter(({ kind, name }) => kind === 'type' && isForbidden(name))
    expect(listed(found)).toEqual([])
  })

  test('require nouns for files', () => {
    const found = tracked.filter((file) => isForbidden(basename(file).replace(/\..*/, '')))
    expect(found).toEqual([])
  })

  test('require that the name of a limit states the limited quantity', () => {
    const vague = /^(MOST|LEAST|FEW|LITTLE|LONGEST|LARGEST|DEEPEST|SLIGHT|NOTHING|TIRED|UNSURE|ENDLESS)(_|$)/
    const found = declarations.filter(({ kind, name }) => kind === 'constant' && vague.test(name))
    expect(listed(found)).toEqual([])
  })

  test('require nouns for members, variables and parameters, and forbid the name `of`', () => {
    const found = declarations.filter(({ kind, name }) => /^(member|variable)$/.test(kind) && name === 'of')
    expect(listed(found)).toEqual([])
  })

  test('allow two types of the same name only for the same concept', () => {
    const files = new Map<string, string[]>()
    for (const { kind, name, file } of declarations) {
      if (kind === 'type' && file.startsWith('ts/')) files.set(name, [...(files.get(name) ?? []), file])
    }
    const found = [...files].filter(([name, { length }]) => length > 1 && !sameIdea.has(name))
    expect(found).toEqual([])
  })
})

/** Types that several modules declare for one concept, each with the reason. */
const sameIdea = new Map([
  ['Schedules', 'each schedule adds itself to one interface'],
  ['Methods', 'each method adds itself to one interface'],
  ['MethodKind', 'lanes add their part to the parts of a method'],
  ['Extensions', 'each extension adds itself to one interface'],
])
