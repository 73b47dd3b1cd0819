/** The options of `antigrad fit`, in the order of its help. */

import { type Command, Option } from 'commander'
import { toKebabCase } from '../../core/text.js'
import { engineNames } from '../../engines/select-engine.js'
import { losses } from '../../fits/problem/loss.js'
import { modelNames, parseFixed, parseNumbers } from '../../jobs/model.js'
import { integerBetween } from '../../options/kinds.js'
import {
  choice,
  makeParser,
  parseFile,
  parseMaxIterations,
  parseTolerance,
  suggest,
} from '../commands/shared.js'
import { csvContents } from './csv.js'
import { distributionNames } from './error-model.js'
import {
  collectColumn,
  collectModels,
  collectText,
  parseDelimiter,
  parseFraction,
  parseNames,
  parseScale,
  parseSharing,
} from './parsers.js'

export function addFitOptions(command: Command): void {
  addModelOptions(command)
  addParameterOptions(command)
  addEvaluationOptions(command)
  addLossOptions(command)
  addExecutionOptions(command)
  addTableOptions(command)
  addOutputOptions(command)
}

/** The model, and the columns of the data. */
function addModelOptions(command: Command): void {
  command
    .addOption(
      suggest(
        new Option(
          '--model <model>',
          `an expression such as 'a*exp(-b*t) + c', or a built-in model that guesses its starting values: ${modelNames.join(', ')}; repeat --model to rank several models by AICc`,
        ).argParser(collectModels),
        modelNames,
      ),
    )
    .option(
      '--x <name>',
      'an independent variable; t="time (s)" reads the variable t from the column "time (s)"; repeatable (default: "x")',
      collectColumn,
    )
    .addOption(
      new Option(
        '--ode <file>',
        'a model of differential equations instead of --model: a JSON file with the options of ode()',
      ).argParser((text) => text),
    )
    .option('--y <column>', 'the dependent variable (response)', 'y')
    .addOption(
      new Option(
        '--sigma <column>',
        "column of the standard deviations of y; a formula of the model's value f and --x, such as '=0.1*f'; or an expression of f and parameters such as 'sqrt(add^2 + (prop*f)^2)', which are fitted by maximum likelihood",
      ).conflicts('weights'),
    )
    .option(
      '--weights <column>',
      "column of the weights of the squared residuals (such as 1/σ²), or a formula such as '=1/f^2'",
    )
    .addOption(
      new Option(
        '--covariance <file>',
        'covariance matrix of y, a table of numbers without a header; replaces --sigma and --weights',
      ).conflicts(['sigma', 'weights', 'dropInvalid']),
    )
    .option('--absolute-sigma', 'take σ as known: standard errors do not depend on how well the model fits')
    .option('--group <column>', 'column of group labels; each group is fitted separately')
}

/** Shared, starting, bounded, fixed and derived values of parameters. */
function addParameterOptions(command: Command): void {
  command
    .option(
      '--shared <list>',
      'fit all groups at once with shared parameters: top,bottom have one value for all groups, slope:plate has one ' +
        'value per label of the column plate; all other parameters have one value per group',
      parseSharing,
    )
    .option(
      '--start <list>',
      'starting values of parameters, such as a=1,b=0.5 (default: 1)',
      parseNumbers('--start'),
    )
    .option('--min <list>', 'lower bounds of parameters', parseNumbers('--min'))
    .option('--max <list>', 'upper bounds of parameters', parseNumbers('--max'))
    .option(
      '--fixed <list>',
      'fixed parameters, such as c=0; a name alone (b) fixes the parameter at its starting value',
      parseFixed,
    )
    .option(
      '--positive <list>',
      'positive parameters, such as a,b; they are fitted as logarithms',
      parseNames,
    )
    .option(
      '--expr <name=text>',
      'a parameter defined by an expression, such as c=2*a; repeatable',
      collectText,
    )
    .option('--derive <name=text>', "a derived quantity, such as 'half=log(2)/b'; repeatable", collectText)
}

/** Results that are computed from a fit: a comparison, intervals, outliers and unknowns. */
function addEvaluationOptions(command: Command): void {
  command
    .addOption(
      suggest(
        new Option('--compare <model>', 'also fit this model, and compare the two models by F test and AICc'),
        modelNames,
      ),
    )
    .option('--profile', 'print profile-likelihood intervals instead of value ± t·error')
    .option(
      '--outliers <q>',
      'mark outliers by the ROUT method at the false discovery rate q, such as 0.01; plots draw them as open circles',
      parseFraction,
    )
    .option('--drop-outliers', 'repeat fits without the outliers (--outliers)')
    .option(
      '--unknown <file>',
      'a table of new responses in the column of --y: print the x of each response on the fitted curve',
    )
    .option(
      '--sample <column>',
      'column of the --unknown table whose equal labels mark replicates of one unknown',
    )
}

/** The loss that a fit minimizes, or the distribution of y. */
function addLossOptions(command: Command): void {
  command
    .addOption(
      choice('--loss <name>', 'loss function of the residuals', Object.keys(losses).map(toKebabCase)).default(
        'squared',
      ),
    )
    .addOption(
      choice(
        '--distribution <name>',
        'distribution of y; the fit maximizes the likelihood, and estimates sigma, df, theta or shape as parameters',
        distributionNames,
      ),
    )
    .option('--trials <column>', 'number of trials, or its column, for --distribution binomial')
    .option(
      '--below <column>',
      'column that marks values below y, a limit of quantification, by a number other than 0',
    )
    .option('--above <column>', 'column that marks values above y by a number other than 0')
    .option(
      '--loss-scale <number>',
      'residual, in units of σ, beyond which a robust loss is not quadratic (default: 1)',
      parseScale,
    )
}

/** The execution of fits, and the limits at which fits end. */
function addExecutionOptions(command: Command): void {
  command
    .option(
      '--multi-start <count>',
      'number of starting points between --min and --max',
      makeParser(integerBetween(1, 4096)),
    )
    .option(
      '--tolerance <number>',
      'relative change of χ² or of the parameters that counts as converged',
      parseTolerance,
      1e-10,
    )
    .option('--max-iterations <number>', 'maximum number of evaluations', parseMaxIterations, 1000)
    .addOption(choice('--engine <name>', 'engine to run on', engineNames))
    .option('--threads <number>', 'number of threads', makeParser(integerBetween(1, 256)))
}

/** The format of the table. */
function addTableOptions(command: Command): void {
  command
    .addOption(
      choice(
        '--wide <replicates>',
        'read a wide table, with x in the first column; with none, each other column is a group; with suffix, A1 and ' +
          'A2 are replicates of group A; with all, all columns are replicates of one curve',
        ['none', 'suffix', 'all'],
      ).conflicts(['group', 'plan']),
    )
    .option(
      '--delimiter <character>',
      'field delimiter, or tab (default: the one of tab, semicolon, space and comma that yields the most numeric cells)',
      parseDelimiter,
    )
    .addOption(
      choice(
        '--decimal <sign>',
        'decimal sign of the numbers; the other sign separates thousands (default: detected)',
        ['.', ','],
      ),
    )
    .option(
      '--date-format <format>',
      "format of the dates in columns of --x, such as '%d.%m.%Y %H:%M' (default: ISO 8601); x is then in days since the earliest date",
    )
    .option('--comment <text>', 'comment prefix: lines that begin with the prefix are skipped', '#')
    .option('--drop-invalid', 'drop rows in which a used column has no valid number, and report them')
}

/** The output: text, JSON, CSV and a plot. */
function addOutputOptions(command: Command): void {
  command
    .option('--json', 'print JSON, one line per fit')
    .option('--csv', 'print CSV: one row per parameter and group, or the ranking of several models')
    .addOption(choice('--contents <name>', 'contents of the CSV table (default: parameters)', csvContents))
    .option('--correlations', 'print the correlations of the parameters below the table')
    .option(
      '--plot <file>',
      'draw data, curve, 95% confidence band and residuals into this .svg or .png file',
      parseFile,
    )
    .option('--log-x', 'draw a logarithmic x axis')
    .option('--log-y', 'draw a logarithmic y axis')
}
