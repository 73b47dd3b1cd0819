/** `antigrad plot`, `antigrad race --plot`, and their images. */

import { spawnSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { inflateSync } from 'node:zlib'
import {
  adagrad,
  adam,
  engines,
  minimize,
  objectives,
  type Rule,
  rosenbrock,
  type TestObjective,
} from 'antigrad'
import { SaxesParser } from 'saxes'
import { afterAll, describe, expect, test } from 'vitest'
import { landscape } from '../dist/command-line/plot/landscape.js'
import { PathPlot } from '../dist/command-line/plot/picture.js'
import { clip, pathData, simplify, withoutRepeats } from '../dist/command-line/plot/polyline.js'
import { surface } from '../dist/command-line/plot/surface.js'
import { entrantNames } from '../dist/command-line/race.js'
import { antigrad as runCommand } from './command-line.js'
import { random } from './helpers.js'

const home = fileURLToPath(new URL('..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'antigrad-plot-'))
afterAll(() => rmSync(folder, { recursive: true }))

const { ANTIGRAD_ENGINE: _, NODE_OPTIONS: __, ...env } = process.env

/** Runs the command line in the test's folder. Code of the test, and an engine, need a process. */
function antigrad(args: string, { before = '', engine = '' } = {}) {
  if (before === '' && engine === '') return runCommand(args.split(' ').filter(Boolean), folder)
  const preload = `data:text/javascript;base64,${Buffer.from(before).toString('base64')}`
  const command = [
    '--import',
    preload,
    join(home, 'dist/command-line/cli.js'),
    ...args.split(' ').filter(Boolean),
  ]
  const { status, stdout, stderr } = spawnSync(process.execPath, command, {
    cwd: folder,
    encoding: 'utf8',
    env: { ...env, ANTIGRAD_ENGINE: engine },
  })
  return { status, stdout, stderr }
}

/** Runs `antigrad plot`, and returns the contents of the file. */
function plotted(args: string, more: Parameters<typeof antigrad>[1] = {}): string {
  expect(antigrad(`plot ${args} -o plotted.svg`, more)).toEqual({ status: 0, stdout: '', stderr: '' })
  return readFileSync(join(folder, 'plotted.svg'), 'utf8')
}

interface Element {
  name: string
  attributes: Record<string, string>
  children: Element[]
  text: string
}

/** Parses SVG into a tree. Throws if the SVG is not well-formed. */
function parse(svg: string): Element {
  const stack: Element[] = [{ name: '', attributes: {}, children: [], text: '' }]
  const parser = new SaxesParser()
  parser.on('error', (error) => {
    throw error
  })
  parser.on('opentag', ({ name, attributes }) => {
    const element = { name, attributes, children: [], text: '' }
    stack.at(-1)?.children.push(element)
    stack.push(element)
  })
  parser.on('text', (text) => {
    ;(stack.at(-1) as Element).text += text
  })
  parser.on('closetag', () => stack.pop())
  parser.write(svg).close()
  return stack[0].children[0]
}

/** All descendants of an element that have the attribute with the given value, or with any value by default. */
function all(element: Element, attribute: string, value?: string): Element[] {
  const below = element.children.flatMap((child) => all(child, attribute, value))
  const own = element.attributes[attribute]
  return own !== undefined && (value ?? own) === own ? [element, ...below] : below
}

const one = (element: Element, attribute: string, value: string) => {
  const found = all(element, attribute, value)
  expect(found, `${attribute} ${value}`).toHaveLength(1)
  return found[0]
}

const texts = (element: Element): string[] => [
  ...(element.name === 'text' ? [element.text] : []),
  ...element.children.flatMap(texts),
]

type Point = [x: number, y: number]

/** The points of a path whose `d` contains absolute coordinates. */
function lines({ attributes }: Element): Point[][] {
  const parts = attributes.d.split('M').slice(1)
  return parts.map((part) => {
    const numbers = part.trim().split(' ').map(Number)
    return numbers.flatMap((x, i): Point[] => (i % 2 === 0 ? [[x, numbers[i + 1]]] : []))
  })
}

/** The center of a star. */
function starAt(star: Element): Point {
  const points = lines({ ...star, attributes: { d: star.attributes.d.replace('z', '') } }).flat()
  const mean = (i: 0 | 1) => points.reduce((sum, point) => sum + point[i], 0) / points.length
  return [mean(0), mean(1)]
}

const distance = ([ax, ay]: Point, [bx, by]: Point) => Math.hypot(ax - bx, ay - by)

/** The distance from a point to a polyline. */
function toLine([x, y]: Point, line: Point[]): number {
  const distances = line.slice(1).map(([bx, by], i) => {
    const [ax, ay] = line[i]
    const square = (bx - ax) ** 2 + (by - ay) ** 2
    const t = square === 0 ? 0 : ((x - ax) * (bx - ax) + (y - ay) * (by - ay)) / square
    const share = Math.min(1, Math.max(0, t))
    return distance([x, y], [ax + share * (bx - ax), ay + share * (by - ay)])
  })
  return Math.min(...distances)
}

/** Conversions between points and pixels of the contour's frame. */
function frame(root: Element, [x0, x1, y0, y1]: readonly number[]) {
  const [rect] = one(root, 'id', 'frame').children
  const [left, top, width, height] = ['x', 'y', 'width', 'height'].map((name) =>
    Number(rect.attributes[name]),
  )
  return {
    toPixels: ({ 0: x, 1: y }: ArrayLike<number>): Point => [
      left + (width * (x - x0)) / (x1 - x0),
      top + (height * (y1 - y)) / (y1 - y0),
    ],
    toPoint: ([x, y]: Point): Point => [
      x0 + ((x - left) / width) * (x1 - x0),
      y1 - ((y - top) / height) * (y1 - y0),
    ],
    isInside: ([x, y]: Point, slack = 0) =>
      x >= left - slack && x <= left + width + slack && y >= top - slack && y <= top + height + slack,
  }
}

/** All points of a run, beginning with the start. */
function visited(objective: TestObjective, from: Point, rule: Rule, maxIterations: number): Point[] {
  const points = [from]
  const callback = ([x, y]: ArrayLike<number> & Iterable<number>) => {
    points.push([x, y])
  }
  minimize(objective, from, rule, { maxIterations, callback })
  return points
}

const kebab = (name: string) => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)

describe('the contour plot of antigrad plot', () => {
  test.each([
    ['adam', 'rosenbrock', adam({ lr: 0.1 }), [-0.5, 2], 300],
    ['adagrad', 'himmelblau', adagrad({ lr: 0.5 }), [0.5, -4], 20],
  ] as const)(
    'contains a path of %s on %s through the points that minimize visits',
    (name, f, rule, from, updates) => {
      const objective = objectives[f]()
      const args = `--rule ${name} --function ${f} --start=${from} --max-iterations ${updates}`
      const root = parse(plotted(args))
      const { toPixels } = frame(root, objective.view)
      const path = visited(objective, [...from], rule, updates).map(toPixels)
      const drawn = lines(one(one(root, 'id', 'contour'), 'data-rule', name).children[0])
      // Every corner is a visited point, and every visited point is near the line.
      for (const corner of drawn.flat()) {
        expect(Math.min(...path.map((point) => distance(point, corner)))).toBeLessThan(0.08)
      }
      for (const point of path) {
        expect(Math.min(...drawn.map((line) => toLine(point, line)))).toBeLessThan(0.25)
      }
      // The direction of the path is correct.
      expect(distance(drawn[0][0], path[0])).toBeLessThan(0.08)
    },
  )

  test("has 25 contour levels in geometric progression for Rosenbrock's function", () => {
    const objective = rosenbrock()
    const { levels, view } = landscape(objective)
    expect(levels).toHaveLength(25)
    for (const [i, level] of levels.slice(1).entries())
      expect(level / levels[i]).toBeCloseTo(10 ** (4 / 25), 10)
    const root = parse(plotted('--max-iterations 0'))
    const bands = one(root, 'id', 'levels').children
    expect(bands).toHaveLength(25)
    const colors = bands.map(({ attributes }) => Number.parseInt(attributes.fill.slice(1), 16))
    // Levels become darker with height. The lowest levels are white up to a few steps.
    expect(new Set(colors).size).toBeGreaterThan(20)
    expect([...colors].sort((a, b) => b - a)).toEqual(colors)
    const { toPoint, isInside } = frame(root, view)
    for (const [i, band] of bands.entries()) {
      // Excludes the frame's edge, along which a band continues.
      const points = lines(band)
        .flat()
        .filter((point) => isInside(point, -1))
      expect(points.length).toBeGreaterThan(0)
      // Across the valley, a tenth of a pixel changes F a lot. At typical positions, the change is small.
      const off = points.map((point) => Math.abs(Math.log(objective.value(toPoint(point)) / levels[i])))
      expect(off.sort((a, b) => a - b)[off.length >> 1], `level ${i}`).toBeLessThan(0.1)
    }
  })

  test('has contour levels below and above 0 for a saddle', () => {
    const { levels } = landscape(objectives.saddle())
    expect(levels.length).toBeGreaterThan(20)
    expect(levels).toEqual(levels.map((level) => -level).reverse())
  })
})

describe('the surface plot of antigrad plot', () => {
  test('is a parallel projection that places larger function values higher', () => {
    const land = landscape(objectives.bowl({ condition: 1 }), [0, 0])
    const { place } = surface(land, [0, 0], 100)
    const at = (u: number, v: number) => place([u, v])
    // In a round bowl centered in the view, the four points have equal heights and form a parallelogram.
    const [a, b, c, d] = [at(0.25, 0.25), at(0.75, 0.25), at(0.25, 0.75), at(0.75, 0.75)]
    expect(a.x + d.x).toBeCloseTo(b.x + c.x, 10)
    expect(a.y + d.y).toBeCloseTo(b.y + c.y, 10)
    expect(b.x).toBeGreaterThan(a.x)
    expect(c.y).toBeLessThan(a.y)
    // The middle lies on the floor. The other points are drawn higher in proportion to the height.
    const lift = (u: number, v: number) => at(0.5, 0.5).y - (at(u, v).y + at(1 - u, 1 - v).y) / 2
    const height = (u: number, v: number) => land.height((6 * u - 3) ** 2 / 2 + (4 * v - 2) ** 2 / 2)
    expect(lift(1, 1)).toBeGreaterThan(10)
    expect(lift(0.25, 0.25) / lift(1, 1)).toBeCloseTo(height(0.25, 0.25) / height(1, 1), 10)
    // Rounding may slightly exceed the edge.
    expect(at(-1e-17, -1e-17)).toEqual(at(0, 0))
    expect(lift(0.75, 0.5) / lift(1, 1)).toBeCloseTo(height(0.75, 0.5) / height(1, 1), 10)
  })

  test('has axes along two floor edges and a vertical axis on the left', () => {
    const dome = {
      ...objectives.saddle(),
      view: [-1, 1, -1, 1] as const,
      value: ({ 0: x, 1: y }: ArrayLike<number>) => (1 - x * x) * (1 - y * y),
    }
    const { scenery, place } = surface(landscape(dome, [0, 0]), [0, 0], 100)
    const root = parse(`<svg>${scenery}</svg>`)
    // The corners of the dome lie on the floor.
    const corner = (u: number, v: number): Point => {
      const { x, y } = place([u, v])
      return [x, y]
    }
    const [[[x, y], ...along]] = lines(one(root, 'class', 'axes').children[0])
    expect(along).toHaveLength(3)
    for (const [i, [u, v]] of (
      [
        [0, 0],
        [1, 0],
        [1, 1],
      ] as const
    ).entries()) {
      expect(distance(along[i], corner(u, v))).toBeLessThan(0.1)
    }
    expect([x, along[0][1] - y > 20]).toEqual([along[0][0], true])
    const paths = one(root, 'id', 'cells').children.map(({ attributes }) => attributes.d)
    const sides = paths.flatMap((d) =>
      [...d.matchAll(/l([^z]*)z/g)].map(([, steps]) => (steps.match(/-?[\d.]+/g) ?? []).map(Number)),
    )
    expect(sides.flat()).toHaveLength(6 * 40 * 40)
    expect(Math.max(...sides.flat().map(Math.abs))).toBeLessThan(20)
  })

  test('hides exactly the parts of the surface behind a ridge', () => {
    const ridge = {
      ...objectives.saddle(),
      view: [-1, 1, -1, 1] as const,
      value: ({ 1: y }: ArrayLike<number>) => (Math.abs(y) < 0.1 ? 1e3 : 0),
    }
    const { place, trace } = surface(landscape(ridge, [0, 0]), [0, 0], 100)
    expect(place([0.5, 0.6])).toMatchObject({ isHidden: true })
    expect(place([0.5, 0.97])).toMatchObject({ isHidden: false })
    expect(place([0.5, 0.2])).toMatchObject({ isHidden: false })
    const { seen, hidden } = trace([[0.5, 0.1, 0.5, 0.95]])
    expect([seen.length, hidden.length]).toEqual([2, 1])
  })

  test("contains Adam's path from the ring at the start to the star at the end", () => {
    const root = parse(plotted('--rule adam'))
    const panel = one(root, 'id', 'surface')
    const drawn = lines(one(panel, 'data-rule', 'adam').children[0]).flat()
    const { cx, cy } = one(panel, 'class', 'start').attributes
    const star = starAt(one(panel, 'class', 'minimum'))
    expect(distance(drawn[0], [Number(cx), Number(cy)])).toBeLessThan(0.2)
    expect(distance(drawn.at(-1) as Point, star)).toBeLessThan(0.5)
  })

  test('has one cell for each square of the grid', () => {
    const cells = one(parse(plotted('--max-iterations 0')), 'id', 'cells').children
    const count = cells.reduce((sum, { attributes }) => sum + attributes.d.split('z').length - 1, 0)
    expect(count).toBe(40 * 40)
  })
})

test.each(Object.keys(objectives) as (keyof typeof objectives)[])(
  'the plot of an objective shows its minima: %s',
  (name) => {
    const objective = objectives[name]()
    const svg = plotted(`--function ${kebab(name)} --rule adam momentum --max-iterations 100`)
    expect(svg).not.toMatch(/NaN|Infinity|undefined|null/)
    const root = parse(svg)
    const { toPixels } = frame(root, objective.view)
    const contour = one(root, 'id', 'contour')
    const stars = all(contour, 'class', 'minimum').map(starAt)
    const minima = objective.minima(2).map(toPixels)
    expect(stars).toHaveLength(minima.length)
    for (const [i, star] of stars.entries()) expect(distance(star, minima[i])).toBeLessThan(0.1)
    expect(all(one(root, 'id', 'legend'), 'class', 'minimum')).toHaveLength(minima.length > 0 ? 1 : 0)
    const { cx, cy } = one(contour, 'class', 'start').attributes
    expect(distance([Number(cx), Number(cy)], toPixels(objective.start))).toBeLessThan(0.1)
    const title = kebab(name).replace(/\b[a-z]/g, (letter) => letter.toUpperCase())
    expect(texts(root)[0]).toBe(`${title}, from (${objective.start.join(', ').replaceAll('-', '−')})`)
    // Each axis of each panel has some ticks.
    for (const axes of all(root, 'class', 'axes')) expect(texts(axes).length).toBeGreaterThan(7)
  },
)

describe('a failed run in a plot', () => {
  test('is cut off at the frame, with a note in the legend, if the run diverges', () => {
    const svg = plotted('--rule gradient-descent --lr 1')
    expect(svg).not.toMatch(/NaN|Infinity/)
    const root = parse(svg)
    expect(texts(root)).toContain('diverged after 6')
    const { isInside } = frame(root, rosenbrock().view)
    const drawn = lines(one(one(root, 'id', 'contour'), 'data-rule', 'gradient-descent').children[0]).flat()
    expect(drawn).toHaveLength(2)
    for (const point of drawn) expect(isInside(point, 0.05)).toBe(true)
  })

  test('is reported as out of view if the run leaves the view permanently', () => {
    const all = texts(parse(plotted('--rule adam --function saddle --max-iterations 100')))
    expect(all).toContain('not converged, out of view')
  })

  test('is reported as stalled if the run makes no progress', () => {
    expect(texts(parse(plotted('--rule gradient-descent --lr 0')))).toContain('stalled, F = 12.5')
  })

  test('has a path with gaps at non-finite points', () => {
    const view = [0, 10, 0, 10] as const
    const walk = [1, 1, 2, 2, NaN, 3, 4, 4, 5, 5, Infinity, 5, 6, 6, 6, 1e308, 7, 7, -1e308, 1e308]
    const parts = clip(walk, view)
    // The entry point is lost to rounding, because the starting point is very far away.
    const expected = [
      [1, 1, 2, 2],
      [4, 4, 5, 5],
      [6, 6, 6, 10],
      [7, 7, 7, 7, 4, 10],
    ]
    expect(parts.slice(0, 4)).toEqual(expected)
    for (const x of parts.flat()) expect(x >= 0 && x <= 10, `${x}`).toBe(true)
    expect(clip([NaN, NaN, NaN, NaN], view)).toEqual([])
  })

  test('can be drawn even if the run makes no update or does not move', () => {
    const root = parse(plotted('--rule adam --start 1,1 --max-iterations 5'))
    expect(texts(root)).toContain('converged, F = 0')
    expect(texts(parse(plotted('--rule adam --max-iterations 0')))).toContain('not converged, F = 12.5')
  })
})

describe('the polylines of a plot', () => {
  test('are clipped to a rectangle', () => {
    const view = [0, 10, 0, 10] as const
    expect(clip([-5, 5, 15, 5], view)).toEqual([[0, 5, 10, 5]])
    expect(clip([5, 5, 5, 20, 5, 5], view)).toEqual([
      [5, 5, 5, 10],
      [5, 10, 5, 5],
    ])
    expect(clip([1, 1, 2, 3, 4, 4], view)).toEqual([[1, 1, 2, 3, 4, 4]])
    expect(clip([-5, 8, 4, 17], view)).toEqual([])
    expect(clip([-5, 5, -5, 8], view)).toEqual([])
  })

  test('are simplified with a deviation of at most 0.17 pixels', () => {
    const next = random(7)
    const line: Point[] = Array.from({ length: 3000 }, (_, i) => [
      i / 30 + next() / 5,
      40 * Math.sin(i / 300) + next() / 5,
    ])
    const short = simplify(line.flat(), 1)
    expect(short.length).toBeLessThan(line.length)
    const drawn = lines({ name: '', text: '', children: [], attributes: { d: `M${short.join(' ')}` } })[0]
    for (const point of line) expect(toLine(point, drawn)).toBeLessThan(0.17)
    // In other units, the result is the same.
    const halved = simplify(
      line.flat().map((x) => x / 2),
      2,
    )
    expect(halved.map((x) => 2 * x)).toEqual(short)
  })

  test('are drawn only once if a line runs back and forth', () => {
    const swing = Array.from({ length: 1000 }, (_, i) => [i % 2, 0]).flat()
    expect(withoutRepeats([[...swing, 5, 5]], 1)).toEqual([
      [0, 0, 1, 0],
      [1, 0, 5, 5],
    ])
    expect(pathData([[0.04, 1.26, -0.01, 2]])).toBe('M0 1.3 0 2')
  })
})

test('the command antigrad plot writes the same bytes on every engine', () => {
  const args = '--rule adam rmsprop-momentum --function beale --max-iterations 500'
  const first = plotted(args)
  expect(plotted(args)).toBe(first)
  for (const [engine, { available }] of Object.entries(engines())) {
    if (available) expect(plotted(args, { engine }), engine).toBe(first)
  }
})

test('the legend of a plot has one line per rule, and 22 rules have 22 distinct line styles', () => {
  const picture = new PathPlot('Rosenbrock', rosenbrock(), [-1.5, 2])
  for (const [i, name] of entrantNames.entries()) {
    const path = [-1.5, 2, i / 20, 1]
    picture.add({ name, options: `lr ${i}`, iterations: i, reason: 'converged', value: 1e-9, path })
  }
  const root = parse(picture.toSvg())
  // A description for screen readers.
  expect(root.children[0]).toMatchObject({
    name: 'title',
    text: expect.stringContaining(entrantNames.join(', ')),
  })
  const legend = one(root, 'id', 'legend')
  for (const [i, name] of entrantNames.entries()) {
    for (const text of [name, `lr ${i}`, `${i}`, 'converged, F = 1.0e−9'])
      expect(texts(legend)).toContain(text)
  }
  const styles = all(root, 'data-rule').map(
    ({ attributes }) => `${attributes.stroke} ${attributes['stroke-dasharray']}`,
  )
  expect(styles).toHaveLength(2 * 22)
  expect(new Set(styles).size).toBe(22)
})

test('the command antigrad plot supports options of the function bowl and options of rules', () => {
  const all = texts(
    parse(plotted('--function bowl --condition 7 --rule adam --lr 0.02 --beta1 0.8 --max-iterations 9')),
  )
  expect(all[0]).toContain('Bowl of condition 7')
  expect(all).toContain('lr 0.02, beta1 0.8')
  // The default is six rules.
  const legend = one(parse(plotted('--max-iterations 9')), 'id', 'legend')
  for (const name of ['gradient-descent', 'momentum', 'adagrad', 'rmsprop', 'adam', 'radam']) {
    expect(texts(legend)).toContain(name)
  }
})

test('the view of a plot is enlarged if the starting point is outside the default view', () => {
  const root = parse(plotted('--rule adam --start 8,-20 --max-iterations 9'))
  const contour = one(root, 'id', 'contour')
  const { cx, cy } = one(contour, 'class', 'start').attributes
  expect(frame(root, rosenbrock().view).isInside([Number(cx), Number(cy)], -5)).toBe(true)
})

describe('schedules in antigrad plot', () => {
  /** The coordinates x and y of each line's points, for t from 0 to `updates` − 1. */
  const linesOf = (svg: string) =>
    [...svg.matchAll(/<path data-line="(\d)"[^>]* d="M([^"]+)"/g)]
      .sort(([, a], [, b]) => Number(a) - Number(b))
      .map(([, , d]) => d.split(' ').map(Number))

  test.each([
    ['linear(0,{endValue:1,steps:100})', '{"schedule":"linear","value":0,"endValue":1,"steps":1e2}'],
    [
      "warmup(chained([0.5,oneCycle(1,{steps:90,annealStrategy:'linear'})]),{steps:1_0,})",
      '{"schedule":"warmup","steps":10,"value":{"schedule":"chained","schedules":[0.5,{"schedule":"oneCycle","value":1,"steps":90,"annealStrategy":"linear"}]}}',
    ],
    [
      'cyclic(-1,{maxValue:-1e-3,stepSizeUp:7})',
      '{"schedule":"cyclic","value":-1,"maxValue":-.001,"stepSizeUp":7}',
    ],
  ])('can be given as JSON: %s', (program, json) => {
    const [first, second] = linesOf(plotted(`--schedule ${program} ${json} --updates 120`))
    expect(first.length).toBeGreaterThan(3)
    expect(second).toEqual(first)
  })

  test('are drawn as lines through the values of the schedules', () => {
    const [rise, stairs] = linesOf(
      plotted('--schedule linear(0,{endValue:1,steps:100}) step(1,{stepSize:50,gamma:0.5}) --updates 101'),
    )
    const [left, bottom, right, top] = rise
    expect(rise).toHaveLength(4)
    expect([left, right]).toEqual([74, 800])
    expect(top).toBeLessThan(bottom)
    // The rate is 1 up to t = 49, ½ up to t = 99, and then ¼.
    const x = (t: number) => left + ((right - left) * t) / 100
    const y = (value: number) => bottom + (top - bottom) * value
    const corners = [
      [0, 1],
      [49, 1],
      [50, 0.5],
      [99, 0.5],
      [100, 0.25],
    ].flatMap(([t, v]) => [x(t), y(v)])
    expect(stairs).toHaveLength(corners.length)
    stairs.forEach((at, k) => {
      expect(Math.abs(at - corners[k])).toBeLessThan(0.25)
    })
  })

  test('are drawn over as many updates as the schedules need', () => {
    const last = (args: string) =>
      plotted(`--schedule ${args}`).match(/>([\d,]+)<\/text>(?=<path d="M74 )/)?.[1]
    expect(last('linear(0,{endValue:1,steps:20000})')).toBe('20,000')
    expect(last('noam(1,{modelSize:64})')).toBe('900')
    expect(last('0.5')).toBe('9')
  })

  test('appear in the legend as written by the user, escaped for XML', () => {
    const svg = plotted('--schedule {"schedule":"step","value":1,"stepSize":2} 0.1')
    expect(texts(parse(svg))).toEqual(
      expect.arrayContaining(['{"schedule":"step","value":1,"stepSize":2}', '0.1', 't']),
    )
  })
})

test.each(['--rule adam', '--schedule linear(0,{endValue:1,steps:9})'])(
  'the command antigrad plot -o - writes the image to standard output: %s',
  (args) => {
    expect(antigrad(`plot ${args} -o -`)).toEqual({ status: 0, stdout: plotted(args), stderr: '' })
    expect(existsSync(join(folder, '-'))).toBe(false)
  },
)

describe('the command antigrad race --plot', () => {
  test('draws the completed race, and prints the same results as without a plot', () => {
    const args = '--rule adam gradient-descent --start=-0.5,2 --max-iterations 2000'
    const plain = antigrad(`race --json ${args}`)
    const both = antigrad(`race --json ${args} --plot race.svg`)
    expect({ ...both, stdout: '' }).toEqual({ status: 0, stdout: '', stderr: '' })
    const withoutTimes = (text: string) => text.replace(/"nanosecondsPerUpdate": [\d.]+/g, '')
    expect(withoutTimes(both.stdout)).toBe(withoutTimes(plain.stdout))
    expect(JSON.parse(both.stdout).rules).toHaveLength(2)
    // The image equals the image of `plot`, in the order of the race.
    const race = readFileSync(join(folder, 'race.svg'), 'utf8')
    expect(race).toBe(plotted('--rule gradient-descent adam --start=-0.5,2 --max-iterations 2000'))
  })

  test('draws runs that diverge', () => {
    expect(antigrad('race --rule gradient-descent --lr 1 --plot race.svg').status).toBe(0)
    const race = readFileSync(join(folder, 'race.svg'), 'utf8')
    expect(race).toBe(plotted('--rule gradient-descent --lr 1'))
  })
})

describe('a PNG image of a plot', () => {
  test('has twice the width and height of the SVG image in pixels', () => {
    expect(antigrad('plot --rule adam -o a.PNG')).toEqual({ status: 0, stdout: '', stderr: '' })
    const png = readFileSync(join(folder, 'a.PNG'))
    expect(png.subarray(0, 8).toString('hex')).toBe('89504e470d0a1a0a')
    const { width, height } = parse(plotted('--rule adam')).attributes
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([2 * Number(width), 2 * Number(height)])
    const pixels: Buffer[] = []
    for (let at = 8; at < png.length; at += 12 + png.readUInt32BE(at)) {
      if (png.toString('latin1', at + 4, at + 8) === 'IDAT')
        pixels.push(png.subarray(at + 8, at + 8 + png.readUInt32BE(at)))
    }
    // Rows of a white page would be uniform. Rows with contours, cells and text vary.
    const raw = inflateSync(Buffer.concat(pixels))
    const length = raw.length / (2 * Number(height))
    const rows = Array.from({ length: 2 * Number(height) }, (_, i) =>
      raw.toString('latin1', i * length, (i + 1) * length),
    )
    expect(new Set(rows).size).toBeGreaterThan(500)
  })

  const hook = (code: string) => `
    import { register } from 'node:module'
    const source = ${JSON.stringify(code)}
    register('data:text/javascript,' + encodeURIComponent(source))`

  test('is refused before any run if the rendering library is missing', () => {
    const missing = `export async function resolve(name, context, next) {
      if (name.startsWith('@resvg')) throw new Error('Cannot find it')
      return next(name, context)
    }`
    for (const command of ['plot -o b.png', 'race --plot b.png']) {
      const { status, stdout, stderr } = antigrad(command, { before: hook(missing) })
      expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
      expect(stderr).toMatch(/^antigrad: PNG needs .*npm install @resvg\/resvg-js.*\n$/)
    }
    expect(existsSync(join(folder, 'b.png'))).toBe(false)
    // An SVG image does not need the library.
    plotted('--rule adam --max-iterations 9', { before: hook(missing) })
  })

  test('is refused if no font is available', () => {
    const bare = `export async function resolve(name, context, next) {
      if (!name.startsWith('@resvg')) return next(name, context)
      const url = 'data:text/javascript,export class Resvg { getBBox() {} }'
      return { url, shortCircuit: true }
    }`
    const { status, stderr } = antigrad('plot -o b.png', { before: hook(bare) })
    expect(status).toBe(2)
    expect(stderr).toMatch(/^antigrad: PNG needs a font.*\n$/)
  })
})

describe('an invalid plot command', () => {
  // Every run first compiles the engine's module, or the module that unpacks the engine's module.
  const tell = `
    const { Module } = WebAssembly
    WebAssembly.Module = class extends Module {
      constructor(bytes) {
        super(bytes)
        console.error('compiled')
      }
    }`
  const quietly = (args: string) => antigrad(args, { before: tell, engine: 'wasm' })

  test('is distinguishable from a valid plot command, which starts a run', () => {
    expect(quietly('plot --rule adam -o told.svg')).toEqual({
      status: 0,
      stdout: '',
      stderr: 'compiled\ncompiled\n',
    })
  })

  mkdirSync(join(folder, 'folder.svg'))
  writeFileSync(join(folder, 'file'), '')
  test.each([
    ['plot', "required option '-o, --output <file>'"],
    ['plot -o', 'argument missing'],
    ['plot -o a.gif', 'a name that ends in .svg or .png'],
    ['plot -o svg', 'a name that ends in .svg or .png'],
    ['plot -o nowhere/a.svg', 'The folder nowhere does not exist.'],
    ['plot -o file/a.svg', 'The folder file does not exist.'],
    ['plot -o folder.svg', 'The path is a folder.'],
    ['plot -o a.svg/', 'The path is a folder.'],
    ['plot -o a.svg bogus', 'bogus: ENOENT'],
    ['plot -o a.svg bogus 2', 'too many arguments'],
    ['plot -o a.svg --function sphere', 'styblinski-tang'],
    ['plot -o a.svg --rule bogus', 'nesterov-shifted'],
    ['plot -o a.svg --engine wasm', "unknown option '--engine'"],
    ['plot -o a.svg --start 1', 'two finite numbers'],
    ['plot -o a.svg --start 1e200,0', 'start: expected a point around which the function can be drawn'],
    ['plot -o a.svg --tolerance -1', 'a finite number ≥ 0'],
    ['plot -o a.svg --max-iterations 1e12', 'an integer from 0 to 10000000'],
    ['plot -o a.svg --condition 5', '--function bowl'],
    [
      'plot -o a.svg --function bowl --condition 0.5',
      'bowl: condition: expected a finite number ≥ 1, got 0.5',
    ],
    ['plot -o a.svg --function bowl --condition round', 'bowl: condition: expected a finite number ≥ 1'],
    ['plot -o a.svg --rule adam --lr -1', 'adam: lr: expected a finite number ≥ 0'],
    ['plot -o a.svg --schedule', 'argument missing'],
    ['plot -o a.svg --schedule cosin(1)', 'a number or one of chained, constant, cosine'],
    ['plot -o a.svg --schedule cosine(1', 'schedule: expected “,” at character 9, got "the end"'],
    ['plot -o a.svg --schedule cosine(1,{steps:4})2', 'schedule: expected the end at character 20, got "2"'],
    ['plot -o a.svg --schedule cosine(1,{steps:0})', 'cosine: steps: expected an integer ≥ 1, got 0'],
    ['plot -o a.svg --schedule {"schedule":"zigzag"}', 'an imported schedule'],
    ['plot -o a.svg --schedule constructor(1)', 'a number or one of chained'],
    ['plot -o a.svg --schedule 1.2.3', 'schedule: expected a number at character 1'],
    ['plot -o a.svg --schedule -', 'schedule: expected a number at character 1'],
    [`plot -o a.svg --schedule ${'['.repeat(9999)}`, 'no more than 50 levels'],
    [
      'plot -o a.svg --schedule exponential(1,{gamma:9e9})',
      'at t = 31: expected a finite number, got Infinity',
    ],
    ['plot -o a.svg --schedule 1 --rule adam', "cannot be used with option '--rule <name...>'"],
    ['plot -o a.svg --schedule 1 --lr 1', "cannot be used with option '--lr <value>'"],
    ['plot -o a.svg --schedule 1 --updates 1', 'an integer from 2 to 1000000'],
    ['plot -o a.svg --updates 9', 'no value without --schedule'],
    ['plot -o a.svg --rule adam rmsprop --alpha 0.9', 'adam: options: expected one of lr, '],
  ])('ends with exit status 2 and one line on stderr, and starts no run: antigrad %s', (args, expected) => {
    const before = readdirSync(folder)
    const { status, stdout, stderr } = quietly(args)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(/^antigrad: [^\n]+\n$/)
    expect(stderr).toContain(expected)
    expect(readdirSync(folder)).toEqual(before)
  })

  // A race first determines the available engines, which compiles modules.
  test.each([
    ['race --plot a.gif', 'a name that ends in .svg or .png'],
    ['race --plot nowhere/a.png', 'The folder nowhere does not exist.'],
    ['race --plot a.svg --start 1e200,0', 'start: expected a point around which the function can be drawn'],
    ['race --plot a.svg --rule adam --lr -1', 'adam: lr: expected a finite number ≥ 0'],
  ])('ends with exit status 2 and without a race: antigrad %s', (args, expected) => {
    const { status, stdout, stderr } = antigrad(args)
    expect({ status, stdout }).toEqual({ status: 2, stdout: '' })
    expect(stderr).toMatch(/^antigrad: [^\n]+\n$/)
    expect(stderr).toContain(expected)
    expect(existsSync(join(folder, 'a.svg'))).toBe(false)
  })

  test.skipIf(!existsSync('/dev/full'))(
    'prints the results of a race even if the disk for the image is full',
    () => {
      symlinkSync('/dev/full', join(folder, 'full.svg'))
      const plot = antigrad('plot --rule adam -o full.svg')
      expect({ ...plot, stderr: '' }).toEqual({ status: 2, stdout: '', stderr: '' })
      expect(plot.stderr).toMatch(/^antigrad: full\.svg: ENOSPC.*\n$/)
      const race = antigrad('race --json --rule adam --max-iterations 9 --plot full.svg')
      expect(race.status).toBe(2)
      expect(race.stderr).toBe(plot.stderr)
      expect(JSON.parse(race.stdout).rules).toHaveLength(1)
    },
  )
})

test('the image in the README equals the output of the command that the README states', () => {
  const { scripts } = JSON.parse(readFileSync(join(home, 'package.json'), 'utf8'))
  const [args] = /--.*(?= -o docs)/.exec(scripts['plot:readme']) as RegExpExecArray
  const kept = readFileSync(join(home, 'docs/rosenbrock.svg'), 'utf8')
  expect(kept.length).toBeLessThan(150_000)
  // Compares words and numbers. Positions may differ by a tenth of a pixel if Node computes other sines.
  expect(texts(parse(kept))).toEqual(texts(parse(plotted(args))))
  expect(readFileSync(join(home, 'README.md'), 'utf8')).toContain('(docs/rosenbrock.svg)')
})

test('the command antigrad plot --help prints all options', () => {
  const { status, stdout, stderr } = antigrad('plot --help')
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
  for (const option of [
    '--output <file>',
    '--function <name>',
    '--schedule <text...>',
    '--condition <number>',
    '--weight-decay <value>',
  ]) {
    expect(stdout).toContain(option)
  }
  expect(antigrad('race --help').stdout).toContain('--plot <file>')
})
