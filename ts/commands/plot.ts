import type { Command } from 'commander'
import { OptionError } from '../errors.js'
import { bowl, type ObjectiveName, objectives, type Point } from '../objectives/index.js'
import { writer } from '../plot/file.js'
import { entrantNames } from '../race.js'
import { parseValue } from '../sweep/values.js'
import { addRunOptions, parsePoint, runSettings } from './runs.js'
import { choice, inCamelCase, inKebabCase, MISUSE, parseFile, showProgress, titleOf } from './shared.js'

/** Rules to be drawn unless others are asked for. */
const PLOTTED = ['gradient-descent', 'momentum', 'adagrad', 'rmsprop', 'adam', 'radam']

export function addPlot(program: Command): void {
  const plotCommand = program
    .command('plot')
    .summary('draw the paths that rules take down a function, as SVG or PNG')
    .description(
      "Each rule minimises a function of two variables; the picture has the function's contours at " +
        'logarithmic levels and its surface, with the paths on both. PNG needs the package @resvg/resvg-js.',
    )
    .requiredOption(
      '-o, --output <file>',
      'where the picture goes: a name that ends in .svg or .png',
      parseFile,
    )
    .addOption(
      choice('--function <name>', 'what to minimise', Object.keys(objectives).map(inKebabCase)).default(
        'rosenbrock',
      ),
    )
    .option('--condition <number>', "of the bowl's curvatures (default: 100)", parseValue)
    .option('--from <x,y>', 'where to start (default: a point that suits the function)', parsePoint)
    .addOption(choice('--rule <name...>', 'these rules', entrantNames).default(PLOTTED))
  addRunOptions(plotCommand)
  plotCommand.addHelpText(
    'after',
    `
Stars are minima, the ring is the start; dots are after 1, 10, 100, … updates. Paths that lie on each other
have different widths. The rules' own options are those of \`antigrad race\`, which suit Rosenbrock's function.

  antigrad plot --rule adam adagrad --function himmelblau --from 0,-4 -o himmelblau.svg

Exit status: ${MISUSE} if the command line makes no sense or the file cannot be written.`,
  )

  plotCommand.action(async (options: Record<string, unknown>) => {
    const name = options.function as string
    const condition = options.condition as number | undefined
    if (condition !== undefined && name !== 'bowl') {
      throw new OptionError('--condition', 'no value without --function bowl', condition)
    }
    const objective =
      condition === undefined ? objectives[inCamelCase(name) as ObjectiveName]() : bowl({ condition })
    const write = await writer(options.output as string)
    const { plot } = await import('../plot/plot.js')
    const svg = plot(
      {
        ...runSettings(options),
        objective,
        title: titleOf(name) + (condition === undefined ? '' : ` of condition ${condition}`),
        from: (options.from as Point | undefined) ?? objective.start,
      },
      showProgress,
    )
    showProgress('')
    write(svg)
  })
}
