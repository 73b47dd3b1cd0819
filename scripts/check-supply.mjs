// npm run check:supply: checks licenses, sources and advisories of the packages in Cargo.lock and package-lock.json. A
// finding is a failure. An unreachable service is only reported.
import { spawnSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Failure, root, say, script, which } from './lib/run.mjs'

/** Allowed licenses of npm packages, which are tools. Bundled packages are listed in dist/LICENSES.md. */
const licenses = [
  ...[
    'MIT',
    'ISC',
    '0BSD',
    'BSD-2-Clause',
    'BSD-3-Clause',
    'Apache-2.0',
    'MIT OR Apache-2.0',
    'Apache-2.0 AND MIT',
    'BlueOak-1.0.0',
  ],
  ...['(MIT AND Zlib)', 'MPL-2.0', 'PSF-2.0', 'CC-BY-4.0', 'CC BY-SA 4.0', 'WTFPL'],
]

/** Runs a check; null if its output matches `unasked`, which means that the advisories are not available. */
function check(name, unasked, command, ...args) {
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    timeout: 300_000,
  })
  if (status === 0) return say(`${name}: nothing found.`)
  const text = `${stdout}${stderr}`
  const why = unasked.exec(text)
  if (why === null) throw new Failure(`${text.trimEnd()}\n${name}: see above.`)
  say(`NOT CHECKED: ${name}: ${why[0]}`)
}

script(() => {
  const { packages } = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8'))
  const theirs = Object.entries(packages).filter(
    ([path, { link }]) => path.includes('node_modules/') && !link,
  )
  const strange = theirs.filter(([, { license }]) => !licenses.includes(license))
  if (strange.length > 0) {
    const list = strange.map(([path, { license }]) => `${path}: ${license}`)
    throw new Failure(`Licenses that the list in this script does not allow:\n${list.join('\n')}`)
  }
  say(`Licenses of ${theirs.length} packages of npm: nothing found.`)
  // The lockfile must contain no addresses, so that all packages come from the registry, and a hash of every package.
  const loose = theirs.filter(([, { resolved, integrity }]) => resolved || !integrity).map(([path]) => path)
  if (loose.length > 0) throw new Failure(`Not from the registry, or without a hash: ${loose.join(', ')}`)
  const refused = /audit endpoint returned an error|ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT/
  check("npm's advisories", refused, 'npm', 'audit', '--loglevel=error')
  if (!which('cargo-deny')) throw new Failure('Run `cargo install cargo-deny --locked`, then start again.')
  check(
    "licenses, sources and versions of Rust's crates",
    /$^/,
    'cargo',
    'deny',
    'check',
    'bans',
    'licenses',
    'sources',
  )
  check("Rust's advisories", /failed to fetch advisory database \S+/, 'cargo', 'deny', 'check', 'advisories')
})
