import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { blocksOf, checkWords, problemsOf, sentencesOf, wordsIn } from '../scripts/lib/words.mjs'

// The prose of the project reads at once. Each sentence has a subject and at most 30 words, and repeats a noun instead
// of pointing back to it. The list of forbidden openings and phrases is in scripts/lib/words.mjs.

const problemsIn = (text: string) => problemsOf(text).map(({ problem }) => problem)

/** Sentences that the check must find, each with the problem that the check names. */
const wrong: readonly [text: string, problem: string][] = [
  ['Who has engines do what fits call for.', 'opens with "Who"'],
  ['What a stage runs, found once.', 'opens with "What"'],
  ['Whoever writes a server may hand these on.', 'opens with "Whoever"'],
  ['Whose gradients are sparse.', 'opens with "Whose"'],
  ['Of the rows that count.', 'opens with "Of"'],
  ['of shared parameters, by rows and columns', 'opens with "of"'],
  ['Those are left out.', 'opens with "Those"'],
  ['That makes it slow.', 'opens with "That"'],
  ['By how much a parameter has moved.', 'opens with "By"'],
  ['So many points are tried.', 'opens with "So many"'],
  ['As users have it: not through modules.', 'opens with "As"'],
  ['Where the state begins.', 'opens with "Where"'],
  ['In which commit it was found.', 'opens with "In which"'],
  ['Others have no reason.', 'opens with "Others"'],
  ['The first sentence is fine. Of others nothing is known.', 'opens with "Of"'],
  ['The limit; 0 where there is none.', '"there is none" (name what is missing)'],
  ['A value that is none of these.', '"is none" (name what is missing)'],
  ['The batch is one that came back.', '"one that" (repeat the noun)'],
  ['The gradients are those of the last step.', '"those of" (repeat the noun)'],
  ['The data, and the same of its errors.', '"the same of" (repeat the noun)'],
  ['The layout is laid anew.', '"anew" (again)'],
  ['The tests look at internals beside the package.', '"beside" (next to, in addition to)'],
  ['The fit is done by itself.', '"by itself" (each, alone, automatically)'],
  ['The page gets so many bytes.', '"so many" (name the number)'],
  ['The fit has no error, as nothing is known of it.', '", as nothing" (because)'],
  ['The option makes no sense here.', '"makes no sense" (is invalid)'],
  ['The count is a whole number.', '"whole number" (integer)'],
  ['The reader checks what was given.', '"what was given" (the argument, the option)'],
  ['The memory is nobody’s.', '"nobody" (name the caller or the user)'],
  ['@throws OptionError where it is negative', '"Error where" (if)'],
  ['The call goes on after the error.', '"goes on" (continues, resumes)'],
  ['The arena is spoilt.', '"spoilt" (American)'],
  ['The rate is .86 per step.', '".86" (leading zero)'],
  ['The loss falls by 5 % per epoch.', '"5 %" (no space before %)'],
  [`${'word '.repeat(31)}.`, '31 words'],
]

/** Sentences that the check must accept. */
const right = [
  'Whether the row is used',
  'By default the step size is 1.',
  'By name, in the order of the tensors',
  'As in SciPy, the cost is half of the sum.',
  'As of Node 22, the flag is on.',
  'That is, the gradient is zero.',
  'Which engine runs?',
  'What does a step cost?',
  'Run `what is none` and `those that` and `.5` as code.',
  'See [the limits](https://example.com/those-of/anew?x=.5).',
  'Besides, the file is closed.',
  'Someone that waits is told.',
  'The rate is 0.86, the tolerance 1e-9, the version 1.2.3, the file .5x.json.',
  'It takes 5% of the time, and 16 % 3 is a remainder.',
  'The whole number line is plotted.'.replace('number ', ''),
  'E.g. the first row is used, i.e. the newest.',
  'An organism analyzes whatever it finds.',
  `${'word '.repeat(30)}.`,
  `The rules are ${'`adam`, '.repeat(40)}and more.`,
]

describe('the check of words', () => {
  test.each(wrong)('reports the sentence: %s', (text, problem) => {
    expect(problemsIn(text)).toContain(problem)
  })

  test.each(right)('accepts the sentence: %s', (text) => {
    expect(problemsIn(text)).toEqual([])
  })

  test('splits sentences at periods, blank lines and list items, but not after abbreviations', () => {
    const texts = (text: string) => sentencesOf(text).map((sentence) => sentence.text)
    expect(texts('One, e.g. two. Three (four). "Five." Six')).toEqual([
      'One, e.g. two.',
      'Three (four).',
      '"Five."',
      'Six',
    ])
    expect(texts('One\n\nTwo\n- Three\n- Four')).toEqual(['One', 'Two', '- Three', '- Four'])
    expect(texts('Version 1.2.3 of a.b() … and so on')).toEqual(['Version 1.2.3 of a.b() … and so on'])
  })

  test('counts a list of code terms as one word, and a citation as one word', () => {
    expect(wordsIn('Names are CODE, CODE and CODE by the paper (Ma and Yarats, 2019)')).toBe(7)
  })

  test('reads comments, test titles and messages in scripts, each with its line number', () => {
    const source = `// A line.
// Of two lines.
const text = 'What a user reads, of course' // by its name alone
/**
 * The size.
 *
 * @param size what it takes
 * @throws OptionError where it is 0
 */
test('whoever calls', () => expect('what is none of these words').toBe(1))
// biome-ignore lint: what it does
export const rgb = 'what-is none'
`
    const lines = (file: string) => checkWords(file, source).map(({ line, problem }) => `${line}: ${problem}`)
    const comments = [
      '2: opens with "Of"',
      '3: opens with "by"',
      '7: opens with "what"',
      '8: "Error where" (if)',
    ]
    expect(lines('ts/x.ts')).toEqual([
      comments[0],
      '3: opens with "by"',
      '3: opens with "What"',
      ...comments.slice(2),
      '10: opens with "whoever"',
      '10: "whoever" (name the caller or the user)',
      '10: "is none" (name what is missing)',
    ])
    // Strings in tests are inputs and expected outputs. Only titles are prose.
    expect(lines('test/x.ts')).toEqual([
      ...comments,
      '10: opens with "whoever"',
      '10: "whoever" (name the caller or the user)',
    ])
  })

  test('reads Markdown without code blocks, and includes table cells', () => {
    const source = `# What is here

A paragraph
of two lines. Those are it.

\`\`\`ts
// those that are none
\`\`\`

| what | of |
|---|---|
| Of a row of data | by name |

1. Where it is
`
    const found = checkWords('docs/x.md', source).map(({ line, problem }) => `${line}: ${problem}`)
    expect(found).toEqual(['4: opens with "Those"', '12: opens with "Of"', '14: opens with "Where"'])
  })

  test.each([
    ['x.rs', 'let a = 1;\n    /// Those that lie.\n', 2],
    ['x.py', 'a = 1\n# those that lie\n', 2],
    ['x.py', 'def f():\n    """Those that lie."""\n', 2],
    ['x.css', 'a {}\n/* those that lie */\n', 2],
    ['x.html', '<p>Fine</p>\n<p>Those <b>that</b> lie</p>\n', 2],
    ['x.vue', '<script setup>\n// Those that lie.\n</script>\n', 2],
    ['x.yml', 'a: 1\n# those that lie\n', 2],
  ])('reads the text of %s', (file, source, line) => {
    const found = checkWords(file, source)
    expect(found.map((each) => each.line)).toEqual([line, line])
  })

  test('ignores data files', () => {
    expect(blocksOf('x.json', '{}')).toBeUndefined()
  })
})

/** Exceptions: sentences that stay although the check finds them, as a file, a part of the excerpt and a reason. */
const exceptions: readonly [file: string, part: string, reason: string][] = [
  ['examples/torch-port.mjs', 'py:', 'quotes Python'],
  ['examples/torch-port.mjs', 'rad_norm_', 'quotes Python'],
  ['docs/rivals.md', 'For a whole training step', 'is generated with the measurement'],
  ['docs/rivals.md', 'AMD EPYC', 'is generated with the measurement'],
]

test('the check of words finds no violation of the word rules in the project', () => {
  const home = join(import.meta.dirname, '..')
  const files = execFileSync('git', ['ls-files'], { cwd: home, encoding: 'utf8' })
    .split('\n')
    .filter((file) => file !== '' && !/^(?:test\/data|bench\/results)\//.test(file))
  const isUsed = new Set<string>()
  const found = files.flatMap((file) =>
    checkWords(file, /\.(?:png|safetensors)$/.test(file) ? '' : readFileSync(join(home, file), 'utf8'))
      .filter(({ excerpt }) => {
        const exception = exceptions.find(([where, part]) => where === file && excerpt.includes(part))
        if (exception) isUsed.add(exception.join())
        return exception === undefined
      })
      .map(({ line, problem, excerpt }) => `${file}:${line}: ${problem}: ${excerpt}`),
  )
  expect(found).toEqual([])
  expect(exceptions.filter((exception) => !isUsed.has(exception.join()))).toEqual([])
})
