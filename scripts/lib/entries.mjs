// The entries of the package, derived from the exports in package.json.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './run.mjs'

const { name, exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** Paths of the modules in `dist` that bundlers select, by import name: `{ 'antigrad/fit': 'fits/index.js', … }`. */
export const entries = Object.fromEntries(
  Object.entries(exports)
    .filter(([path]) => /^\.(\/[\w-]+)?$/.test(path))
    .map(([path, conditions]) => [
      `${name}${path.slice(1)}`,
      conditions.default.default.replace('./dist/', ''),
    ])
    .sort(([a], [b]) => (a < b ? -1 : 1)),
)

/**
 * Files by import name, for the option `alias` of esbuild and Vite. The longest names come first, because an alias matches
 * every name that starts with it.
 */
export const aliases = (fileOf) =>
  Object.fromEntries(
    Object.keys(entries)
      .reverse()
      .map((entry) => [entry, fileOf(entry)]),
  )

/** The modules that bundlers select, in the repository at `home`. */
export const moduleAliases = (home = root) => aliases((entry) => join(home, 'dist', entries[entry]))
