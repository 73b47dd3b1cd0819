/** The published packages: the links, and the sources of the packages. */

import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { completePackages, metadataOf, publishedText, repositoryFrom } from '../scripts/lib/publication.mjs'
import { home } from './children.js'

const REPOSITORY = 'https://github.com/owner/name'
const readJson = (file: string) => JSON.parse(readFileSync(file, 'utf8'))
const { version } = readJson(join(home, 'package.json'))

describe('the README of the published package', () => {
  const text = publishedText(readFileSync(join(home, 'README.md'), 'utf8'), REPOSITORY, version)
  const links = [...text.matchAll(/\]\(([^)]+)\)/g)].map(([, link]) => link)

  test('has absolute links to files of the tagged version', () => {
    const start = `${REPOSITORY}/blob/v${version}/`
    expect(links.length).toBeGreaterThan(20)
    expect(links.filter((link) => !link.startsWith(start))).toEqual([])
    const files = links.map((link) => link.slice(start.length).replace(/[#?].*$/, ''))
    expect(files.filter((file) => !existsSync(join(home, file)))).toEqual([])
    expect(links).toContain(`${start}docs/rosenbrock.svg?raw=true`)
  })

  test('does not say that the package is unpublished', () => {
    expect(text).not.toMatch(/not published|unpublished/)
    expect(text).toContain('npm install antigrad\n')
  })
})

test('absolute links and links to anchors of the same page stay unchanged in the published README', () => {
  const text = '[a](https://example.com/x) [b](#b) [c](docs/c.md#d)'
  const c = `${REPOSITORY}/blob/v1.0.0/docs/c.md#d`
  expect(publishedText(text, REPOSITORY, '1.0.0')).toBe(`[a](https://example.com/x) [b](#b) [c](${c})`)
})

test.each([
  [undefined],
  [''],
  ['owner/name'],
  ['http://github.com/owner/name'],
  ['https://github.com/owner'],
  ['https://github.com/owner/name/'],
  ['https://github.com/owner/name.git'],
  ['https://github.com/owner/name)](x'],
])('the repository address %o is refused', (address) => {
  expect(() => repositoryFrom({ ANTIGRAD_REPOSITORY: address })).toThrow(
    /^ANTIGRAD_REPOSITORY: expected https:\/\/github\.com\/<owner>\/<name>, got /,
  )
})

describe('all packages', () => {
  let folder = ''
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  test('name the same repository, and the main package requires exact versions of the addons', async () => {
    folder = await mkdtemp(join(tmpdir(), 'antigrad-published-'))
    for (const target of ['linux-x64-gnu', 'darwin-arm64']) {
      mkdirSync(join(folder, target))
      const manifest = { name: `antigrad-${target}`, version }
      writeFileSync(join(folder, target, 'package.json'), JSON.stringify(manifest))
    }
    const folders = completePackages(folder, repositoryFrom({ ANTIGRAD_REPOSITORY: REPOSITORY }))
    expect(folders).toEqual(['darwin-arm64', 'linux-x64-gnu', 'antigrad'].map((name) => join(folder, name)))
    const manifests = folders.map((each) => readJson(join(each, 'package.json')))
    for (const manifest of manifests) expect(manifest).toMatchObject({ version, ...metadataOf(REPOSITORY) })
    const main = manifests[2]
    expect(main.optionalDependencies).toEqual({
      'antigrad-darwin-arm64': version,
      'antigrad-linux-x64-gnu': version,
    })
    // At publication, npm would run a script of the clone without the files of the script.
    expect(main).not.toHaveProperty('scripts')
    expect(main).not.toHaveProperty('devDependencies')
    const { exports, files } = readJson(join(home, 'package.json'))
    expect(main).toMatchObject({ exports, files })
    expect(existsSync(join(folder, 'antigrad/dist/node/index.js'))).toBe(true)
    expect(readFileSync(join(folder, 'antigrad/README.md'), 'utf8')).not.toMatch(/\]\((?!https:)/)
  })
})

test.each([
  ['curve fitting'],
  ['nonlinear least squares'],
  ['levenberg-marquardt'],
  ['l-bfgs'],
  ['confidence intervals'],
])("the package's description and keywords name %s", (word) => {
  const { description, keywords } = readJson(join(home, 'package.json'))
  expect(description.toLowerCase()).toContain(word)
  expect(keywords).toContain(word)
})
