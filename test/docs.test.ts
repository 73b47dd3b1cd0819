/**
 * Docs that run: the example rule in contributing/extending.md, applied to a copy of the tree, and code samples of
 * pages.
 */

import { type SpawnOptions, spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { transform } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { anchorOf } from '../scripts/lib/anchor.mjs'
import { home } from './children.js'

/** The timeout in milliseconds if cargo must compile everything. */
const SLOW = 600_000

const read = (folder: string, file: string) => readFileSync(join(folder, file), 'utf8')

/** Pages whose samples print what their comments say. */
const PRINTED = ['README.md', 'docs/index.md', 'docs/start.md', 'docs/coming-from.md']

/** The output of a failed program; undefined if it succeeded. */
function complaint(
  where: Pick<SpawnOptions, 'cwd' | 'env'>,
  command: string,
  ...args: readonly string[]
): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { ...where, encoding: 'utf8' })
  return status === 0 ? '' : `${error ?? ''}${stdout}${stderr}`
}

interface Block {
  readonly file: string
  readonly language: string
  readonly text: string
}

/** The code blocks of a text. Each block has the path that the preceding text named last. */
function blocksOf(markdown: string): Block[] {
  let file = ''
  return markdown.split(/^```/m).flatMap((part, i) => {
    if (i % 2 === 0) {
      file = [...part.matchAll(/`([\w./-]+\/[\w.-]+\.\w+)`/g)].at(-1)?.[1] ?? file
      return []
    }
    const end = part.indexOf('\n') + 1
    return [{ file, language: part.slice(0, end - 1), text: part.slice(end) }]
  })
}

/** Writes a new file, or applies a diff. The replaced lines of the diff must occur exactly once. */
function apply(folder: string, { file, language, text }: Block): void {
  if (language !== 'diff') {
    if (existsSync(join(folder, file))) throw new Error(`${file} exists`)
    writeFileSync(join(folder, file), text)
    return
  }
  const lines = text.split('\n').filter(Boolean)
  const side = (mark: string) =>
    lines.flatMap((line) => (line[0] === ' ' || line[0] === mark ? [`${line.slice(1)}\n`] : [])).join('')
  const parts = `\n${read(folder, file)}`.split(`\n${side('-')}`)
  if (parts.length !== 2) throw new Error(`${file} has ${parts.length - 1} places for\n${text}`)
  writeFileSync(join(folder, file), parts.join(`\n${side('+')}`).slice(1))
}

describe('the example rule in contributing/extending.md', () => {
  let folder: string
  let changed: string[]
  // The kernels of the existing engines differ from the kernels of the copy.
  const env = {
    ...{ ...process.env, ANTIGRAD_ENGINE: 'typescript' },
    ...{ CARGO_TARGET_DIR: join(home, 'target/docs'), CARGO_PROFILE_DEV_DEBUG: '0' },
  }
  const run = (command: string, ...args: string[]) => complaint({ cwd: folder, env }, command, ...args)
  const node = (...args: string[]) => run(process.execPath, ...args)
  const tsc = (project: string) => node('node_modules/typescript/bin/tsc', '--noEmit', '--project', project)
  const vitest = (...args: string[]) => node('node_modules/vitest/vitest.mjs', 'run', ...args)

  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'antigrad-docs-'))
    const left = ['.git', 'node_modules', 'target', 'dist', 'results']
    cpSync(home, folder, {
      recursive: true,
      filter: (source) => !left.includes(source.split('/').at(-1) ?? ''),
    })
    for (const modules of ['node_modules', 'test/types/oldest/node_modules'])
      symlinkSync(join(home, modules), join(folder, modules))
    const section = read(home, 'contributing/extending.md')
      .split(/^## /m)
      .find((text) => text.startsWith('A new rule'))
    // The commands in blocks for a shell are run below.
    const blocks = blocksOf(section ?? '').filter(({ language }) => language !== 'sh')
    for (const block of blocks) apply(folder, block)
    changed = [...new Set(blocks.map(({ file }) => file))]
    expect(run('npm', 'run', 'manifest')).toBe('')
  }, SLOW)
  afterAll(() => rmSync(folder, { recursive: true }))

  test('does not change the kernel numbers of other rules', () => {
    const numbersIn = (root: string) =>
      read(root, 'ts/arena/manifest.ts').match(/(?<=^ {2}number: )\d+,\n {2}name: '\w+'/gm) ?? []
    const before = numbersIn(home)
    expect(before.length).toBeGreaterThan(60)
    expect(numbersIn(folder).filter((line) => !line.endsWith("'Qhm'"))).toEqual(before)
  })

  test(
    'compiles in Rust, and computes the same results on every instruction set',
    () => {
      expect(run('cargo', 'fmt', '--check', '-p', 'antigrad-kernels')).toBe('')
      // Only the tests of kernels and of the manifest run, compiled without optimization. The Rust checks run all other
      // tests.
      const quick = ['--config', 'profile.dev.package.antigrad-kernels.opt-level=0']
      const tests = ['--test', 'arena', '--', 'kernels::', 'manifest::']
      expect(run('cargo', 'test', '--quiet', '-p', 'antigrad-kernels', ...quick, ...tests)).toBe('')
    },
    SLOW,
  )

  test('compiles in TypeScript in the package, the tests and the page', () => {
    expect(node('scripts/build-ts.mjs')).toBe('')
    expect(tsc('tsconfig.test.json')).toBe('')
    expect(tsc('page/tsconfig.json')).toBe('')
    const sources = changed.filter((file) => file.endsWith('.ts'))
    expect(sources).toHaveLength(3)
    const biome = ['node_modules/@biomejs/biome/bin/biome', 'check', '--vcs-enabled=false']
    expect(node(...biome, ...sources)).toBe('')
  })

  test('appears in docs/api.txt after npm run api', () => {
    const isListed = () => /^qhm: /m.test(read(folder, 'docs/api.txt'))
    expect(isListed()).toBe(false)
    expect(run('npm', 'run', 'api')).toBe('')
    expect(isListed()).toBe(true)
    // Other tests in the file detect a list that is out of date.
    expect(vitest('test/api.test.ts', '-t', 'docs/api.txt lists the current exports')).toBe('')
  })

  test('computes correct steps', () => {
    const script = `
      import { Optimizer, qhm } from './dist/index.js'
      const rule = qhm({ lr: 0.5, beta: 0.75, nu: 0.5, weightDecay: 1 })
      const optimizer = new Optimizer(Float32Array.of(0, 1), rule)
      optimizer.step(Float32Array.of(8, -2))
      optimizer.step(Float32Array.of(0, 0))
      const right = [-2.09375, 0.94921875].every((x, i) => x === optimizer.params[i])
      if (!right) throw new Error(optimizer.params.join())`
    expect(node('--input-type=module', '-e', script)).toBe('')
  })

  test('appears in the table of test cases, and passes the tests of all rules', () => {
    const tables =
      'the table of cases|Qhm has its equation|qhm with (lr|beta|nu|weightDecay|maximize) out of range'
    expect(
      vitest('test/errors.test.ts', 'test/same-bits.test.ts', 'test/vectors.test.ts', '-t', tables),
    ).toBe('')
  })
})

/** Text for readers: the README, and all pages of docs. */
const pages = ['README.md', ...readdirSync(join(home, 'docs')).map((file) => `docs/${file}`)].filter((file) =>
  file.endsWith('.md'),
)
/** Text for contributors. */
const guides = [
  'CONTRIBUTING.md',
  ...readdirSync(join(home, 'contributing')).map((file) => `contributing/${file}`),
]
const samples = pages
  .map((page) => ({
    page,
    folder: join(home, 'target/samples', page),
    texts: blocksOf(read(home, page)).flatMap(({ language, text }) => (language === 'ts' ? [text] : [])),
  }))
  .filter(({ texts }) => texts.length > 0)

describe('code samples in the docs', () => {
  const root = join(home, 'target/samples')

  beforeAll(() => {
    rmSync(root, { recursive: true, force: true })
    for (const { folder, texts } of samples) {
      mkdirSync(folder, { recursive: true })
      for (const [i, text] of texts.entries()) writeFileSync(join(folder, `sample${i}.mts`), text)
    }
    const options = { strict: true, module: 'NodeNext', target: 'ES2022', noEmit: true, types: ['node'] }
    // The declarations of other libraries contain errors. test/types.test.ts checks the declarations of antigrad.
    const compilerOptions = { ...options, moduleDetection: 'force', skipLibCheck: true }
    writeFileSync(join(root, 'tsconfig.json'), JSON.stringify({ compilerOptions }))
  })

  // All samples are checked at once, because reading the library's types takes longer than checking the samples.
  test('compile without errors', () => {
    const tsc = join(home, 'node_modules/typescript/bin/tsc')
    expect(complaint({}, process.execPath, tsc, '--project', root)).toBe('')
  })

  // The samples run one after the other in one process, because loading the library takes longer than most samples.
  test.each(samples)('on the page $page run without errors', async ({ folder, texts }) => {
    for (const [i, text] of texts.entries()) {
      const { code } = await transform(text, { loader: 'ts' })
      writeFileSync(join(folder, `sample${i}.mjs`), code)
    }
    const all = texts.map((_, i) => `await import('./sample${i}.mjs')\n`).join('')
    writeFileSync(join(folder, 'all.mjs'), all)
    expect(complaint({ cwd: folder }, process.execPath, 'all.mjs')).toBe('')
  })

  test.each(samples.filter(({ page }) => PRINTED.includes(page)))(
    'print what their comments say: $page',
    ({ folder, texts }) => {
      const comments = texts.flatMap((text) =>
        [...text.matchAll(/^ *console\.log\(.*\) \/\/ (.*)$/gm)].map(([, comment]) => comment),
      )
      const { stdout } = spawnSync(process.execPath, ['all.mjs'], { cwd: folder, encoding: 'utf8' })
      expect(comments.length).toBeGreaterThanOrEqual(3)
      const printed = stdout.trimEnd().split('\n')
      expect(comments.filter((comment) => !printed.includes(comment))).toEqual([])
    },
  )
})

const withoutCode = (text: string) => text.replace(/^ *```[\s\S]*?^ *```/gm, '')

test('the docs have only a few code samples in languages other than TypeScript', () => {
  // Other tests run the code for other libraries.
  const own = pages.filter(
    (page) => !['docs/coming-from.md', 'docs/coming-from-fits.md', 'docs/charts.md'].includes(page),
  )
  const languages = own.flatMap((page) => blocksOf(read(home, page)).map(({ language }) => language))
  expect(languages.filter((language) => /^(js|typescript|ts.+)$/.test(language))).toHaveLength(6)
})

test('lines of the docs have at most 110 columns, except in tables and code', () => {
  const long = [...pages, ...guides].flatMap((file) => {
    const text = withoutCode(read(home, file))
    return text.split('\n').filter((line) => line.length > 110 && !line.startsWith('|'))
  })
  expect(long).toEqual([])
})

test('the README has at most 130 lines', () => {
  expect(read(home, 'README.md').trimEnd().split('\n').length).toBeLessThanOrEqual(130)
})

test.each([...pages, ...guides, 'SECURITY.md', 'CHANGELOG.md', 'examples/README.md'])(
  'all links in %s lead to existing files and headings',
  (page) => {
    const links = [...withoutCode(read(home, page)).matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link)
    const broken = links.filter((link) => {
      if (/^https?:/.test(link)) return false
      const [path, anchor] = link.split('#')
      const file = path === '' ? page : join(page, '..', path)
      if (!existsSync(join(home, file))) return true
      const headings = withoutCode(file.endsWith('.md') ? read(home, file) : '').matchAll(/^#+ (.*)$/gm)
      return anchor !== undefined && ![...headings].some(([, heading]) => anchorOf(heading) === anchor)
    })
    expect(broken).toEqual([])
  },
)
