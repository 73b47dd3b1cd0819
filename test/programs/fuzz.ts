/** npm run fuzz: programs of seed after seed for as long as is asked, or the one that a failure named. */

import { parseArgs } from 'node:util'
import { Runner, search } from './search.js'

const say = (text: string) => process.stderr.write(`${text}\n`)

/** @returns the exit status */
export async function fuzz(args: readonly string[], home: string): Promise<number> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      seconds: { type: 'string', default: '60' },
      seed: { type: 'string', default: String(Math.floor(Date.now() / 1000)) },
      path: { type: 'string' },
      shrink: { type: 'string', default: '60' },
    },
  })
  const [seconds, seed] = [Number(values.seconds), Number(values.seed)]
  if (!(seconds > 0) || !Number.isSafeInteger(seed)) {
    say(
      'npm run fuzz -- [--seconds N] [--seed whole number] [--path as a failure says it] [--shrink seconds]',
    )
    return 2
  }
  const runner = new Runner(home)
  let told = Date.now()
  const failure = await search(runner, {
    seed,
    time: seconds * 1000,
    shrinking: Number(values.shrink) * 1000,
    ...(values.path !== undefined && { path: values.path }),
    onProgress(programs, at) {
      if (Date.now() - told < 10_000) return
      told = Date.now()
      say(`${programs} programs, up to seed ${at}: nothing found`)
    },
  })
  runner.end()
  if (failure === null) {
    say(`${runner.programs} programs, nothing found`)
    return 0
  }
  say(
    `found after ${(failure.after / 1000).toFixed(1)} s, ${failure.programs} programs; shrunk:\n${failure.program}`,
  )
  say(failure.message)
  say(`npm run fuzz -- --seed ${failure.seed} --path ${failure.path}`)
  return 1
}
