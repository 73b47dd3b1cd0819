#!/usr/bin/env node
import { Command, CommanderError } from 'commander'
import { version } from '../core/package.js'
import { MISUSE, say, showProgress } from './terminal.js'

interface CommandEntry {
  /** Arguments after the command's name in the help. */
  readonly usage: string
  readonly summary: string
  /** Loads the function that adds description, arguments, options and action. */
  readonly load: () => Promise<(command: Command) => void>
}

/** The commands in the order of the help. */
const commands: Readonly<Record<string, CommandEntry>> = {
  doctor: {
    usage: '[options]',
    summary:
      'show the available engines, reasons for missing engines, and whether all results are bit-identical',
    load: async () => (await import('./commands/doctor.js')).configureDoctor,
  },
  race: {
    usage: '[options]',
    summary: "minimize Rosenbrock's function with each rule on each engine",
    load: async () => (await import('./commands/race.js')).configureRace,
  },
  plot: {
    usage: '[options] [file]',
    summary: 'draw the paths of rules on a function, schedules, or the metrics in a file, as SVG or PNG',
    load: async () => (await import('./commands/plot.js')).configurePlot,
  },
  sweep: {
    usage: '[options]',
    summary: 'run a rule with many sets of options from many starting points, and compare the sets',
    load: async () => (await import('./commands/sweep.js')).configureSweep,
  },
  fit: {
    usage: '[options] <file>',
    summary: 'fit a model to columns of a table by least squares, also separately per group of rows',
    load: async () => (await import('./commands/fit.js')).configureFit,
  },
  run: {
    usage: '[options] <plan>',
    summary: 'compute the chunks of a plan that its store does not contain yet, on all cores',
    load: async () => (await import('./commands/run.js')).configureRun,
  },
  status: {
    usage: '[options] <plan>',
    summary: 'show the progress of a plan from the results in its store',
    load: async () => (await import('./commands/status.js')).configureStatus,
  },
  merge: {
    usage: '[options] <plan>',
    summary: 'write all results of a plan, exactly as a single process would write them',
    load: async () => (await import('./commands/status.js')).configureMerge,
  },
  rules: {
    usage: '[options] [rule...]',
    summary: 'list the update rules with their options and defaults',
    load: async () => (await import('./commands/rules.js')).configureRules,
  },
  completion: {
    usage: '<shell>',
    summary: 'print a shell script that completes commands and options',
    load: async () => (await import('./commands/completion.js')).configureCompletion,
  },
}

const program = new Command('antigrad')
  .description('First-order optimizers with the same bits on every engine.')
  .version(version)
  .exitOverride()
  // Commander puts its suggestions on a second line.
  .configureOutput({ outputError: (text) => say(text.replace('error: ', '').trim().replace(/\s+/g, ' ')) })
  .configureHelp({
    subcommandTerm: (command) => `${command.name()} ${commands[command.name()]?.usage ?? '[command]'}`,
  })

// Only the commands named in the arguments are loaded. The help needs only the summaries of commands. Completion needs
// all commands.
const needsAll = process.argv.includes('completion')
for (const [name, { summary, load }] of Object.entries(commands)) {
  const command = program.command(name).summary(summary)
  if (needsAll || process.argv.includes(name)) (await load())(command)
}

/** Prints the message of an error that antigrad raised; rethrows every other exception. */
async function sayOf(thrown: unknown): Promise<void> {
  const { AntigradError } = await import('../core/errors.js')
  if (!(thrown instanceof AntigradError)) throw thrown
  const { SCHEDULES } = await import('../schedules/schedule.js')
  say(thrown.message.replace(SCHEDULES, ''))
}

// A closed pipe (EPIPE) is no error: in `antigrad race | head` the reader stops early.
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
