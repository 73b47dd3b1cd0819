// The packages as they are published: where the sources are, and links that lead there from npm's website.
import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Failure, root } from './run.mjs'

/** The environment variable with the address of the repository, which the releaser sets. */
export const VARIABLE = 'ANTIGRAD_REPOSITORY'

/**
 * @returns the address of the repository from that variable
 * @throws Failure if it is missing or not the address of a repository on GitHub
 */
export function repositoryFrom(env) {
  const address = env[VARIABLE]
  if (/^https:\/\/github\.com\/[\w-]+\/[\w.-]+$/.test(address ?? '') && !address.endsWith('.git'))
    return address
  const got = address === undefined ? 'nothing' : JSON.stringify(address)
  throw new Failure(`${VARIABLE}: expected https://github.com/<owner>/<name>, got ${got}`)
}

/** The fields of a package.json that name the repository. Provenance is checked against `repository`. */
export const metadataOf = (repository) => ({
  repository: { type: 'git', url: `git+${repository}.git` },
  homepage: `${repository}#readme`,
  bugs: { url: `${repository}/issues` },
})

/** A text of the repository's root as published: relative links are absolute, and remarks for a clone are missing. */
export function publishedText(text, repository, version) {
  return text
    .replaceAll(/<!-- unpublished -->[\s\S]*?<!-- \/unpublished -->\n*/g, '')
    .replaceAll(/(!?)\[([^\]]*)\]\((?!https?:|#)([^)\s]+)\)/g, (_, image, label, path) => {
      const query = image === '' ? '' : '?raw=true'
      return `${image}[${label}](${repository}/blob/v${version}/${path}${query})`
    })
}

const readJson = (file) => JSON.parse(readFileSync(file, 'utf8'))
const writeJson = (file, value) => writeFileSync(file, `${JSON.stringify(value, null, 2)}\n`)

/**
 * Completes the packages of the addons in a folder, and adds the main package, which names their exact version, as
 * `antigrad`.
 *
 * @returns the folders of all packages in the order of their publication: the main package is the last one
 */
export function completePackages(folder, repository) {
  const isAddon = (name) => name !== 'antigrad' && existsSync(join(folder, name, 'package.json'))
  const addons = readdirSync(folder).filter(isAddon).sort()
  const metadata = metadataOf(repository)
  const optionalDependencies = {}
  for (const addon of addons) {
    const file = join(folder, addon, 'package.json')
    const manifest = { ...readJson(file), ...metadata }
    writeJson(file, manifest)
    optionalDependencies[manifest.name] = manifest.version
  }
  const main = join(folder, 'antigrad')
  rmSync(main, { recursive: true, force: true })
  // Scripts and tools belong to a clone.
  const { scripts, devDependencies, ...manifest } = readJson(join(root, 'package.json'))
  for (const name of ['dist', 'LICENSE']) cpSync(join(root, name), join(main, name), { recursive: true })
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  writeFileSync(join(main, 'README.md'), publishedText(readme, repository, manifest.version))
  writeJson(join(main, 'package.json'), { ...manifest, ...metadata, optionalDependencies })
  return [...addons, 'antigrad'].map((name) => join(folder, name))
}
