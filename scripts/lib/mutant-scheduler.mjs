// Tries switchable mutants with TypeScript tests, hundreds per process, because vitest takes seconds to start.
import { fork } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { pathToFileURL } from 'node:url'
import { transform } from 'esbuild'
import { filesIn } from './mutants.mjs'
import { root, say } from './run.mjs'

/** Writes a file only if its text has changed, because compilers would otherwise rebuild it. */
export function rewrite(file, text) {
  if (!existsSync(file) || readFileSync(file, 'utf8') !== text) writeFileSync(file, text)
}

/** Translates TypeScript tests to JavaScript next to them; vitest is replaced by scripts/lib/mutant-tests.mjs. */
export async function transpileTests(folder) {
  const shim = pathToFileURL(join(root, 'scripts/lib/mutant-tests.mjs')).href
  const dist = pathToFileURL(join(folder, 'dist')).href
  const files = filesIn('test').filter((file) => /(?<!\.d)\.ts$/.test(file) && existsSync(join(folder, file)))
  writeFileSync(join(folder, 'test/digests.test.ts'), quickest)
  for (const file of [...files, 'test/digests.test.ts']) {
    const { code } = await transform(readFileSync(join(folder, file), 'utf8'), { loader: 'ts' })
    const text = code
      .replaceAll(/from "vitest"/g, `from ${JSON.stringify(shim)}`)
      .replaceAll(/(from |import[ (])"antigrad\/fit"/g, `$1"${dist}/fits/index.js"`)
      .replaceAll(/(from |import[ (])"antigrad(\/[\w-]+)?"/g, `$1"${dist}$2/index.js"`)
    rewrite(join(folder, file.replace(/ts$/, 'js')), text)
  }
}

/**
 * The cases that test/package/runtimes.test.ts compares among runtimes, here among engines: fast, one test per case.
 */
const quickest = `
import { describe, expect, test } from 'vitest'
import { cases } from './cases.js'
import { manyDigests } from './many-digests.js'
import { digests, reference, variants } from './support.js'
const native = variants.filter(({ engine }) => engine === 'native').reverse()
const kept = new Map()
const once = (key, make) => kept.get(key) ?? kept.set(key, make()).get(key)
describe.each(native)('$name', (variant) => {
  test.each(cases)('$name', (one) => {
    expect(digests(variant, [one])).toEqual(once(one, () => digests(reference, [one])))
  })
  test('many runs', () => {
    expect(manyDigests(variant)).toEqual(once(0, () => manyDigests(reference)))
  })
})
`

/**
 * Measures how many milliseconds a process has worked, or waited for something other than a processor. On a busy
 * machine, wall time would count every mutant as killed by a timeout. Wall time is used if the system does not report
 * more.
 */
export function spentBy(pid) {
  const read = (path) => {
    const stat = readFileSync(`/proc/${pid}/${path}/stat`, 'utf8')
    // The fields after the name in parentheses: the state, and times in hundredths of a second.
    const [state, ...fields] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    return { wants: state === 'R' || state === 'D', used: 10 * (Number(fields[10]) + Number(fields[11])) }
  }
  let [spent, last, before] = [0, Date.now(), 0]
  const look = () => {
    const passed = Date.now() - last
    last += passed
    try {
      const { used } = read('.')
      const wants = readdirSync(`/proc/${pid}/task`).some((task) => read(`task/${task}`).wants)
      spent += wants ? Math.min(passed, used - before) : passed
      before = used
    } catch {
      // The file does not exist, or the process has just ended.
      spent += passed
    }
    return spent
  }
  look()
  spent = 0
  return look
}

/** Starts a process for the tests of one file (scripts/lib/mutant-process.mjs), whose messages can be read in order. */
function hunted(folder, file, env) {
  const child = fork(join(root, 'scripts/lib/mutant-process.mjs'), [join(folder, file)], {
    cwd: folder,
    execArgv: ['--max-old-space-size=1500'],
    env: { ...process.env, NO_COLOR: '1', ...env },
    stdio: ['ignore', 'ignore', process.env.ANTIGRAD_HUNT_LOUD ? 'inherit' : 'ignore', 'ipc'],
  })
  const said = []
  let wake = () => {}
  const hear = (message) => {
    said.push(message)
    wake()
  }
  child.on('message', hear)
  child.on('close', (code, signal) => hear({ ended: signal ?? code }))
  return {
    /** The next message; `{ ended }` if the process exceeds that working time or has ended. */
    async next(timeout) {
      const spent = spentBy(child.pid)
      while (said.length === 0 && spent() < timeout) {
        await Promise.race([
          new Promise((resolve) => {
            wake = resolve
          }),
          pause(Math.min(timeout, 500), undefined, { ref: false }),
        ])
      }
      return said.shift() ?? { ended: 'the clock' }
    },
    say: (message) => child.connected && child.send(message),
    end: () => child.kill('SIGKILL'),
  }
}

/** Tries mutants with the tests of one file. `tell` receives each killed mutant; the survivors are returned. */
export async function triedBy(folder, file, env, numbers, tell) {
  let known
  let early = new Set()
  let rest = numbers
  const untouched = []
  while (rest.length > 0) {
    const isEarly = early.has(rest[0])
    const process = hunted(folder, file, isEarly ? { ...env, ANTIGRAD_MISTAKE: String(rest[0]) } : env)
    process.say(known ? { known } : {})
    let message = await process.next(300_000)
    for (; message.ended === undefined && message.known === undefined; message = await process.next(300_000))
      if (message.leftOut) say(`  skipped: ${message.leftOut}: ${message.why}`)
    if (message.ended !== undefined && isEarly) {
      tell(rest.shift(), `found by ${file}: ${message.ended}`)
      process.end()
      continue
    }
    if (message.ended !== undefined) {
      say(`  ${file} ended without a mutant: ${message.ended}`)
      process.end()
      return [...untouched, ...rest]
    }
    if (known === undefined) {
      known = message.known
      const all = known.reduce((sum, [, time]) => sum + time, 0)
      say(`  ${file}: ${known.length} tests, ${Math.round(all / 1000)} s`)
      const isReached = new Set(known.flatMap(([, , reached]) => reached))
      early = new Set(message.early.filter((number) => !isReached.has(number)))
      const [those, own] = [isReached, early].map((set) => rest.filter((number) => set.has(number)))
      untouched.push(...rest.filter((number) => !isReached.has(number) && !early.has(number)))
      rest = [...those, ...own]
    }
    const isNext = () => rest.length > 0 && early.has(rest[0]) === isEarly
    for (let isFirst = true; isNext() && (isFirst || !isEarly); isFirst = false) {
      const [number] = rest
      process.say({ number, isEarly })
      let answer = await process.next(30_000)
      while (answer.trying !== undefined) answer = await process.next(8 * answer.trying + 20_000)
      const { ended, found, isClean } = answer
      if (ended === undefined && found !== null && !isClean && !isFirst) break
      rest = rest.slice(1)
      if (ended !== undefined) tell(number, `found by ${file}: ${ended}`)
      else if (found !== null) tell(number, `found by ${file}: ${found}`)
      else untouched.push(number)
      if (ended !== undefined || (found !== null && !isClean)) break
    }
    process.end()
  }
  return untouched
}
