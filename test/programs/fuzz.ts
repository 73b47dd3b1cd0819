/**
 * npm run fuzz: programs of successive seeds for the requested time, or the program of a failure. npm run soak: the
 * same programs also in other runtimes and browsers.
 */

import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { type Target, words } from '../bytes/corpus.js'
import { fuzzBytes } from '../bytes/fuzz.js'
import { everywhere } from './environments.js'
import { bundle } from './hosts.js'
import { Runner, search } from './search.js'

const say = (text: string) => process.stderr.write(`${text}\n`)

/**
 * @param node the command that runs programs in this runtime
 * @returns the exit status
 */
export async function fuzz(args: readonly string[], home: string, node: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string', default: String(Math.floor(Date.now() / 1000)) },
      path: { type: 'string' },
      shrink: { type: 'string', default: '60' },
      everywhere: { type: 'boolean', default: false },
      in: { type: 'string', multiple: true },
      bytes: { type: 'boolean', default: false },
      spoil: { type: 'boolean', default: false },
    },
  })
  const [seconds, seed] = [Number(values.seconds), Number(values.seed)]
  if (!(seconds > 0) || !Number.isSafeInteger(seed)) {
    say(
      'npm run fuzz -- [--seconds N] [--seed integer] [--path as a failure says it] [--shrink seconds] [--spoil]',
    )
    say('npm run soak -- the same [--in Bun, or another host]')
    say('npm run fuzz -- --bytes [--seconds N] [--seed integer]')
    return 2
  }
  if (values.bytes) return readBytes(home, seed, seconds)
  const isElsewhere = values.everywhere || values.in !== undefined
  const hosts = isElsewhere
    ? await everywhere(home, values.in ?? null, (name, why) => say(`NOT RUN: ${name}: ${why}`))
    : []
  if (isElsewhere) say(`In Node and ${hosts.map(({ name }) => name).join(', ') || 'nowhere else'}:`)
  const spoiler = ['--import', join(home, 'test/programs/corrupting-addon.mjs')]
  const runner = new Runner(home, hosts, [...node, ...(values.spoil ? spoiler : [])])
  const told = () => `${runner.programs} programs, ${runner.comparisons} comparisons`
  let last = Date.now()
  const failure = await search(runner, {
    seed,
    time: seconds * 1000,
    shrinking: Number(values.shrink) * 1000,
    ...(values.path !== undefined && { path: values.path }),
    onProgress(at) {
      if (Date.now() - last < 10_000) return
      last = Date.now()
      say(`${told()}, up to seed ${at}: nothing found`)
    },
  })
  await runner.end()
  if (failure === null) {
    say(`${told()}: nothing found`)
    return 0
  }
  say(
    `found after ${(failure.after / 1000).toFixed(1)} s, ${failure.programs} programs; shrunk:\n${failure.program}`,
  )
  say(failure.message)
  const line = `--seed ${failure.seed} --path ${failure.path}`
  say(failure.host === null ? `npm run fuzz -- ${line}` : `npm run soak -- ${line} --in '${failure.host}'`)
  return 1
}

/** Fuzzes each reader of bytes for an equal time. */
async function readBytes(home: string, seed: number, seconds: number): Promise<number> {
  const file = await bundle(home, 'bytes')
  const targets = Object.keys(words) as Target[]
  for (const target of targets) {
    const amount = { seed, runs: 1e9, seconds: seconds / targets.length }
    const { inputs, bytes, taken, found } = await fuzzBytes(file, target, amount)
    if (found === null) say(`${target}: ${inputs} inputs of ${bytes} bytes, ${taken} taken: nothing found`)
    else {
      say(
        `${target}: ${found.message}\n${JSON.stringify(found.input)}\nnpm run fuzz -- --bytes --seed ${seed}`,
      )
      return 1
    }
  }
  return 0
}
