#!/usr/bin/env node
import { Command, CommanderError } from 'commander'
import { AntigradError } from '../ground/errors.js'
import { version } from '../ground/package.js'
import { SCHEDULES } from '../schedules/schedule.js'
import { addCompletion } from './commands/completion.js'
import { addDoctor } from './commands/doctor.js'
import { addFit } from './commands/fit.js'
import { addPlot } from './commands/plot.js'
import { addRace } from './commands/race.js'
import { addRules } from './commands/rules.js'
import { addRun } from './commands/run.js'
import { MISUSE, say, showProgress } from './commands/shared.js'
import { addMerge, addStatus } from './commands/status.js'
import { addSweep } from './commands/sweep.js'

const program = new Command('antigrad')
  .description('First-order optimizers, with the same bits on every engine.')
  .version(version)
  .exitOverride()
  // Commander puts its suggestions on a second line.
  .configureOutput({ outputError: (text) => say(text.replace('error: ', '').trim().replace(/\s+/g, ' ')) })

addDoctor(program)
addRace(program)
addPlot(program)
addSweep(program)
addFit(program)
addRun(program)
addStatus(program)
addMerge(program)
addRules(program)
addCompletion(program)

// Whoever reads may have had enough, as in `antigrad race | head`.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') return
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
