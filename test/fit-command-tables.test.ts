/** Dates, compressed files, encodings and several models in `antigrad fit`. */

import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { expression } from 'antigrad'
import {
  compare,
  fitManySync,
  fit as fitOne,
  fitSharedSync,
  lackOfFit,
  models,
  report,
  toCsv,
  toTable,
} from 'antigrad/fit'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { formatEstimate, wrapParts } from '../dist/plots/estimates.js'
import { dateParser, formatDate, parseIsoDate } from '../dist/tables/dates.js'
import { toPlainText } from '../dist/tables/plain-text.js'
import { home } from './children.js'
import { fitJson, runFit } from './run-fit-command.js'

let folder: string
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'antigrad-tables-'))
})
afterAll(() => rmSync(folder, { recursive: true }))

function file(name: string, content: string | Buffer): string {
  const path = join(folder, name)
  writeFileSync(path, content)
  return path
}

describe('parseIsoDate', () => {
  test.each([
    ['2024-03-01', 'local', '2024-03-01T00:00:00Z'],
    ['2024-02', 'local', '2024-02-01T00:00:00Z'],
    ['2024-061', 'local', '2024-03-01T00:00:00Z'],
    ['2024-03-01T08:30', 'local', '2024-03-01T08:30:00Z'],
    ['2024-03-01 08:30:15,5', 'local', '2024-03-01T08:30:15.500Z'],
    ['2024-03-01T24:00', 'local', '2024-03-02T00:00:00Z'],
    ['2024-03-01T08:30:15.25Z', 'zoned', '2024-03-01T08:30:15.250Z'],
    ['2024-03-01T08:30+01:30', 'zoned', '2024-03-01T07:00:00Z'],
    ['2024-03-01T08:30-0730', 'zoned', '2024-03-01T16:00:00Z'],
    ['0099-01-01', 'local', '0099-01-01T00:00:00Z'],
    ['08:30', 'time', '1970-01-01T08:30:00Z'],
  ])('reads %s', (cell, kind, instant) => {
    expect(parseIsoDate(cell)).toEqual({ kind, at: Date.parse(instant) })
  })

  test.each([
    '2023-02-29',
    '2024-13-01',
    '2024-00-10',
    '2023-366',
    '2024-01-01T25:00',
    '2024-01-01T10:61',
    '24:01',
  ])('refuses %s', (cell) => expect(parseIsoDate(cell)).toBeUndefined())

  test.each(['2024', '20240301', '1.5', '2024-3-1', 'Mar 1', '', '2024-03-01T'])(
    'leaves %j to others',
    (cell) => expect(parseIsoDate(cell)).toBeUndefined(),
  )
})

describe('dateParser', () => {
  test.each([
    ['%d.%m.%Y %H:%M', '1.3.2024 8:05', '2024-03-01T08:05:00Z'],
    ['%m/%d/%y %I:%M %p', '03/01/24 12:30 AM', '2024-03-01T00:30:00Z'],
    ['%d-%b-%Y', '01-mar-1999', '1999-03-01T00:00:00Z'],
    ['%B %d, %Y', 'March 1, 2024', '2024-03-01T00:00:00Z'],
    ['%Y%m%d', '20240301', '2024-03-01T00:00:00Z'],
    ['%Y %j %H%%', '2024 61 6%', '2024-03-01T06:00:00Z'],
    ['%Y-%m-%dT%H:%M:%S.%f%z', '2024-03-01T10:00:00.125+02:00', '2024-03-01T08:00:00.125Z'],
  ])('reads %s', (format, cell, instant) => {
    expect(dateParser('--date-format', format)(cell)?.at).toBe(Date.parse(instant))
  })

  test.each([
    ['%q', 'a format with the directives %Y'],
    ['%Y %Y', 'each directive once'],
    ['%d.%m', 'a format with a year'],
    ['', 'a format with a year (%Y) or an hour (%H)'],
    ['%', 'a format with the directives'],
  ])('refuses the format %j', (format, message) => {
    expect(() => dateParser('--date-format', format)).toThrow(`--date-format: expected ${message}`)
  })

  test('takes signs of regular expressions literally', () => {
    const parse = dateParser('--date-format', '(%Y)+[%m]|%d/-^$')
    expect(parse('(2024)+[3]|1/-^$')?.at).toBe(Date.parse('2024-03-01'))
    expect(parse('2024')).toBeUndefined()
  })
})

test('formatDate writes dates without parts that are zero', () => {
  const at = Date.parse('2024-03-01T08:30:00Z')
  expect(formatDate('local', Date.parse('2024-03-01'))).toBe('2024-03-01')
  expect(formatDate('local', at)).toBe('2024-03-01T08:30')
  expect(formatDate('zoned', at + 500)).toBe('2024-03-01T08:30:00.5Z')
  expect(formatDate('time', 3_600_000)).toBe('01:00')
})

describe('dates as x', () => {
  const y = [1, 3.1, 7, 9.9, 4.9]
  const days = [0, 1, 3, 4.5, 2]
  const expected = fitOne(models.line(), { x: days, y }).values
  const dates = ['2024-02-28', '2024-02-29', '2024-03-02', '2024-03-03 12:00', '2024-03-01']

  test('are days since the earliest date', async () => {
    const path = file('dates.csv', `day,y\n${dates.map((date, k) => `${date},${y[k]}\n`).join('')}`)
    const [{ values, dates: units }] = await fitJson(path, '--x', 'day', '--model', 'line')
    expect(values).toEqual(expected)
    expect(units).toEqual({ day: 'days since 2024-02-28' })
    const { stdout } = await runFit(path, '--x', 'x=day', '--model', 'line')
    expect(stdout).toMatch(/\n\nday is in days since 2024-02-28\n$/)
  })

  test('have the same origin in all groups, also in NDJSON', async () => {
    const rows = dates.flatMap((day, k) => [
      { day: dates[4 - k], y: y[4 - k], g: 'A' },
      { day, y: y[k], g: 'B' },
    ])
    const lines = rows.filter(({ day, g }) => g === 'B' || day !== dates[0]).map((row) => JSON.stringify(row))
    const path = file('dates.ndjson', lines.join('\n'))
    const [a, b] = await fitJson(path, '--x', 'day', '--model', 'line', '--group', 'g')
    const later = [4, 3, 2, 1]
    expect(b.values).toEqual(expected)
    const x = later.map((k) => days[k])
    expect(a.values).toEqual(fitOne(models.line(), { x, y: later.map((k) => y[k]) }).values)
  })

  test('follow --date-format, which also reads numbers such as 20240301', async () => {
    const compact = dates.filter((_, k) => k !== 3).map((date) => date.replaceAll('-', ''))
    const left = y.filter((_, k) => k !== 3)
    const path = file('compact.csv', `day,y\n${compact.map((date, k) => `${date},${left[k]}\n`).join('')}`)
    const [{ values }] = await fitJson(path, '--x', 'day', '--model', 'line', '--date-format', '%Y%m%d')
    expect(values).toEqual(fitOne(models.line(), { x: days.filter((_, k) => k !== 3), y: left }).values)
    const { status, stderr } = await runFit(path, '--x', 'day', '--model', 'line', '--date-format', '%H:%M')
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: 'antigrad: --date-format: expected a format of the dates in a column of --x, got "%H:%M"\n',
    })
  })

  test.each([
    [
      '2024-01-01,1\n2024-02-30,2',
      'line 3: day is "2024-02-30", not a date without a time zone, like the first',
    ],
    ['2024-01-01,1\n2024-01-02T00:00Z,2', '(it is a date with a time zone)'],
    ['2024-01-01,1\n5,2', 'line 3: day is "5", not a date without a time zone'],
    ['5,1\n2024-01-01,2', 'line 3: day is "2024-01-01", a date, not a number'],
    ['1.3.24,1\n', 'line 2: day is "1.3.24", not a number or a date in ISO 8601 (--date-format'],
  ])('are refused with the line and the column: %j', async (rows, message) => {
    const path = file('mixed.csv', `day,y\n${rows}\n`)
    const { status, stderr } = await runFit(path, '--x', 'day', '--model', 'line', '--delimiter', ',')
    expect(status).toBe(2)
    expect(stderr).toContain(message)
  })

  test('cannot be divided into chunks', async () => {
    const path = file('planned.csv', 'day,y,g\n2024-01-01,1,a\n2024-01-02,2,a\n')
    const args = ['--x', 'day', '--model', 'line', '--group', 'g', '--plan', join(folder, 'plan.json')]
    expect((await runFit(path, ...args)).stderr).toContain('day is "2024-01-01", a date, not a number')
  })
})

describe('files that are not plain UTF-8', () => {
  const text = 'x,größe\n1,2\n2,4\n3,7\n'
  const args = ['--y', 'größe', '--model', 'line']
  const { values } = fitOne(models.line(), { x: [1, 2, 3], y: [2, 4, 7] })
  const bigEndian = (content: string) => Buffer.from(`\ufeff${content}`, 'utf16le').swap16()

  test.each([
    ['gzip', gzipSync(text)],
    ['UTF-16 with a byte order mark', Buffer.from(`\ufeff${text}`, 'utf16le')],
    ['UTF-16 in big-endian order', bigEndian(text)],
    ['gzip of UTF-16', gzipSync(bigEndian(text))],
    ['two gzip members', Buffer.concat([gzipSync(text.slice(0, 13)), gzipSync(text.slice(13))])],
  ])('are read: %s', async (_, content) => {
    const [found] = await fitJson(file('table.csv.gz', content), ...args)
    expect(found.values).toEqual(values)
  })

  test.each([
    ['Latin-1', Buffer.from(text, 'latin1'), 'the byte 0xF6 at offset 4; iconv -f WINDOWS-1252 -t UTF-8'],
    [
      'UTF-16 without a mark',
      Buffer.from(text, 'utf16le'),
      'UTF-16, which iconv -f UTF-16 -t UTF-8 converts',
    ],
    [
      'half of a character',
      Buffer.from(`\ufeff${text}`, 'utf16le').subarray(0, -1),
      'expected text in UTF-16LE',
    ],
    ['an Excel workbook', Buffer.from('PK\u0003\u0004\u0014\0\0\0'), 'export the sheet as CSV'],
    ['incomplete gzip', gzipSync(text).subarray(0, 30), 'the gzip data are incomplete'],
    ['damaged gzip', gzipSync(text).fill(0xff, 12, 16), 'expected valid gzip data, got damaged data'],
  ])('have an error with a hint: %s', async (_, content, hint) => {
    const { status, stdout, stderr } = await runFit(file('odd.csv', content), ...args)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(/^antigrad: [^\n]*odd\.csv: [^\n]*\n$/)
    expect(stderr).toContain(hint)
  })

  test('are recognized in pieces of one byte, and errors of the source are passed on', async () => {
    async function* pieces(content: Buffer) {
      for (const byte of content) yield Buffer.of(byte)
    }
    const read = async (source: AsyncIterable<Uint8Array>) => {
      const parts: Uint8Array[] = []
      for await (const part of toPlainText(source)) parts.push(part)
      return Buffer.concat(parts).toString()
    }
    expect(await read(pieces(gzipSync(bigEndian(text))))).toBe(text)
    expect(await read(pieces(Buffer.from('x')))).toBe('x')
    expect(await read(pieces(Buffer.alloc(0)))).toBe('')
    async function* broken() {
      yield gzipSync(text).subarray(0, 20)
      throw new RangeError('the disk failed')
    }
    await expect(read(broken())).rejects.toThrow('the disk failed')
  })
})

describe('several --model options', () => {
  const t = Array.from({ length: 24 }, (_, k) => k / 6)
  const y = t.map((at, k) => 2.5 * Math.exp(-1.2 * at) + 0.5 + 0.04 * Math.sin(9 * k))
  const texts = ['a*exp(-b*t)', 'a*exp(-b*t) + c', 'a + b*t']
  const args = ['--x', 't', '--start', 'a=1,b=1,c=0', ...texts.flatMap((text) => ['--model', text])]
  const table = () =>
    file('decay.csv', `t,y,g\n${t.map((at, k) => `${at},${y[k]},P\n${at},${2 * y[k]},Q\n`).join('')}`)
  const single = () => file('single.csv', `t,y\n${t.map((at, k) => `${at},${y[k]}\n`).join('')}`)
  const start = { a: 1, b: 1, c: 0 }
  const fits = texts.map((text) => {
    const { c, ...own } = start
    return fitOne(expression(text), { t, y }, { start: text.includes('c') ? { ...own, c } : own })
  })
  const ranking = compare(fits)

  test('print the ranking of the function compare', async () => {
    const { status, stdout, stderr } = await runFit(single(), ...args)
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
    expect(ranking.map(({ index }) => index)).toEqual([1, 0, 2])
    expect(stdout).toMatch(/^a: a\*exp\(-b\*t\)\n +value /)
    expect(stdout).toMatch(
      /\nb +a\*exp\(-b\*t\) \+ c +3 [^\n]+converged\na [^\n]+\nc [^\n]+\n\nModel b is preferred: /,
    )
    expect(stdout).toMatch(/\na is nested in b, which has 1 more parameter: F\(1, 21\) = \S+, p = \S+\n/)
  })

  test('print one line of JSON per model and group', async () => {
    const lines = await fitJson(single(), ...args)
    expect(lines.map(({ model, rank, values }) => ({ model, rank, values }))).toEqual(
      fits.map(({ values }, k) => ({
        model: texts[k],
        rank: 1 + ranking.findIndex(({ index }) => index === k),
        values,
      })),
    )
    expect(lines[0].deltaAicc).toBe(ranking[1].deltaAicc)
    const grouped = await fitJson(table(), ...args, '--group', 'g')
    expect(grouped.map(({ group, rank }) => `${group}${rank}`)).toEqual(['P2', 'P1', 'P3', 'Q2', 'Q1', 'Q3'])
  })

  test('print the preferred model of each group', async () => {
    const { stdout } = await runFit(table(), ...args, '--group', 'g')
    expect(stdout).toMatch(/\ng +rows +preferred +weight +AICc a +AICc b +AICc c +reason\nP +24 +b /)
    expect(stdout).toContain('The lowest AICc: a in 0 groups, b in 2 groups, c in 0 groups')
  })

  test('say that the data do not decide between models with similar AICc', async () => {
    const twins = ['--x', 't', '--model', 'a*exp(-b*t) + c', '--model', 'exponential']
    const { stdout } = await runFit(single(), ...twins, '--start', 'a=1,b=1,c=0')
    expect(stdout).toContain('the data do not decide between')
  })

  test.each([
    ['--compare', 'line'],
    ['--outliers', '0.01'],
    ['--unknown', 'u.csv'],
    ['--shared', 'a'],
  ])('refuse %s', async (...more) => {
    const { status, stderr } = await runFit(table(), ...args, '--group', 'g', ...more)
    expect(status).toBe(2)
    expect(stderr).toContain(`${more[0]}: expected no value with several --model options`)
  })

  test('refuse a name that no model uses, and a loss that is not a likelihood', async () => {
    expect((await runFit(single(), ...args, '--fixed', 'q=1')).stderr).toContain('names in one of the models')
    expect((await runFit(single(), ...args, '--loss', 'cauchy')).stderr).toContain(
      '--model: expected the loss squared',
    )
  })
})

test('the completion for bash suggests built-in models after --model', () => {
  const cli = join(home, 'dist/command-line/cli.js')
  const { stdout: script } = spawnSync(process.execPath, [cli, 'completion', 'bash'], { encoding: 'utf8' })
  const complete = (...words: string[]) => {
    const set = `COMP_WORDS=(${words.join(' ')}); COMP_CWORD=${words.length - 1}`
    const command = `${script}\n${set}; _antigrad; echo "\${COMPREPLY[@]}"`
    return spawnSync('bash', ['-c', command], { encoding: 'utf8' }).stdout.trim()
  }
  expect(complete('antigrad', 'fit', '--model', 'gau')).toBe('gaussian')
  expect(complete('antigrad', 'fit', '--loss', 'soft')).toBe('soft-l1')
  expect(complete('antigrad', 'fit', 'a.csv', '--mod')).toBe('--model')
})

describe('antigrad fit --csv', () => {
  const x = [1, 2, 3, 4, 5]
  const [p, q] = [
    [1, 2.2, 2.9, 4.1, 5],
    [2, 4.1, 6.2, 7.9, 10],
  ]
  const path = () =>
    file('both.csv', `x,y,g\n${x.map((at, k) => `${at},${p[k]},P\n${at},${q[k]},Q\n`).join('')}`)
  const found = fitManySync(models.line(), { x: [x, x], y: [p, q] })
  const options = { lineEnd: '\n', groups: ['P', 'Q'] } as const
  const run = async (...args: string[]) => (await runFit(path(), '--model', 'line', '--csv', ...args)).stdout

  test.each(['parameters', 'statistics', 'residuals', 'curve'] as const)(
    'prints the table of toCsv per group: %s',
    async (contents) =>
      expect(await run('--group', 'g', '--contents', contents)).toBe(toCsv(found, { ...options, contents })),
  )

  test('has no column of groups without --group', async () => {
    const single = file('single-line.csv', `x,y\n${x.map((at, k) => `${at},${p[k]}\n`).join('')}`)
    const { stdout } = await runFit(single, '--model', 'line', '--csv')
    expect(stdout).toBe(toCsv(found.at(0), { lineEnd: '\n' }))
  })

  test('prints shared fits, and rankings of several models', async () => {
    const g = x.flatMap(() => ['P', 'Q'])
    const data = { x: x.flatMap((at) => [at, at]), y: p.flatMap((at, k) => [at, q[k]]), g }
    const shared = fitSharedSync(models.line(), data, { group: 'g', shared: ['slope'] })
    expect(await run('--group', 'g', '--shared', 'slope')).toBe(toCsv(shared, { lineEnd: '\n' }))
    const other = fitManySync(models.power(), { x: [x, x], y: [p, q] })
    expect(await run('--group', 'g', '--model', 'power')).toBe(toCsv(compare([found, other]), options))
  })

  test.each([
    [['--csv', '--json'], '--csv: expected no value with --json'],
    [['--contents', 'curve'], '--contents: expected --csv as well'],
    [['--csv', '--contents', 'curves'], 'Did you mean curve?'],
    [
      ['--csv', '--contents', 'curve', '--model', 'power'],
      '--contents: expected no value with several --model',
    ],
  ])('refuses %j', async (args, message) => {
    const { status, stderr } = await runFit(path(), '--model', 'line', ...args)
    expect(status).toBe(2)
    expect(stderr).toContain(message)
  })
})

describe('the test of lack of fit', () => {
  const data = { x: [1, 1, 2, 2, 3, 3], y: [1, 1.2, 3, 3.1, 3.4, 3.6] }
  const rows = (label: string) => data.x.map((x, k) => `${x},${data.y[k]},${label}\n`).join('')
  const single = () => file('replicates.csv', `x,y,g\n${rows('P')}`)
  const path = () => file('replicated-groups.csv', `x,y,g\n${rows('P')}1,1,Q\n2,2,Q\n3,2.5,Q\n`)
  const found = fitOne(models.line(), data)

  test('is printed for data with replicates, and is part of --json', async () => {
    const { stdout } = await runFit(single(), '--model', 'line')
    expect(stdout).toContain('\nlack of fit: F(1, 3) = 50, p = 0.00582\n')
    expect((await fitJson(single(), '--model', 'line'))[0].lackOfFit).toEqual(lackOfFit(found))
    const [p, q] = await fitJson(path(), '--model', 'line', '--group', 'g')
    expect(p.lackOfFit).toEqual(lackOfFit(found))
    expect(q).not.toHaveProperty('lackOfFit')
  })

  test('has a column in the table of groups, if a group has replicates', async () => {
    const { stdout } = await runFit(path(), '--model', 'line', '--group', 'g')
    const [head, p, q] = stdout.split('\n').map((line) => line.split(/\s{2,}/))
    expect([head, p, q].map((cells) => cells.at(-2))).toEqual(['lack of fit p', '0.00582', '–'])
  })

  test('is printed for shared fits', async () => {
    const options = ['--model', 'line', '--group', 'g', '--shared', 'slope']
    expect((await runFit(path(), ...options)).stdout).toMatch(/\nlack of fit: F\(3, 3\) = /)
    const [shared, ...groups] = await fitJson(path(), ...options)
    expect(shared.lackOfFit.degreesOfFreedom).toEqual([3, 3])
    for (const group of groups) expect(group).not.toHaveProperty('lackOfFit')
  })

  test('is part of the statistics of tables and of reports', () => {
    const table = toTable(found, { contents: 'statistics' })
    expect([table.lackOfFit[0], table.lackOfFitPValue[0]]).toEqual([
      lackOfFit(found).statistic,
      lackOfFit(found).pValue,
    ])
    expect(report(found)).toContain('lack of fit         = F(1, 3) = 50, p = 0.0058156476\n')
    const without = fitOne(models.line(), { x: [1, 2, 3], y: [1, 2, 2.5] })
    expect(toTable(without, { contents: 'statistics' }).lackOfFit[0]).toBeNaN()
    expect(report(without)).not.toContain('lack of fit')
  })
})

describe('the legend of the plot', () => {
  test.each([
    [2.97499546, 0.0180009, '2.975 ± 0.018'],
    [-0.5, 0.0996, '−0.50 ± 0.10'],
    [123456, 2345, '1.235e5 ± 2.3e3'],
    [0, 0.25, '0.00 ± 0.25'],
    [1.5e-9, 2e-11, '1.500e−9 ± 2.0e−11'],
    [0.001, 12, '0 ± 12'],
    [4, 0, '4'],
    [4, NaN, '4'],
    [NaN, 1, '–'],
  ])('shows %d ± %d as %s', (x, error, text) => expect(formatEstimate(x, error)).toBe(text))

  test('wraps long lines instead of cutting them', async () => {
    expect(wrapParts(['aaaa', 'bbbb', 'cccc'], 10)).toEqual(['aaaa, bbbb', 'cccc'])
    const x = Array.from({ length: 12 }, (_, k) => k - 6)
    const path = file('poly.csv', `x,y\n${x.map((at) => `${at},${Math.exp(at / 3)}\n`).join('')}`)
    const picture = join(folder, 'poly.svg')
    await runFit(path, '--model', 'polynomial(degree=7)', '--plot', picture)
    const svg = readFileSync(picture, 'utf8')
    const [, legend] = /<g id="legend">(.*)<\/g>/s.exec(svg) ?? []
    const lines = [...legend.matchAll(/<text[^>]*>([^<]*)<\/text>/g)].map(([, text]) => text)
    expect(lines.length).toBeGreaterThan(1)
    expect(lines.join(' ')).not.toContain('…')
    expect(lines.join(' ').match(/ = /g)).toHaveLength(8)
  })
})
