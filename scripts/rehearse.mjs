// npm run rehearse: rehearses a release. Publishes to a local registry with the commands of the release workflow: first
// the placeholders that staging leaves, then the addons, and then the main package. Installs the result in fresh folders
// with each package manager: with and without the addon, upgraded, downgraded and with mixed versions. Needs
// `npm run setup`.
import { spawn, spawnSync } from 'node:child_process'
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
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { parseTriple } from '@napi-rs/cli'
import { VARIABLE } from './lib/publication.mjs'
import { Failure, root, run, say, script } from './lib/run.mjs'

const tools = join(root, 'target/rehearsal')
const platform = `${process.platform}-${process.arch}`
/** External tools, which are installed into target/rehearsal (430 MB). */
const wanted = {
  ...{ verdaccio: '6.10.4', [`node-${platform}`]: '24.21.0', [`@oven/bun-${platform}`]: '1.4.5' },
  ...{ npm: '12.2.2', pnpm: '12.21.0', yarn: '1.22.22', '@yarnpkg/cli-dist': '4.18.1' },
}
// The newest registry and package managers need a newer Node than the oldest version that antigrad supports.
const node = join(tools, `node_modules/node-${platform}/bin/node`)
const program = (path) => join(tools, 'node_modules', path)
/** A repository that does not exist. */
const REPOSITORY = 'https://github.com/rehearsal/antigrad'
const PLACEHOLDER = '0.0.0-stage'

script(async () => {
  await install()
  const work = mkdtempSync(join(tmpdir(), 'antigrad-rehearsal-'))
  const port = await freePort()
  const registry = `http://127.0.0.1:${port}/`
  const server = startRegistry(work, port)
  try {
    const token = await signUp(registry)
    const { version, napi } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))
    const next = version.replace(/\d+$/, (patch) => `${Number(patch) + 1}`)
    const addons = napi.targets.map((target) => `antigrad-${parseTriple(target).platformArchABI}`).sort()
    await addPlaceholders(work, [...addons, 'antigrad'], registry, token)
    for (const each of [version, next]) {
      await release(work, each, registry, token, addons)
      await checkRegistry(registry, addons, each)
    }
    tryOut(work, registry, version, next)
    say('All package managers installed the release.')
  } finally {
    server.kill()
    rmSync(work, { recursive: true, force: true })
  }
})

async function install() {
  const stamp = join(tools, 'stamp')
  const made = JSON.stringify(wanted)
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === made) return
  mkdirSync(tools, { recursive: true })
  // The override replaces a tag in a dependency, which not every registry has.
  const manifest = { private: true, overrides: { 'node-fetch': '2.7.0' }, dependencies: wanted }
  writeFileSync(join(tools, 'package.json'), JSON.stringify(manifest))
  await run('npm', ['install', '--ignore-scripts', '--no-audit', '--no-fund'], { label: 'npm', cwd: tools })
  writeFileSync(stamp, made)
}

const freePort = () =>
  new Promise((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const { port } = server.address()
      server.close(() => resolve(port))
    })
  })

function startRegistry(work, port) {
  const config = join(work, 'verdaccio.yaml')
  // The registry has no uplinks: packages that are not published here do not exist.
  writeFileSync(
    config,
    `storage: ${work}/storage
auth: { htpasswd: { file: ${work}/htpasswd } }
packages: { '**': { access: $all, publish: $authenticated } }
log: { type: stdout, format: pretty, level: error }
max_body_size: 50mb\n`,
  )
  const args = [program('verdaccio/bin/verdaccio'), '--config', config, '--listen', `127.0.0.1:${port}`]
  return spawn(node, args, { stdio: ['ignore', 'inherit', 'inherit'] })
}

async function signUp(registry) {
  const user = { name: 'rehearsal', password: 'of-no-worth-1' }
  for (let attempt = 0; attempt < 120; attempt++) {
    await new Promise((resolve) => setTimeout(resolve, 500))
    const response = await fetch(`${registry}-/user/org.couchdb.user:${user.name}`, {
      method: 'PUT',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(user),
    }).catch(() => null)
    if (response?.ok) return (await response.json()).token
  }
  throw new Failure('the registry did not start')
}

/** Publishes the versions that staging leaves of a new package. */
async function addPlaceholders(work, names, registry, token) {
  for (const name of names) {
    const folder = join(work, `placeholder-${name}`)
    mkdirSync(folder)
    writeFileSync(join(folder, 'package.json'), JSON.stringify({ name, version: PLACEHOLDER }))
    writeFileSync(join(folder, '.npmrc'), credentials(registry, token))
    await run('npm', ['publish', '--tag', 'latest'], { label: `the placeholder of ${name}`, cwd: folder })
  }
}

/** Runs the script of the first release without sending anything: the registry stages no packages. */
function tryStaging(folder, env, addons) {
  // The command needs a newer npm than the oldest version that builds the packages.
  const path = `${join(tools, 'node_modules/.bin')}:${join(node, '..')}:${process.env.PATH}`
  const args = ['scripts/publish.mjs', 'stage', '--dry-run']
  const { stderr } = spawnSync(node, args, {
    ...{ cwd: folder, encoding: 'utf8' },
    env: { ...process.env, ...env, PATH: path },
  })
  const staged = [...stderr.matchAll(/^\+ (.*)@.* \(staged\)$/gm)].map(([, name]) => name)
  const listed = [...stderr.matchAll(/^npm stage list (\S+)/gm)].map(([, name]) => name)
  const wanted = [...addons, 'antigrad'].join()
  if (staged.join() !== wanted || listed.join() !== wanted) throw new Failure(`staging: ${stderr}`)
  say('npm stage publish packs all packages, antigrad last (dry run)')
}

/** Checks the order of publication, the exact versions of the addons, and where the packages say that they come from. */
async function checkRegistry(registry, addons, version) {
  const documents = await Promise.all(
    [...addons, 'antigrad'].map(async (name) => (await fetch(`${registry}${name}`)).json()),
  )
  const main = documents.at(-1)
  const published = ({ time }) => Date.parse(time[version])
  const problems = [
    ...documents.filter((one) => !(published(one) <= published(main))).map(({ name }) => `${name} came late`),
    ...documents
      .filter(({ versions }) => versions[version]?.homepage !== `${REPOSITORY}#readme`)
      .map(({ name }) => `${name} has no homepage`),
    ...documents
      .filter((one) => one['dist-tags'].latest !== version)
      .map(({ name }) => `${name} is not latest`),
    ...addons
      .filter((name) => main.versions[version].optionalDependencies[name] !== version)
      .map((name) => `antigrad does not name ${name}`),
    ...(/\]\((?!https:)/.test(main.readme) ? ['the README has relative links'] : []),
  ]
  if (problems.length > 0) throw new Failure(`${version}: ${problems.join(', ')}`)
  say(`${version}: the addons came before antigrad, which names them and replaces the placeholder`)
}

/**
 * Publishes a copy of the workflow's files with another version. Placeholders replace the addons of other platforms.
 */
async function release(work, version, registry, token, addons) {
  const folder = join(work, `release-${version}`)
  mkdirSync(join(folder, 'native'), { recursive: true })
  for (const path of ['package.json', 'README.md', 'LICENSE', 'scripts', 'dist', 'ts']) {
    cpSync(join(root, path), join(folder, path), { recursive: true })
  }
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  for (const file of ['package.json', 'dist/core/package.js', 'dist/node/index.js']) {
    const text = readFileSync(join(folder, file), 'utf8')
    writeFileSync(join(folder, file), text.replaceAll(`"${manifest.version}"`, `"${version}"`))
  }
  for (const { platformArchABI } of manifest.napi.targets.map(parseTriple)) {
    const name = `antigrad.${platformArchABI}.node`
    const built = join(root, 'native', name)
    if (existsSync(built)) cpSync(built, join(folder, 'native', name))
    else writeFileSync(join(folder, 'native', name), 'stands in for an addon\n')
  }
  writeFileSync(join(folder, '.npmrc'), credentials(registry, token))
  const env = { npm_config_userconfig: join(folder, '.npmrc'), [VARIABLE]: REPOSITORY }
  tryStaging(folder, env, addons)
  await run(process.execPath, ['scripts/publish.mjs', '--registry', registry], {
    ...{ label: `the release of ${version}`, cwd: folder, env },
  })
}

const credentials = (registry, token) =>
  `registry=${registry}\n${registry.replace('http:', '')}:_authToken=${token}\n`

/** The install commands of each package manager, with and without optional packages, and the settings of the folder. */
const managers = {
  npm: {
    add: (what, optional) => [
      'npm',
      ['install', what, '--no-audit', '--no-fund', ...(optional ? [] : ['--omit=optional'])],
    ],
  },
  pnpm: {
    add: (what, optional) => [
      node,
      [program('pnpm/bin/pnpm.mjs'), 'add', what, ...(optional ? [] : ['--no-optional'])],
    ],
  },
  'Yarn 1': {
    add: (what, optional) => [
      node,
      [program('yarn/bin/yarn.js'), 'add', what, ...(optional ? [] : ['--ignore-optional'])],
    ],
  },
  // Yarn 4 has no option to omit optional packages, so the platform's package is always installed.
  'Yarn 4': { add: (what) => [node, [program('@yarnpkg/cli-dist/bin/yarn.js'), 'add', what]], isWhole: true },
  Bun: {
    add: (what, optional) => [
      program(`@oven/bun-${platform}/bin/bun`),
      ['add', what, ...(optional ? [] : ['--omit=optional'])],
    ],
  },
}

const asked = `const { engines } = require('antigrad')
const { native, wasm } = engines()
console.log(JSON.stringify({ native: native.available, wasm: wasm.available, reasons: native.reasons }))`

function tryOut(work, registry, version, next) {
  for (const [name, manager] of Object.entries(managers)) {
    const folder = fresh(work, registry)
    add(name, manager, folder, `antigrad@${version}`, true)
    expect(name, 'has the addon', report(folder), { native: true, wasm: true })
    add(name, manager, folder, `antigrad@${next}`, true)
    expect(name, 'was upgraded', { ...report(folder), of: installed(folder) }, { native: true, of: next })
    add(name, manager, folder, `antigrad@${version}`, true)
    expect(
      name,
      'was downgraded',
      { ...report(folder), of: installed(folder) },
      { native: true, of: version },
    )
    if (manager.isWhole) continue
    const without = fresh(work, registry)
    add(name, manager, without, `antigrad@${version}`, false)
    expect(name, 'does without', report(without), { native: false, wasm: true })
  }
  const mixed = fresh(work, registry)
  add('npm', managers.npm, mixed, `antigrad@${next}`, true)
  const addon = readdirSync(join(mixed, 'node_modules')).find((name) => name.startsWith('antigrad-'))
  const file = join(mixed, 'node_modules', addon, 'package.json')
  writeFileSync(file, readFileSync(file, 'utf8').replace(`"version": "${next}"`, `"version": "${version}"`))
  const said = report(mixed)
  expect('npm', "refuses another version's addon", said, { native: false, wasm: true })
  if (!said.reasons[0].includes(`has version ${version}, but antigrad has ${next}`))
    throw new Failure(said.reasons[0])
}

function fresh(work, registry) {
  const folder = mkdtempSync(join(work, 'project-'))
  writeFileSync(join(folder, 'package.json'), '{ "name": "project", "version": "1.0.0", "private": true }')
  writeFileSync(join(folder, '.npmrc'), `registry=${registry}\n`)
  writeFileSync(
    join(folder, '.yarnrc.yml'),
    `npmRegistryServer: "${registry}"\nunsafeHttpWhitelist: ["127.0.0.1"]\nnodeLinker: node-modules\nenableTelemetry: false
enableGlobalCache: false\nnpmMinimalAgeGate: 0\n`,
  )
  writeFileSync(join(folder, 'yarn.lock'), '')
  writeFileSync(join(folder, 'ask.cjs'), asked)
  return folder
}

function add(name, manager, folder, what, optional) {
  const [command, args] = manager.add(what, optional)
  // Settings and caches of this machine are not used.
  const env = {
    ...{
      PATH: `${join(node, '..')}:${process.env.PATH}`,
      HOME: folder,
      npm_config_userconfig: join(folder, '.npmrc'),
    },
    ...{ npm_config_cache: join(folder, '.cache'), npm_config_registry: undefined, CI: '1' },
  }
  const { status, stdout, stderr } = spawnSync(command, args, {
    ...{ cwd: folder, encoding: 'utf8' },
    env: Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined)),
  })
  if (status !== 0) throw new Failure(`${name} add ${what}: ${stdout}${stderr}`)
}

const report = (folder) =>
  JSON.parse(spawnSync(process.execPath, ['ask.cjs'], { cwd: folder, encoding: 'utf8' }).stdout)

const installed = (folder) =>
  JSON.parse(readFileSync(join(folder, 'node_modules/antigrad/package.json'), 'utf8')).version

function expect(name, what, seen, wantedOf) {
  for (const [key, value] of Object.entries(wantedOf)) {
    if (seen[key] !== value)
      throw new Failure(`${name}: expected, but not true: ${what}: ${JSON.stringify(seen)}`)
  }
  say(`${name}: ${what}`)
}
