/** The CPU time that the package adds to the start of a process. */

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { home } from '../children.js'

/** The least times of this number of rounds are compared, and of more rounds if these exceed the limit. */
const ROUNDS = 10
const MAX_ROUNDS = 80
/**
 * Half of the time, plus a margin for a busy machine. The measured fractions are 0.38 for `require` and 0.45 for
 * `import`.
 */
const LIMIT = 0.5 + 0.1

const worker = (code: string) =>
  `new (require('node:worker_threads').Worker)(${JSON.stringify(code)}, { eval: true })`

/** The arguments of a process with the package, and of a process without the package. */
const starts: Record<string, readonly [readonly string[], readonly string[]]> = {
  require: [
    ['-e', "require('antigrad')"],
    ['-e', '0'],
  ],
  import: [
    ['--input-type=module', '-e', "import 'antigrad'"],
    ['-e', '0'],
  ],
  'require in a worker thread': [
    ['-e', worker("require('antigrad')")],
    ['-e', worker('0')],
  ],
  'antigrad --help': [
    ['dist/command-line/cli.js', '--help'],
    ['-e', '0'],
  ],
}

/** The CPU time of a process in milliseconds. */
function cpuTime(args: readonly string[]): number {
  const preload = join(home, 'test/timing/print-cpu-time.cjs')
  const { status, stderr } = spawnSync(process.execPath, ['-r', preload, ...args], {
    cwd: home,
    encoding: 'utf8',
  })
  expect(status, stderr).toBe(0)
  return Number(stderr.split('\n').at(-1)) / 1000
}

test.each(Object.entries(starts))(
  'starting %s adds at most half of the CPU time of an empty process',
  (_, [started, without]) => {
    let empty = Number.POSITIVE_INFINITY
    const least = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY]
    const fraction = () => (least[0] - least[1]) / empty
    for (let round = 0; round < ROUNDS || (fraction() >= LIMIT && round < MAX_ROUNDS); round++) {
      empty = Math.min(empty, cpuTime(['-e', '0']))
      for (const [i, args] of [started, without].entries()) least[i] = Math.min(least[i], cpuTime(args))
    }
    expect(fraction()).toBeLessThan(LIMIT)
  },
)
