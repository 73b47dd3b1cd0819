#!/usr/bin/env node
import { Command, CommanderError } from 'commander'
import { version } from '../core/package.js'
import { MISUSE, say, showProgress } from './terminal.js'

interface CommandEntry {
  /** Follows the name in the help. */
  readonly usage: string
  readonly summary: string
  /** Loads the function that adds description, arguments, options and action. */
  readonly load: () => Promise<(command: Command) => void>
}

/** The commands in the order of the help. */
const commands: Readonly<Record<string, CommandEntry>> = {
  doctor: {
    usage: '[options]',
    summary: 'show what runs here and why the rest does not, and whether all engines give the same bits',
    load: async () => (await import('./commands/doctor.js')).configureDoctor,
  },
  race: {
    usage: '[options]',
    summary: "let the rules minimize Rosenbrock's function on each engine",
    load: async () => (await import('./commands/race.js')).configureRace,
  },
  plot: {
    usage: '[options]',
    summary: 'draw the paths that rules take down a function, or schedules, as SVG or PNG',
    load: async () => (await import('./commands/plot.js')).configurePlot,
  },
  sweep: {
    usage: '[options]',
    summary: 'run a rule with many options from many starts, and say which options do best',
    load: async () => (await import('./commands/sweep.js')).configureSweep,
  },
  fit: {
    usage: '[options] <file>',
    summary: 'fit a model to columns of a table by least squares, also to each group of its rows',
    load: async () => (await import('./commands/fit.js')).configureFit,
  },
  run: {
    usage: '[options] <plan>',
    summary: 'compute the chunks of a plan that are not in the store yet, on all cores',
    load: async () => (await import('./commands/run.js')).configureRun,
  },
  status: {
    usage: '[options] <plan>',
    summary: 'say how far a plan is, by what is in the store',
    load: async () => (await import('./commands/status.js')).configureStatus,
  },
  merge: {
    usage: '[options] <plan>',
    summary: 'write all results of a plan as one process would have',
    load: async () => (await import('./commands/status.js')).configureMerge,
  },
  rules: {
    usage: '[options] [rule...]',
    summary: 'list the rules with their options and defaults',
    load: async () => (await import('./commands/rules.js')).configureRules,
  },
  completion: {
    usage: '<shell>',
    summary: 'print what makes a shell complete commands and options',
    load: async () => (await import('./commands/completion.js')).configureCompletion,
  },
}

const program = new Command('antigrad')
  .description('First-order optimizers, with the same bits on every engine.')
  .version(version)
  .exitOverride()
  // Commander puts its suggestions on a second line.
  .configureOutput({ outputError: (text) => say(text.replace('error: ', '').trim().replace(/\s+/g, ' ')) })
  .configureHelp({
    subcommandTerm: (command) => `${command.name()} ${commands[command.name()]?.usage ?? '[command]'}`,
  })

// Only the commands that the arguments name are loaded: the help has names and summaries, but completion needs all.
const needsAll = process.argv.includes('completion')
for (const [name, { summary, load }] of Object.entries(commands)) {
  const command = program.command(name).summary(summary)
  if (needsAll || process.argv.includes(name)) (await load())(command)
}

/** Says what the library found wrong; throws what is no error of it. */
async function sayOf(thrown: unknown): Promise<void> {
  const { AntigradError } = await import('../core/errors.js')
  if (!(thrown instanceof AntigradError)) throw thrown
  const { SCHEDULES } = await import('../schedules/schedule.js')
  say(thrown.message.replace(SCHEDULES, ''))
}

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
  if (!(thrown instanceof CommanderError)) await sayOf(thrown)
  process.exitCode = thrown instanceof CommanderError && thrown.exitCode === 0 ? 0 : MISUSE
}
