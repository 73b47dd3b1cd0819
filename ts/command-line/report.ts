/** The results of commands as text. */

import type { EngineName, EngineReport } from '../engines/engine.js'
import { definitions } from '../rules/definitions.js'
import { isWarmup } from '../schedules/warmup.js'
import type { Diagnosis } from './doctor.js'
import type { EngineProfile, Finish } from './race.js'

/** A table of aligned columns without borders, for terminals, `less` and `grep`. */
export function columns(rows: readonly (readonly string[])[], rightAligned: readonly number[] = []): string {
  const lines = rows.flatMap((row) => {
    const parts = row.map((cell) => cell.split('\n'))
    const height = Math.max(...parts.map(({ length }) => length))
    return Array.from({ length: height }, (_, k) => parts.map((part) => part[k] ?? ''))
  })
  const widths: number[] = []
  for (const line of lines) {
    for (const [i, cell] of line.entries()) widths[i] = Math.max(widths[i] ?? 0, widthOf(cell))
  }
  const pad = (cell: string, i: number) => {
    const room = ' '.repeat(widths[i] - widthOf(cell))
    return rightAligned.includes(i) ? room + cell : cell + room
  }
  return lines.map((line) => line.map(pad).join('  ').trimEnd()).join('\n')
}

const WIDE = /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}]/gu

/** Width in terminal cells: Chinese, Japanese and Korean characters take two cells each. */
function widthOf(text: string): number {
  return [...text].length + (text.match(WIDE)?.length ?? 0)
}

export function describeRace(finishes: readonly Finish[], raced: readonly EngineName[]): string {
  const head = ['rule', 'options', 'updates', 'stopped', 'x', 'y', 'F', 'distance', ...raced, 'same bits']
  const rows = finishes.map((finish) => [
    finish.name,
    describeOptions(finish),
    `${finish.iterations}`,
    finish.reason,
    ...finish.x.map((x) => `${Number(x.toPrecision(6))}`),
    finish.value.toExponential(1),
    finish.distance.toExponential(1),
    ...raced.map((engine) => `${finish.engines[engine]?.nanosecondsPerUpdate.toFixed(0)} ns`),
    raced.length === 1 ? '–' : finish.sameBits ? 'yes' : 'NO',
  ])
  const numbers = [2, 6, 7, ...raced.map((_, i) => 8 + i)]
  const updates = finishes.reduce((sum, { iterations }) => sum + iterations, 0)
  const apart = finishes.filter(({ sameBits }) => !sameBits).map(({ name }) => name)
  const verdict =
    raced.length === 1
      ? 'Only one engine ran, so its results were not compared.'
      : apart.length > 0
        ? `${raced.join(', ')}: NOT the same bits in ${apart.join(', ')}.`
        : `${raced.join(', ')}: the same bits after every one of ${updates} updates.`
  return `${columns([head, ...rows], numbers)}

${verdict}
Times are per update: gradientPoint() and step(), without the evaluation of the gradient.`
}

/** The learning rate, and all options that differ from the rule's defaults. */
export function describeOptions({ rule, options, clip, delayedStart }: EngineProfile): string {
  const defaults = definitions[rule].defaults as Readonly<Record<string, unknown>>
  const told = Object.entries(options)
    .filter(([name, value]) => name === 'lr' || value !== defaults[name])
    .map(
      ([name, value]) =>
        `${name} ${isWarmup(value) ? `${value.value} after ${value.steps} warm-up steps` : value}`,
    )
  if (delayedStart > 0) told.push(`delayed by ${delayedStart}`)
  return [...told, ...Object.entries(clip).map(([kind, limit]) => `clip ${kind} ${limit}`)].join(', ')
}

export function describeDiagnosis(
  version: string,
  diagnosis: Diagnosis,
  report: Readonly<Record<EngineName, EngineReport>>,
): string {
  const { runtime, platform, processor, memory, rules, compared, differences } = diagnosis
  const environment = [diagnosis.environment, ...diagnosis.problems].join('; ')
  const verdict =
    compared.length === 0
      ? 'no other engine to compare TypeScript with'
      : differences.length === 0
        ? `the same bits as TypeScript, in ${rules} rules × 2 dtypes, on ${compared.join(', ')}`
        : differences.map(({ rule, dtype, engine }) => `${rule} DIFFERS in ${dtype} on ${engine}`).join('\n')
  const lines = { antigrad: version, runtime, platform, processor, memory, environment, bits: verdict }
  return `${columns(Object.entries(lines))}\n\n${describeEngines(report)}`
}

export function describeEngines(report: Readonly<Record<EngineName, EngineReport>>): string {
  return columns(
    Object.entries(report).map(([name, { available, instructionSets, threads, reasons }]) => {
      const abilities = [...instructionSets, ...(threads > 1 ? [`${threads} threads`] : [])]
      return [
        name,
        available ? 'available' : 'not available',
        [abilities.join(', '), reasons.join('; ')].filter(Boolean).join('; '),
      ]
    }),
  )
}
