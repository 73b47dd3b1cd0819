#!/usr/bin/env node
import { Command, CommanderError } from 'commander'
import { AntigradError } from '../core/errors.js'
import { version } from '../core/package.js'
import { SCHEDULES } from '../schedules/schedule.js'
import { MISUSE, say, showProgress } from './commands/shared.js'

/** In the order of the help. */
const commands: Readonly<Record<string, () => Promise<(program: Command) => void>>> = {
  doctor: async () => (await import('./commands/doctor.js')).addDoctor,
  race: async () => (await import('./commands/race.js')).addRace,
  plot: async () => (await import('./commands/plot.js')).addPlot,
  sweep: async () => (await import('./commands/sweep.js')).addSweep,
  fit: async () => (await import('./commands/fit.js')).addFit,
  run: async () => (await import('./commands/run.js')).addRun,
  status: async () => (await import('./commands/status.js')).addStatus,
  merge: async () => (await import('./commands/status.js')).addMerge,
  rules: async () => (await import('./commands/rules.js')).addRules,
  completion: async () => (await import('./commands/completion.js')).addCompletion,
}

const program = new Command('antigrad')
  .description('First-order optimizers, with the same bits on every engine.')
  .version(version)
  .exitOverride()
  // Commander puts its suggestions on a second line.
  .configureOutput({ outputError: (text) => say(text.replace('error: ', '').trim().replace(/\s+/g, ' ')) })

// What is asked for is set up alone, which spares a small command a tenth of its time; help and completion have all.
const asked = process.argv[2]
const isAlone = Object.hasOwn(commands, asked) && asked !== 'completion'
for (const name of isAlone ? [asked] : Object.keys(commands)) (await commands[name]())(program)

// Whoever reads may have had enough, as in `antigrad race | head`.
let isTold = false
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE' || isTold) return
  isTold = true
  say(error.message)
  process.exitCode = MISUSE
})

try {
  await program.parseAsync()
} catch (thrown) {
  showProgress('')
  if (thrown instanceof AntigradError) say(thrown.message.replace(SCHEDULES, ''))
  else if (!(thrown instanceof CommanderError)) throw thrown
  process.exitCode = thrown instanceof CommanderError && thrown.exitCode === 0 ? 0 : MISUSE
}
