// Reports of the comparison: tables, a chart, and the table of docs/rivals.md.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import * as echarts from 'echarts'
import { wrapped } from '../../scripts/lib/wrap.mjs'
import { table } from '../lib/report.mjs'
import { ours, rivals } from './rivals.mjs'
import { ruleNames, TOLERANCE } from './values.mjs'

const everybody = [ours, ...rivals]
const plain = (text) => text.replaceAll('`', '')

/** Formats a duration with three digits in a suitable unit, such as 12.3 µs. */
function duration(ns) {
  const [unit, by] = ns < 1e3 ? ['ns', 1] : ns < 1e6 ? ['µs', 1e3] : ['ms', 1e6]
  return `${Number((ns / by).toPrecision(3))} ${unit}`
}
const times = (x) => (x < 10 ? x.toFixed(2) : x < 100 ? x.toFixed(1) : `${Math.round(x)}`)
const interval = ({ median, low, high }) => `${times(median)} (${times(low)}–${times(high)})`

const sizeName = (size) => {
  if (size.includes('x')) return '1000 × 1000'
  const power = Math.log10(Number(size))
  return power >= 3 ? `10${'⁰¹²³⁴⁵⁶⁷⁸⁹'[power]}` : size
}

const threadsName = (threads) => (threads === 1 ? '1 thread' : `${threads} threads`)
const keys = ['id', 'threads']
const sameRow = (a, b) => keys.every((key) => a[key] === b[key])

/** The lines of one rule: each library with each number of threads, in the order of rivals.mjs. */
function linesOf(rows) {
  const lines = []
  for (const { id } of everybody) {
    for (const row of rows.filter((row) => row.id === id)) {
      if (!lines.some((line) => sameRow(line, row))) lines.push(row)
    }
  }
  return lines.sort((a, b) => a.threads - b.threads)
}

function ruleTables(rule, { rows: all, options }) {
  const rows = all.filter((row) => row.rule === rule)
  const sizes = options.sizes.filter((size) => rows.some((row) => row.size === size))
  const lines = linesOf(rows)
  const cells = (line, what) =>
    sizes.map((size) => {
      const row = rows.find((row) => row.size === size && sameRow(row, line))
      return row === undefined ? '–' : what(row)
    })
  const named = (line) => [
    line.isComparable ? plain(line.rival) : `${plain(line.rival)} (computes something else)`,
    `${line.threads}`,
  ]
  const worst = (line) =>
    Math.max(...rows.filter((row) => sameRow(row, line)).map(({ error }) => error)).toExponential(0)
  const head = ['', 'threads', ...sizes.map(sizeName)]
  const ratios = lines.filter(({ ratio, isComparable }) => ratio !== null && isComparable)
  return [
    `## ${ruleNames[rule]}`,
    '',
    'How many times as long as antigrad on as many threads:',
    '',
    table(
      head,
      ratios.map((line) => [...named(line), ...cells(line, ({ ratio }) => (ratio ? interval(ratio) : '–'))]),
    ),
    '',
    'A step takes:',
    '',
    table(
      [...head, 'error'],
      lines.map((line) => [
        ...named(line),
        ...cells(line, ({ nsPerStep }) => duration(nsPerStep.median)),
        worst(line),
      ]),
    ),
    '',
  ]
}

function trainingTable(rows) {
  const body = rows.map((row) => [
    plain(row.rival),
    `${row.threads}`,
    duration(row.nsPerStep.median),
    row.ratio ? interval(row.ratio) : '',
    row.error.toExponential(0),
  ])
  return [
    '## A whole training step',
    '',
    'Clipping by the global norm, AdamW and zeroing gradients, 10⁷ parameters: Torch `clip_grad_norm_`, fused',
    "`AdamW` and `zero_grad(set_to_none=False)`; antigrad's options `clip: { norm: 1 }` and `zeroGrads: true`.",
    'New gradients are written before each step, which is not timed.',
    '',
    table(['', 'threads', 'a step', 'times antigrad', 'error'], body),
    '',
  ]
}

function latencyTable({ size, threads, rounds, kinds }) {
  const ms = (x) => `${x.toFixed(2)} ms`
  const names = { step: '`step`', stepAsync: '`stepAsync`', nothing: 'nothing, for 10 ms' }
  const body = kinds.map(({ kind, worst, worstOfAll, duration: took }) => [
    names[kind],
    ms(took.median),
    `${ms(worst.median)} (${worst.low.toFixed(2)}–${worst.high.toFixed(2)})`,
    ms(worstOfAll),
  ])
  return [
    '## How late the event loop is',
    '',
    `Adam, ${sizeName(`${size}`)} parameters, ${threadsName(threads)}: by how much a timer of 1 ms is late while a step is`,
    `under way, ${rounds} times in turn.`,
    '',
    table(['', 'takes', 'worst delay of a step: median', 'of all'], body),
    '',
  ]
}

/** Skipped measurements: one line per reason, with the affected libraries and sizes. */
function notRunLines(notRun) {
  const groups = new Map()
  for (const { rival, rule, size, threads, why } of notRun) {
    const key = `${rival}: ${why}`
    const what = rule
      ? `${ruleNames[rule]} ${sizeName(size)}${threads > 1 ? ` (${threadsName(threads)})` : ''}`
      : ''
    groups.set(key, [...(groups.get(key) ?? []), what].filter(Boolean))
  }
  return [...groups].map(([key, what]) => `- ${plain(key)}${what.length ? ` (${what.join(', ')})` : ''}`)
}

export function describe(result) {
  const { rows, training, latency, notRun, options } = result
  const taken = everybody.filter(({ id }) => rows.some((row) => row.id === id))
  const other = rows.filter(({ isComparable }) => !isComparable)
  return [
    '# antigrad and others',
    '',
    sentence(result),
    '',
    `Medians of ${options.rounds} rounds in which all take turns; a ratio is taken within a round, and its interval has`,
    'the true median in at least 95 % of cases. float32. Errors are the largest difference to float64 after eight',
    `steps, as a part of the movement; from ${TOLERANCE} on it is not the same work, and not compared.`,
    '[docs/rivals.md](../../docs/rivals.md) says more.',
    '',
    ...options.rules
      .filter((rule) => rows.some((row) => row.rule === rule))
      .flatMap((rule) => ruleTables(rule, result)),
    ...(training?.length ? trainingTable(training) : []),
    ...(latency ? latencyTable(latency) : []),
    '## How they are called',
    '',
    ...taken.map(({ name, how }) => `- ${name}: ${how}`),
    ...(other.length ? [`- Something else is computed by ${[...new Set(other.map(said))].join(', ')}`] : []),
    '',
    '## Not run',
    '',
    ...notRunLines(notRun),
    '',
  ].join('\n')
}

const said = ({ rival, rule }) => `${plain(rival)} (${ruleNames[rule]})`

/** Machine, versions and date. */
function sentence({ machine }) {
  const { versions, date, processor, cores, caches, memory, system, node, instructionSet, load } = machine
  const names = Object.fromEntries(everybody.map(({ id, name }) => [id, name.split(',')[0]]))
  const used = Object.entries(versions)
    .flatMap(([id, { version, jax }]) => [version && `${names[id]} ${version}`, jax && `JAX ${jax}`])
    .filter(Boolean)
  return (
    `${date}. ${processor} (${instructionSet}), ${cores} cores, caches ${caches}, ${memory}, ${system}, ` +
    `Node ${node.slice(1)}${used.length ? `; ${[...new Set(used)].join(', ')}` : ''}. Load before: ${load}.`
  )
}

const colors = {
  antigrad: '#d1495b',
  torch: '#edae49',
  deepspeed: '#00798c',
  optax: '#30638e',
  timm: '#c77d1e',
  prodigyopt: '#7b2d26',
  schedulefree: '#5f0f40',
  'pytorch-optimizer': '#0b6e4f',
  'tfjs-wasm': '#9b5de5',
  'tfjs-cpu': '#b8b8b8',
  'tfjs-wasm-antigrad': '#e07a8b',
  'tfjs-cpu-antigrad': '#f0b7c0',
  'jax-js': '#6a994e',
  'loop-float64': '#444444',
  'loop-fround': '#888888',
}

/** A chart of nanoseconds per parameter by size, on one and on two threads, as SVG. */
export function chart({ rows, machine, options }) {
  const rule = options.rules.includes('adam') ? 'adam' : options.rules[0]
  const shown = rows.filter((row) => row.rule === rule && row.isComparable && !row.size.includes('x'))
  // A panel for two threads with antigrad alone would show no comparison.
  const panels = [1, 2].filter((threads) =>
    shown.some((row) => row.threads === threads && row.id !== ours.id),
  )
  const ids = everybody.map(({ id }) => id).filter((id) => shown.some((row) => row.id === id))
  const nameOf = (id) => plain(everybody.find((one) => one.id === id).name)
  const left = (i) => 70 + 440 * i
  const instance = echarts.init(null, null, {
    renderer: 'svg',
    ssr: true,
    width: 440 * panels.length + 60,
    height: 540,
  })
  const small = { fontSize: 11, fontWeight: 'normal' }
  const caption = `${machine.processor}, ${machine.instructionSet}, Node ${machine.node.slice(1)}, ${machine.date}`
  instance.setOption({
    animation: false,
    backgroundColor: '#ffffff',
    color: ids.map((id) => colors[id] ?? '#000000'),
    title: [
      {
        text: `${ruleNames[rule]}: ns per parameter and step`,
        left: 'center',
        top: 6,
        textStyle: { fontSize: 15 },
      },
      ...panels.map((threads, i) => ({
        text: threadsName(threads),
        left: left(i),
        top: 32,
        textStyle: { fontSize: 13 },
      })),
      { text: caption, left: 'center', bottom: 4, textStyle: small },
    ],
    legend: { data: ids.map(nameOf), bottom: 24, itemGap: 28, width: 420 * panels.length },
    grid: panels.map((_, i) => ({ left: left(i), width: 350, top: 60, bottom: 160 })),
    xAxis: panels.map((_, i) => ({
      type: 'log',
      name: 'parameters',
      nameLocation: 'middle',
      nameGap: 28,
      gridIndex: i,
    })),
    yAxis: panels.map((_, i) => ({ type: 'log', gridIndex: i })),
    series: panels.flatMap((threads, i) =>
      ids.map((id) => ({
        name: nameOf(id),
        type: 'line',
        xAxisIndex: i,
        yAxisIndex: i,
        lineStyle: { width: id === ours.id ? 4 : 1.5 },
        z: id === ours.id ? 3 : 2,
        data: shown
          .filter((row) => row.id === id && row.threads === threads)
          .map(({ size, nsPerStep }) => [
            Number(size),
            Number((nsPerStep.median / Number(size)).toPrecision(4)),
          ]),
      })),
    ),
  })
  const svg = instance.renderToSVGString()
  instance.dispose()
  return `${svg}\n`
}

const [BEGIN, END] = [
  '<!-- bench:peers, written by npm run bench:peers -- --save -->',
  '<!-- /bench:peers -->',
]

/** Writes the table of docs/rivals.md between its markers: Adam in all libraries. */
export function writeDocs(file, result) {
  if (!existsSync(file)) return false
  const text = readFileSync(file, 'utf8')
  const [from, to] = [text.indexOf(BEGIN), text.indexOf(END)]
  if (from < 0 || to < from) return false
  const { rows, options, training } = result
  const rule = options.rules.includes('adam') ? 'adam' : options.rules[0]
  const mine = rows.filter((row) => row.rule === rule)
  const sizes = options.sizes.filter((size) => mine.some((row) => row.size === size))
  const find = (line, size) => mine.find((row) => row.size === size && sameRow(row, line))
  const lines = linesOf(mine).filter(({ isComparable }) => isComparable)
  const body = lines.map((line) => [
    plain(line.rival),
    `${line.threads}`,
    ...sizes.map((size) => {
      const row = find(line, size)
      if (row === undefined) return '–'
      return line.id === ours.id ? duration(row.nsPerStep.median) : `${times(row.ratio.median)}×`
    }),
  ])
  const torch = training?.filter(({ ratio }) => ratio !== null) ?? []
  const inWords = ({ threads, ratio }) => `${interval(ratio)} times as long on ${threadsName(threads)}`
  const block = [
    BEGIN,
    wrapped(
      `${ruleNames[rule]}, float32: what a step takes in antigrad, and how many times as long it takes elsewhere, ` +
        'by the number of parameters.',
    ),
    '',
    table(['', 'threads', ...sizes.map(sizeName)], body),
    '',
    '![the same as a chart](../bench/results/peers.svg)',
    '',
    ...(torch.length
      ? [
          wrapped(
            'For a whole training step (clip by the global norm, AdamW, zero the gradients; 10⁷ parameters) Torch ' +
              `needs ${torch.map(inWords).join(' and ')}.`,
          ),
          '',
        ]
      : []),
    wrapped(sentence(result)),
    '',
  ].join('\n')
  writeFileSync(file, text.slice(0, from) + block + text.slice(to))
  return true
}
