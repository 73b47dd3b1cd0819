// npm run bench -- --against <commit>: builds and measures a commit, and reports what has become slower since.
import { spawnSync } from 'node:child_process'
import { root } from '../../scripts/lib/run.mjs'
import { digitsOf, interval, table } from '../lib/report.mjs'
import { build } from './build.mjs'
import { compare, LIMIT, sizes } from './compare.mjs'
import { subjects } from './subjects.mjs'

const kinds = [...new Set(subjects.map(({ kind }) => kind)), 'size']
const engines = ['native', 'wasm', 'typescript']
/** Nine is the smallest number of pairs whose interval excludes the smallest and the largest value. */
const PAIRS = 9

/** Words that --only accepts. */
export const words = [...kinds, ...engines]

/** @returns the text of the report, and whether anything has become slower or larger */
export async function against(commit, { only = [], quick, tests, progress }) {
  const other = await build(commit)
  const folders = [root, other.folder]
  const chosen = (known, value) => {
    const named = known.filter((word) => only.includes(word))
    return named.length === 0 || named.includes(value)
  }
  const wanted = subjects.filter(
    ({ kind, engine, isQuick }) => chosen(kinds, kind) && chosen(engines, engine) && (!quick || isQuick),
  )
  const timing = quick
    ? { pairs: PAIRS, rounds: 7, milliseconds: 2 }
    : { pairs: PAIRS, rounds: 9, milliseconds: 4 }
  const rows = await compare(wanted, folders, timing, progress)
  const weights = chosen(kinds, 'size') ? await sizes(folders) : []
  const minutes = tests ? [folders.map(testMinutes)] : []
  return describe(rows, weights, minutes, ['this tree', other.name])
}

function testMinutes(folder) {
  const start = Date.now()
  const { status } = spawnSync('node', ['scripts/test.mjs'], { cwd: folder, stdio: ['ignore', 2, 2] })
  return `${((Date.now() - start) / 60_000).toFixed(1)} min${status === 0 ? '' : ', failed'}`
}

function describe(rows, weights, minutes, names) {
  const nanoseconds = (x) => x.toFixed(digitsOf(x))
  const body = [
    ...rows.map(({ name, failures, figure, nanoseconds: each, again }) =>
      failures
        ? lacking(name, failures)
        : [name, ...each.map(nanoseconds), interval(figure, 3), again ? interval(again, 3) : ''],
    ),
    ...weights.map(({ name, failures, bytes }) =>
      failures ? lacking(name, failures) : [name, ...bytes, (bytes[0] / bytes[1]).toFixed(3), ''],
    ),
    ...minutes.map((each) => ['npm test', ...each, '', '']),
  ]
  const slower = rows.filter((row) => row.slower)
  const larger = weights.filter((row) => row.larger)
  const list = [
    ...slower.map(
      ({ name, figure, again }) => `${name}: ${interval(figure, 3)}, again ${interval(again, 3)}`,
    ),
    ...larger.map(({ name, bytes }) => `${name}: ${bytes[0]} bytes, ${bytes[1]} before`),
  ]
  const found =
    list.length > 0
      ? [`Slower than ${names[1]}, or larger:`, ...list.map((line) => `- ${line}`)]
      : [`Nothing is slower than in ${names[1]}, or larger, by more than ${Math.round((LIMIT - 1) * 100)}%.`]
  const head = ['nanoseconds of a call', ...names, 'ratio', 'again']
  return { text: [table(head, body), '', ...found].join('\n'), worse: list.length > 0 }
}

/** The row of a subject that one or both builds cannot run. */
function lacking(name, failures) {
  return [name, ...failures.map((failure) => failure ?? 'can'), '', '']
}
