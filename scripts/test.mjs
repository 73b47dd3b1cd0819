// npm test: runs the set-up and all checks until the first failure: Rust checks in parallel with TypeScript checks, and
// then the tests that measure memory and times. `--part rust`, `typescript` or `package` (with the pages) runs a third
// of the checks, `--part long` the long ones. Other arguments are passed to vitest. The output of the checks goes to
// stderr; stdout receives one last line with the number of tests.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeSets, instructionSets } from './lib/instruction-sets.mjs'
import { Failure, runWatched, say, script, seconds } from './lib/run.mjs'
import { setup, setupForRust } from './setup.mjs'

const native = ['--workspace', '--exclude', 'antigrad-wasm', '--exclude', 'antigrad-unpack']
// Features for tests only: a rule with two stages, and the narrowest and widest vectors emulated in plain Rust. Thus
// kernels also run with vector widths that this processor lacks.
const TRIAL = 'antigrad-kernels/trial'
const forTests = ['--features', `${TRIAL},antigrad-kernels/emulated`]
// Optimized emulated vectors take five minutes to compile. Without optimization, the tests of each kernel against its
// reference are fast, and all other tests are slow.
const ofEachKernel = [
  ...['-p', 'antigrad-kernels', ...forTests, '--config', 'profile.dev.package.antigrad-kernels.opt-level=0'],
  ...['--test', 'arena', '--', 'kernels::', 'manifest::'],
]

/** Sums over the test programs of cargo. */
const countRust = (stdout) => {
  const lines = [...stdout.matchAll(/^test result: .* (\d+) passed; (\d+) failed;/gm)]
  return lines.map(([, passed, failed]) => [Number(passed), Number(failed)])
}
const temporary = mkdtempSync(join(tmpdir(), 'antigrad-test-'))
const bin = (name) => `node_modules/.bin/${name}`

// Checks that count their tests have `count`, which reads the numbers from their output.
const rust = [
  { name: 'Rust format', command: ['cargo', 'fmt', '--all', '--check'] },
  {
    name: 'Rust lint',
    command: ['cargo', 'clippy', ...native, '--all-targets', ...forTests, '--', '-D', 'warnings'],
  },
  {
    name: 'Rust tests',
    command: ['cargo', 'test', ...native, '--features', TRIAL, '--no-fail-fast'],
    count: countRust,
  },
  {
    name: 'Rust tests of each kernel on emulated vectors',
    command: ['cargo', 'test', ...ofEachKernel],
    count: countRust,
  },
]
/** Every Rust test on emulated vectors too. */
const emulated = [
  {
    name: 'Rust tests on emulated vectors',
    command: ['cargo', 'test', ...native, ...forTests, '--no-fail-fast'],
    count: countRust,
  },
]

const wasm = ['--target', 'wasm32-unknown-unknown', '-p', 'antigrad-wasm', '-p', 'antigrad-unpack']

// These take turns with the Rust checks, because cargo locks its target folder.
const webAssembly = [
  {
    name: 'Rust lint for WebAssembly',
    command: ['cargo', 'clippy', ...wasm, '--features', 'antigrad-wasm/equations', '--', '-D', 'warnings'],
  },
  {
    name: 'Rust lint of the module of fits',
    command: [
      ...['cargo', 'clippy', ...wasm, '--no-default-features', '--features', 'antigrad-wasm/batches'],
      ...['--', '-D', 'warnings'],
    ],
  },
]

const typescript = [
  { name: 'TypeScript format and lint', command: [bin('biome'), 'ci', '--error-on-warnings'] },
  { name: 'spelling', command: [bin('cspell'), 'lint', '--no-progress'] },
  { name: 'types of the tests', command: [bin('tsc'), '--noEmit', '-p', 'tsconfig.test.json'] },
  { name: 'types of the pages', command: [bin('tsc'), '-p', 'page/tsconfig.json'] },
]

/** Runs the tests of some projects in vitest.config.ts. */
function vitest(projects, ...args) {
  const report = join(temporary, `${projects.join('-')}.json`)
  return {
    name: `Tests: ${projects.join(', ')}`,
    command: [
      ...[bin('vitest'), 'run', ...projects.map((name) => `--project=${name}`), '--passWithNoTests'],
      ...['--reporter=default', '--reporter=json', `--outputFile.json=${report}`, ...args],
    ],
    count: () => {
      if (!existsSync(report)) return []
      const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, 'utf8'))
      return [[numPassedTests, numFailedTests]]
    },
  }
}

const browsers = { browser: true, otherBrowsers: true }

/** Parts of the tests: required set-up, chains of checks that run in parallel, and checks that run afterwards. */
const parts = {
  rust: () => ({ ready: setupForRust, chains: [rust] }),
  typescript: (given) => ({
    ready: () => setup({ lint: true, trial: true }),
    chains: [[...typescript, vitest(['typescript', 'modules'], ...given)], webAssembly],
    afterwards: [vitest(['pairs', 'alone'], '--exclude=test/page/**', ...given)],
  }),
  package: (given) => ({
    ready: () => setup(browsers),
    chains: [[vitest(['package'], ...given)]],
    afterwards: [vitest(['alone'], 'test/page/', ...given)],
  }),
  all: (given) => ({
    ready: () => setup({ lint: true, trial: true, ...browsers }),
    chains: [
      [...typescript, vitest(['package', 'typescript', 'modules'], ...given)],
      [...webAssembly, ...rust],
    ],
    afterwards: [vitest(['pairs', 'alone'], ...given)],
  }),
  // Tests of the installed package in all other runtimes, in hosts, and with chart libraries.
  runtimes: (given) => ({
    ready: () => setup({ browser: true }),
    chains: [[vitest(['package'], ...runtimes, 'test/package/charts', ...given)]],
    env: { ANTIGRAD_ALL_RUNTIMES: '1', ANTIGRAD_TEST_CHARTS: '1' },
  }),
  // The recipes of docs/charts.md with the real libraries.
  charts: (given) => ({
    ready: () => setup({ browser: true }),
    chains: [[vitest(['package'], 'test/package/charts', ...given)]],
    env: { ANTIGRAD_TEST_CHARTS: '1' },
  }),
  // Large tests, emulated vectors, and all other runtimes. (`npm run fuzz` runs more random programs.)
  long: (given) => ({
    ready: () => setup({ trial: true }),
    chains: [[vitest(['package', 'typescript', 'modules'], ...long, ...given)], emulated],
    afterwards: [vitest(['pairs'], 'test/timing/memory.test.ts', ...given)],
    env: { ANTIGRAD_TEST_LARGE: '1', ANTIGRAD_ALL_RUNTIMES: '1' },
  }),
}
const runtimes = ['test/package/runtimes', 'test/package/hosts']
const long = [
  ...runtimes,
  'test/adversarial/arena.test.ts',
  'test/adversarial/limits.test.ts',
  'test/adversarial/table.test.ts',
  'test/minimize-many.test.ts',
  'test/process-exit.test.ts',
]

const given = process.argv.slice(2)
const part = given[0] === '--part' ? given.splice(0, 2)[1] : 'all'

let passed = 0
let failed = 0
const stop = new AbortController()

async function runCheck({ name, command, count = () => [] }, holds) {
  const start = Date.now()
  say(`\n${name}: ${command.join(' ')}`)
  const { status, stdout } = await runWatched(command[0], command.slice(1), { holds, signal: stop.signal })
  for (const [good, bad] of count(stdout)) {
    passed += good
    failed += bad
  }
  if (status === 0) return say(`${name}: done in ${seconds(start)}`)
  if (stop.signal.aborted) return say(`${name}: ended, because another check has failed`)
  throw new Failure(`\nThe check "${name}" failed (\`${command.join(' ')}\`).`)
}

async function runChain(checks, holds) {
  for (const check of checks) {
    if (stop.signal.aborted) return
    try {
      await runCheck(check, holds)
    } catch (thrown) {
      stop.abort()
      throw thrown
    }
  }
}

script(async () => {
  if (!Object.hasOwn(parts, part)) throw new Failure(`--part: one of ${Object.keys(parts).join(', ')}.`)
  const { ready, chains, afterwards = [], env = {} } = parts[part](given)
  Object.assign(process.env, env)
  const missing = await ready()
  try {
    // Only one chain shows its output while it runs.
    const ends = await Promise.allSettled(chains.map((checks, i) => runChain(checks, i > 0)))
    const end = ends.find(({ status }) => status === 'rejected')
    if (end) throw end.reason
    await runChain(afterwards, false)
    if (part !== 'rust') say(`Tested here: ${describeSets(await instructionSets())}.`)
  } catch (thrown) {
    // A failed check that counts no tests (a lint or a compiler) counts as one failure.
    if (failed === 0) failed = 1
    throw thrown
  } finally {
    rmSync(temporary, { recursive: true, force: true })
    for (const name of missing) say(`NOT RUN: the tests in ${name}, which could not be installed.`)
    process.stdout.write(`${passed} passed, ${failed} failed\n`)
  }
})
