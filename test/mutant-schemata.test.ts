/**
 * Mutants of a mutation test: each mutant is behind a switch in a single source. The source keeps its meaning while all
 * switches are off.
 */

import { expect, test } from 'vitest'
import { switched } from '../scripts/lib/mutant-schemata.mjs'

/** A source with mutants. Each mutant is a line number and a replacement. */
function withMistakes(file: string, text: string, mistakes: readonly (readonly [number, string])[]) {
  const lines = text.split('\n')
  const list = mistakes.map(([line, after], i) => ({ number: i + 1, line, before: lines[line - 1], after }))
  return switched(file, text, list)
}

const program = `let total = 0
for (let i = 0; i < given.length; i++) {
  if (given[i] > 2 && i > 0) total += given[i] * 2
  seen.push(i)
}
return total + seen.length`

test('a program with embedded mutants behaves like the original program, or like the selected mutant', () => {
  const mistakes = [
    [2, 'for (let i = 1; i < given.length; i++) {'],
    [3, '  if (given[i] > 2 || i > 0) total += given[i] * 2'],
    [3, '  if (given[i] > 2 && i > 0) total += given[i] / 2'],
    [4, '  void 0'],
    [6, 'return total - seen.length'],
  ] as const
  const { text, left } = withMistakes(
    'a.ts',
    `const f = () => {\n${program}\n}`,
    mistakes.map(([line, after]) => [line + 1, after]),
  )
  expect(left).toEqual([])
  const run = (source: string, made: number) =>
    Function(
      'isMade',
      'given',
      'seen',
      `${source}; return f()`,
    )((number: number) => number === made, [5, 1, 4], [])
  const alone = (line: number, after: string) =>
    program
      .split('\n')
      .map((before, i) => (i + 1 === line ? after : before))
      .join('\n')
  expect(run(text, 0)).toBe(11)
  for (const [k, [line, after]] of mistakes.entries())
    expect(run(text, k + 1), after).toBe(run(`const f = () => {\n${alone(line, after)}\n}`, 0))
})

test('a mutant inside another mutant is deferred to the next build', () => {
  const { left } = withMistakes('a.ts', 'const x = a + b * c', [
    [1, 'const x = a - b * c'],
    [1, 'const x = a + b / c'],
  ])
  expect(left.map(({ number }) => number)).toEqual([2])
})

test.each([
  [
    'let x = a + b * c;',
    'let x = a - b * c;',
    'let x = (if crate::is_made(1) {a - b * c} else {a + b * c});',
  ],
  ['if a < b && c {', 'if a <= b && c {', 'if (if crate::is_made(1) {a <= b} else {a < b}) && c {'],
  [
    'if zero.any(x) {',
    'if !(zero.any(x)) {',
    'if (if crate::is_made(1) {!(zero.any(x))} else {zero.any(x)}) {',
  ],
  ['a += b * c;', 'a -= b * c;', '(if crate::is_made(1) {a -= b * c} else {a += b * c});'],
  ['At { x: 0, y }', 'At { x: 1, y }', 'At { x: (if crate::is_made(1) {1} else {0}), y }'],
  ['for i in 0..n + 1 {', 'for i in 0..n - 1 {', 'for i in 0..(if crate::is_made(1) {n - 1} else {n + 1}) {'],
  ['all(|x| x == 0, 1)', 'all(|x| x != 0, 1)', 'all(|x| (if crate::is_made(1) {x != 0} else {x == 0}), 1)'],
  ['    x.call(1);', '    ;', '    if (!crate::is_made(1)) { x.call(1); }'],
  [
    'f("a, b", 1 + x) // + 1',
    'f("a, b", 1 - x) // + 1',
    'f("a, b", (if crate::is_made(1) {1 - x} else {1 + x})) // + 1',
  ],
])('the generated Rust code contains the original code and the mutant: %s', (before, after, expected) => {
  expect(withMistakes('a.rs', before, [[1, after]]).text).toBe(expected)
})
