// Three commands of node scripts/mutations.mjs:
//
// - draw [--seed n] [--count n]: draws mutants from the sources by seed, and writes them to test/mutations.json.
// - follow: updates the line numbers in that file, and lists lines that no longer exist.
// - run [--only 1,2] [--at commit] [--rust] [-- files of vitest]: makes each mutant in a worktree, rebuilds, and
//   reports which mutants the tests kill. With `--rust`, the Rust tests run first.
//
// Run the mutants when you change many tests at once: every mutant that was killed before must be killed afterwards.
import { execFileSync, spawnSync } from 'node:child_process'
import { cpSync, existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { drawn, filesIn, sitesIn, worktree } from './lib/mutants.mjs'
import { random } from './lib/random.mjs'
import { root, say } from './lib/run.mjs'

/** Parts of the sources, with their folders and files. A file belongs to the first part that contains it. */
const rooms = {
  rules: [
    'ts/rules',
    'ts/schedules/schedule.ts',
    'ts/schedules',
    'ts/gradients/clip.ts',
    'ts/gradients/unitwise.ts',
    'ts/gradients/noise.ts',
  ],
  engines: [
    'ts/engines',
    'ts/arena/arena.ts',
    'ts/arena/memory.ts',
    'ts/core/typed-arrays.ts',
    'ts/gradients/norms.ts',
  ],
  saved: ['ts/checkpoint/write.ts', 'ts/checkpoint/read.ts', 'ts/model/state.ts'],
  options: [
    'ts/model/options.ts',
    'ts/objectives/bounds.ts',
    'ts/model/groups.ts',
    'ts/model/patterns.ts',
    'ts/model/averages.ts',
  ],
  fits: ['ts/fits', 'ts/tables', 'ts/command-line/fits'],
  many: ['ts/many', 'ts/minimize'],
  expressions: ['ts/expressions', 'ts/functions', 'ts/objectives'],
  kernels: ['crates/kernels/src'],
  native: ['crates/native/src', 'crates/pool/src'],
  model: ['ts'],
}
const list = join(root, 'test/mutations.json')

/** Draws mutants from each part in proportion to its lines, at least two per part. */
function draw(seed, count) {
  const next = random(seed)
  const seen = new Set()
  const found = Object.entries(rooms).map(([room, paths]) => {
    const sites = sitesIn(paths, seen).map((site) => ({ room, ...site }))
    return { sites, size: sites.length }
  })
  const total = found.reduce((sum, { size }) => sum + size, 0)
  const shares = found.map(({ size }) => Math.max(2, Math.round((count * size) / total)))
  // The largest part compensates for rounding.
  shares[shares.indexOf(Math.max(...shares))] += count - shares.reduce((sum, share) => sum + share, 0)
  return found.flatMap(({ sites }, i) => drawn(sites, shares[i], next))
}

/** Locates the lines of the list: in their file, or in the only other file that contains them. */
function follow(mutations) {
  const files = ['ts', 'crates'].flatMap(filesIn).filter((file) => /\.(ts|rs)$/.test(file))
  const texts = new Map(files.map((file) => [file, readFileSync(join(root, file), 'utf8').split('\n')]))
  return mutations.map((mutation, i) => {
    const { file, line, before, after } = mutation
    const placesIn = (path) =>
      (texts.get(path) ?? []).flatMap((found, k) => (found.trim() === before.trim() ? [k + 1] : []))
    const holding = placesIn(file).length > 0 ? [file] : files.filter((path) => placesIn(path).length > 0)
    if (holding.length !== 1) {
      say(`${i + 1} ${file}:${line}: ${holding.length === 0 ? 'gone' : `in ${holding.join(', ')}`}`)
      return mutation
    }
    const at = nearest(placesIn(holding[0]), line)
    const now = texts.get(holding[0])[at - 1]
    const indented = (text) => /^\s*/.exec(now)[0] + text.trim()
    return { ...mutation, file: holding[0], line: at, before: now, after: indented(after) }
  })
}

const nearest = (places, line) => places.reduce((a, b) => (Math.abs(b - line) < Math.abs(a - line) ? b : a))

const profile = {
  CARGO_PROFILE_RELEASE_LTO: 'off',
  CARGO_PROFILE_RELEASE_CODEGEN_UNITS: '16',
  CARGO_PROFILE_RELEASE_OPT_LEVEL: '1',
}

/** Whether a program succeeds; its output is added to the log. */
function succeeds(folder, log, command, ...args) {
  const { ANTIGRAD_ENGINE: _, ...inherited } = process.env
  const env = {
    ...inherited,
    ...profile,
    NO_COLOR: '1',
    CARGO_TARGET_DIR: join(root, 'target/mutations/cargo'),
  }
  // A timeout also counts as killed.
  const { status, stdout, stderr } = spawnSync(command, args, {
    cwd: folder,
    env,
    encoding: 'utf8',
    timeout: 900_000,
    maxBuffer: 1 << 28,
  })
  log.push(`${stdout}${stderr}`)
  return status === 0
}

/** Runs the Rust tests with the features for tests, as `npm test` does. */
function rustTests(folder, log, file, ...args) {
  const isPool = file.includes('/pool/')
  return succeeds(
    folder,
    log,
    ...['cargo', 'test', '--quiet', '-p', isPool ? 'antigrad-pool' : 'antigrad-kernels'],
    ...(isPool ? [] : ['--features', 'trial,emulated']),
    ...args,
  )
}

const buildTypeScript = (folder, log) => succeeds(folder, log, process.execPath, 'scripts/build-ts.mjs')

function buildAddon(folder, log) {
  if (!succeeds(folder, log, 'cargo', 'build', '--quiet', '--release', '-p', 'antigrad-native')) return false
  const [addon] = readdirSync(join(folder, 'native'))
  cpSync(join(root, 'target/mutations/cargo/release/libantigrad_native.so'), join(folder, 'native', addon))
  return true
}

const vitest = (folder, log, files) =>
  succeeds(
    folder,
    log,
    process.execPath,
    'node_modules/vitest/vitest.mjs',
    'run',
    '--bail=1',
    `--maxWorkers=${availableParallelism()}`,
    ...files,
  )

/** Builds that still contain a reverted mutant and must be rebuilt. */
const stale = new Set()

function rebuild(folder, log, build) {
  stale.add(build)
  return build(folder, log)
}

function restore(folder, build) {
  const log = []
  if (stale.delete(build) && !build(folder, log)) throw new Error(log.join('\n'))
}

/** Determines what kills a mutant: a compiler, the Rust tests, or a test; or that it survives. */
function findsIn(folder, { file, line, before, after }, files, isRustTested) {
  const path = join(folder, file)
  const text = existsSync(path) ? readFileSync(path, 'utf8') : ''
  const lines = text.split('\n')
  const places = lines.flatMap((found, i) => (found === before ? [i + 1] : []))
  if (places.length === 0) return 'is no longer there'
  lines[nearest(places, line) - 1] = after
  const log = []
  const [build, other] = file.endsWith('.rs') ? [buildAddon, buildTypeScript] : [buildTypeScript, buildAddon]
  restore(folder, other)
  try {
    writeFileSync(path, lines.join('\n'))
    if (build === buildAddon && isRustTested && !rustTests(folder, log, file)) {
      return rustTests(folder, log, file, '--no-run') ? "found by Rust's tests" : 'found by the compiler'
    }
    if (!rebuild(folder, log, build)) return 'found by the compiler'
    if (vitest(folder, log, files)) return 'NOT FOUND'
    const name = /FAIL +(.*)/.exec(log.at(-1))?.[1] ?? 'the clock'
    return `found by ${name}`
  } finally {
    writeFileSync(path, text)
  }
}

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    seed: { type: 'string', default: '23' },
    count: { type: 'string', default: '60' },
    only: { type: 'string' },
    at: { type: 'string', default: 'HEAD' },
    rust: { type: 'boolean', default: false },
  },
})
const [command, ...files] = positionals

const written = (mutations) => writeFileSync(list, `${JSON.stringify(mutations, null, 2)}\n`)
const listed = () => JSON.parse(readFileSync(list, 'utf8'))

if (command === 'draw') written(draw(Number(values.seed), Number(values.count)))
else if (command === 'follow') written(follow(listed()))
else if (command === 'run') {
  const commit = execFileSync('git', ['rev-parse', values.at], { cwd: root, encoding: 'utf8' }).trim()
  const folder = worktree(commit)
  const mutations = listed()
  const chosen = values.only?.split(',').map(Number) ?? mutations.map((_, i) => i + 1)
  for (const number of chosen) {
    const mutation = mutations[number - 1]
    const start = Date.now()
    const outcome = findsIn(folder, mutation, files, values.rust)
    const seconds = Math.round((Date.now() - start) / 1000)
    say(`${number} ${mutation.room} ${mutation.file}:${mutation.line}: ${outcome} (${seconds} s)`)
  }
  for (const build of [buildAddon, buildTypeScript]) restore(folder, build)
} else say('draw, follow or run')
