// npm test: sets everything up and runs all checks up to the first that fails. Arguments go to
// vitest. What the checks print goes to stderr; stdout has one last line, the number of tests.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describeSets, instructionSets } from './lib/instruction-sets.mjs'
import { Failure, runAloud, say, script } from './lib/run.mjs'
import { setup } from './setup.mjs'

const native = ['--workspace', '--exclude', 'antigrad-wasm']
// What is there for tests alone: a rule of two stages, and vectors of each width in plain Rust, on which the kernels
// run as on the instruction sets, also on those that this processor lacks.
const forTests = ['--features', 'antigrad-kernels/trial,antigrad-kernels/emulated']
const temporary = mkdtempSync(join(tmpdir(), 'antigrad-test-'))
const report = join(temporary, 'vitest.json')
const bin = (name) => `node_modules/.bin/${name}`

// A check that counts its tests has `count`, which reads the numbers from what it printed.
const checks = [
  { name: 'Rust format', command: ['cargo', 'fmt', '--all', '--check'] },
  {
    name: 'Rust lint',
    command: ['cargo', 'clippy', ...native, '--all-targets', ...forTests, '--', '-D', 'warnings'],
  },
  {
    name: 'Rust tests',
    command: ['cargo', 'test', ...native, ...forTests, '--no-fail-fast'],
    count: (stdout) => {
      const lines = [...stdout.matchAll(/^test result: .* (\d+) passed; (\d+) failed;/gm)]
      return lines.map(([, passed, failed]) => [Number(passed), Number(failed)])
    },
  },
  { name: 'TypeScript format and lint', command: [bin('biome'), 'ci'] },
  { name: 'types of the tests', command: [bin('tsc'), '--noEmit', '-p', 'tsconfig.test.json'] },
  { name: 'types of the pages', command: [bin('tsc'), '-p', 'page/tsconfig.json'] },
  {
    name: 'TypeScript tests',
    command: [
      ...[bin('vitest'), 'run', '--reporter=default', '--reporter=json'],
      ...[`--outputFile.json=${report}`, ...process.argv.slice(2)],
    ],
    count: () => {
      if (!existsSync(report)) return []
      const { numPassedTests, numFailedTests } = JSON.parse(readFileSync(report, 'utf8'))
      return [[numPassedTests, numFailedTests]]
    },
  },
]

let passed = 0
let failed = 0

async function runCheck({ name, command, count = () => [] }, label) {
  say(`\n[${label}] ${name}: ${command.join(' ')}`)
  const { status, stdout } = await runAloud(...command)
  for (const [good, bad] of count(stdout)) {
    passed += good
    failed += bad
  }
  if (status === 0) return
  // A check that failed without counting (a lint, a compiler) is one failure.
  if (failed === 0) failed = 1
  throw new Failure(`\nThe check "${name}" failed (\`${command.join(' ')}\`).`)
}

script(async () => {
  const missing = await setup({ lint: true, trial: true, browser: true, otherBrowsers: true })
  try {
    for (const [index, check] of checks.entries()) {
      await runCheck(check, `${index + 1}/${checks.length}`)
    }
    say(`Tested here: ${describeSets(await instructionSets())}.`)
  } finally {
    rmSync(temporary, { recursive: true, force: true })
    for (const name of missing) say(`NOT RUN: the tests in ${name}, which could not be installed.`)
    process.stdout.write(`${passed} passed, ${failed} failed\n`)
  }
})
