/** The same landscape as a surface in space, with the same paths on it; it turns by itself or by hand. */

import type { Point } from 'antigrad'
import { ticks } from 'd3-array'
import {
  AmbientLight,
  BufferAttribute,
  BufferGeometry,
  Color,
  DirectionalLight,
  DoubleSide,
  LineBasicMaterial,
  LineSegments,
  Mesh,
  MeshBasicMaterial,
  MeshLambertMaterial,
  PerspectiveCamera,
  Scene,
  SphereGeometry,
  Vector3,
  WebGLRenderer,
} from 'three'
import { Line2 } from 'three/addons/lines/Line2.js'
import { LineGeometry } from 'three/addons/lines/LineGeometry.js'
import { LineMaterial } from 'three/addons/lines/LineMaterial.js'
import { axisMarks, isInside, toFractions } from '../../dist/plots/view.js'
import { formatNumber } from './dom.js'
import { GRID, type HeightField } from './height-field.js'
import type { Race, Racer } from './race.js'
import { getStyle, theme } from './theme.js'

/** Places of the drawn surface in each direction: each second one of the grid, so that steep valleys have no teeth. */
const SIDE = (GRID + 1) / 2
/** Pieces of a path at most; a race that is longer keeps its beginning and moves its head. */
const PIECES = 2000
/** Of the width: what moved less needs no piece of its own. */
const FINEST = 0.005
/** The same where the processor draws, as pieces cost it most. */
const FINEST_SLOW = 0.015
/** Pictures from which it is told how long one takes. */
const MEASURED = 4
/** Milliseconds of a plain picture up to which there are finer ones, of four times the pixels. */
const QUICK = 4
/** Pixels for one of the screen, each way, which make edges smooth. */
const FINER = 2
/** Milliseconds after which the frame that follows a picture is late: one and a half of those that most screens have. */
const LATE = 25
/** Milliseconds between pictures at least, where they are slow. */
const SLOW = 80
const HEIGHT = 0.55
/** The height that the camera looks at. */
const MIDDLE = 0.17
/** Above the surface, so that it does not hide the path. */
const LIFT = 0.012
/** Of F's numbers: at the foot are those of x or y. */
const LOWEST = 0.05
/** Radians a second. */
const PACE = 0.25

type SurfacePoint = readonly [x: number, y: number, z: number]

/** A tick's number beside the surface, and where it belongs. */
interface Tick {
  readonly text: HTMLElement
  readonly place: Vector3
  /** Whether it is along F, whose axis stands at the corner that is farthest to the left. */
  readonly isUpright: boolean
}

/** One racer's line and ball. */
interface Trail {
  readonly line: Line2
  /** The same line where the surface hides it, faintly. */
  readonly hidden: Line2
  readonly ball: Mesh
  readonly ends: Float32Array
  pieces: number
  seen: number
  last: SurfacePoint | null
}

export class SurfacePlot {
  /** Whether the processor seems to draw: then fewer and plainer pictures have to do. */
  #isSlow = true
  #isMeasured = false
  /** Milliseconds that the page waited for a frame after each of the last pictures. */
  #waits: number[] = []
  readonly #canvas: HTMLCanvasElement
  readonly #renderer: WebGLRenderer
  readonly #scene = new Scene()
  readonly #camera = new PerspectiveCamera(36, 1, 0.1, 10)
  readonly #sun = new DirectionalLight('#ffffff', 1.6)
  #ground: Mesh | null = null
  #stars: Mesh[] = []
  #frame: LineSegments | null = null
  #mast: LineSegments | null = null
  #ticks: Tick[] = []
  readonly #seen = new Vector3()
  #terrain: HeightField | null = null
  #race: Race | null = null
  #trails: Trail[] = []
  #azimuth = -0.3
  #elevation = 0.75
  /** Whether something has changed since it was drawn. */
  isStale = true
  readonly #onStale: () => void

  /**
   * @param onStale is told where it is to be drawn though nothing has moved: it was turned by hand, or has another size
   * @throws Error where there is no WebGL
   */
  constructor(canvas: HTMLCanvasElement, onStale: () => void) {
    this.#canvas = canvas
    this.#onStale = onStale
    // Chromium without a graphics card cuts off the wrong end of a canvas that is partly out of sight,
    // unless the buffer is kept.
    const context = canvas.getContext('webgl2', { antialias: false, preserveDrawingBuffer: true })
    if (!context) throw new Error('WebGL 2 is missing')
    this.#renderer = new WebGLRenderer({ canvas, context })
    this.#sun.position.set(-1, 2, 1.2)
    this.#scene.add(this.#sun, new AmbientLight('#ffffff', 1.7))
    new ResizeObserver(() => this.resize()).observe(canvas.parentElement as HTMLElement)
    this.resize()
    this.#listen()
  }

  /** Milliseconds to leave between pictures, so that the rest of the page stays smooth. */
  get rest(): number {
    return this.#isSlow ? Math.max(SLOW, 3 * median(this.#waits)) : 0
  }

  /** Is told the longest time between frames since the last picture. */
  waited(milliseconds: number): void {
    this.#waits = [...this.#waits.slice(-4), milliseconds]
    if (this.#isSlow || this.#waits.length < 5 || median(this.#waits) < LATE) return
    this.#isSlow = true
    this.resize()
  }

  resize(): void {
    const { clientWidth, clientHeight } = this.#canvas.parentElement as HTMLElement
    if (clientWidth === 0) return
    this.#renderer.setPixelRatio(this.#isSlow ? 1 : FINER * Math.min(devicePixelRatio, 2))
    this.#renderer.setSize(clientWidth, clientHeight, false)
    this.#camera.aspect = clientWidth / clientHeight
    this.#camera.updateProjectionMatrix()
    this.isStale = true
    this.#onStale()
  }

  show(terrain: HeightField): void {
    this.#terrain = terrain
    if (this.#ground) this.#drop(this.#ground)
    this.#ground = new Mesh(
      makeGround(terrain),
      new MeshLambertMaterial({ vertexColors: true, side: DoubleSide }),
    )
    for (const star of this.#stars) this.#drop(star)
    this.#stars = terrain.landscape.minima.map((minimum) => {
      const star = new Mesh(new SphereGeometry(0.022, 16, 12), new MeshBasicMaterial({ color: theme().star }))
      star.position.set(...(this.#place(minimum) ?? [0, 0, 0]))
      return star
    })
    this.#scene.add(this.#ground, ...this.#stars)
    this.#showAxes(terrain)
    this.isStale = true
  }

  /** Lines around the foot of the surface and upright, and numbers along three of them, which are texts of the page. */
  #showAxes({ landscape, marks }: HeightField): void {
    for (const lines of [this.#frame, this.#mast]) if (lines) this.#drop(lines)
    for (const { text } of this.#ticks) text.remove()
    const foot = [-0.5, 0.5].flatMap((a) => [-0.5, 0, a, 0.5, 0, a, a, 0, -0.5, a, 0, 0.5])
    const tick = (place: readonly [number, number, number], name: string, isUpright = false) => {
      const text = document.createElement('span')
      text.className = 'tick'
      text.textContent = name
      text.setAttribute('aria-hidden', 'true')
      this.#canvas.parentElement?.append(text)
      return { text, place: new Vector3(...place), isUpright }
    }
    const [xs, ys] = axisMarks(ticks, landscape.view)
    for (const side of [-1, 1]) {
      for (const { at } of xs) foot.push(at - 0.5, 0, 0.5 * side, at - 0.5, 0, 0.53 * side)
      for (const { at } of ys) foot.push(0.5 * side, 0, 0.5 - at, 0.53 * side, 0, 0.5 - at)
    }
    this.#ticks = [
      ...xs.map(({ value, at }) => tick([at - 0.5, 0, 0.58], formatNumber(value))),
      ...ys.map(({ value, at }) => tick([0.58, 0, 0.5 - at], formatNumber(value))),
      ...[tick([0, 0, 0.68], 'x'), tick([0.68, 0, 0], 'y')],
      // From the corner on, to the left.
      ...marks.map(([value, height]) =>
        tick([0.07, Math.max(LOWEST, height * HEIGHT), 0], formatNumber(value, 3), true),
      ),
      tick([0.02, HEIGHT + 0.07, 0], 'F', true),
    ]
    this.#frame = segments(foot)
    this.#mast = segments([
      ...[0, 0, 0, 0, HEIGHT, 0],
      ...marks.flatMap(([, height]) => [0, height * HEIGHT, 0, 0.03, height * HEIGHT, 0]),
    ])
    this.#scene.add(this.#frame, this.#mast)
  }

  /** The numbers follow as it turns, on the sides that are near. */
  #placeTicks(): void {
    const { clientWidth, clientHeight } = this.#canvas
    const { x: eyeX, z: eyeZ } = this.#camera.position
    for (const { text, place, isUpright } of this.#ticks) {
      if (isUpright && this.#mast) this.#seen.copy(place).applyMatrix4(this.#mast.matrixWorld)
      else this.#seen.copy(place)
      // What lies beyond an edge of the foot belongs to that edge.
      if (place.x > 0.5 && eyeX < 0) this.#seen.x = -place.x
      if (place.z > 0.5 && eyeZ < 0) this.#seen.z = -place.z
      const { x, y } = this.#seen.project(this.#camera)
      text.style.transform = `translate(${((x + 1) * clientWidth) / 2}px, ${((1 - y) * clientHeight) / 2}px) translate(-50%, -50%)`
    }
  }

  /** A new race; `anew` where more may be new than its start. */
  begin(race: Race, anew = true): void {
    this.#race = race
    if (!anew) {
      for (const trail of this.#trails) Object.assign(trail, { pieces: 0, seen: 0, last: null })
      this.update()
      return
    }
    for (const { line, hidden, ball } of this.#trails) {
      for (const mesh of [line, hidden, ball]) this.#drop(mesh)
    }
    this.#trails = race.racers.map((_, number) => makeTrail(number))
    this.#scene.add(...this.#trails.flatMap(({ line, hidden, ball }) => [line, hidden, ball]))
    this.update()
  }

  /** Takes over what has been raced since the last call. */
  update(): void {
    for (const [i, racer] of this.#race?.racers.entries() ?? []) this.#extend(this.#trails[i], racer)
    this.isStale = true
  }

  redraw(): void {
    if (this.#terrain) this.show(this.#terrain)
    if (this.#race) this.begin(this.#race)
  }

  /** Draws if anything has changed; `seconds` is how long it turned meanwhile. */
  render(seconds: number): void {
    if (seconds === 0 && !this.isStale) return
    this.isStale = false
    this.#azimuth += seconds * PACE
    const flat = Math.cos(this.#elevation)
    const [x, z] = [Math.sin(this.#azimuth), Math.cos(this.#azimuth)]
    const away = 2.3 / Math.min(1, this.#camera.aspect * 0.74)
    this.#camera.position.set(away * flat * x, away * Math.sin(this.#elevation) + MIDDLE, away * flat * z)
    this.#camera.lookAt(0, MIDDLE, 0)
    // As seen from there, (z, −x) is to the right.
    this.#mast?.position.set(z > 0 ? -0.5 : 0.5, 0, x > 0 ? 0.5 : -0.5)
    this.#mast?.rotation.set(0, this.#azimuth + Math.PI, 0)
    this.#renderer.render(this.#scene, this.#camera)
    this.#placeTicks()
    if (!this.#isMeasured) this.#measure()
  }

  /** Times pictures, as browsers hide the name of what draws; the first one has waited for its compiler. */
  #measure(): void {
    const gl = this.#renderer.getContext()
    const pixel = new Uint8Array(4)
    const finish = () => gl.readPixels(0, 0, 1, 1, gl.RGBA, gl.UNSIGNED_BYTE, pixel)
    finish()
    const start = performance.now()
    for (let i = 0; i < MEASURED; i++) {
      this.#renderer.render(this.#scene, this.#camera)
      finish()
    }
    this.#isMeasured = true
    this.#isSlow = performance.now() - start > MEASURED * QUICK
    this.resize()
  }

  #extend(trail: Trail, racer: Racer): void {
    const before = trail.pieces
    for (; trail.seen <= racer.iterations; trail.seen++) {
      const place = this.#place(racer.pointAt(trail.seen))
      if (!place || !trail.last || trail.pieces === PIECES) {
        // Outside of the view the path is broken off.
        trail.last = place
        continue
      }
      if (distance(place, trail.last) < (this.#isSlow ? FINEST_SLOW : FINEST)) continue
      trail.ends.set([...trail.last, ...place], 6 * trail.pieces++)
      trail.last = place
    }
    const { geometry } = trail.line
    if (trail.pieces > before) {
      const { data } = geometry.getAttribute('instanceStart') as unknown as { data: InterleavedBuffer }
      data.addUpdateRange(6 * before, 6 * (trail.pieces - before))
      data.needsUpdate = true
    }
    ;(geometry as LineGeometry).instanceCount = trail.pieces
    trail.line.visible = trail.pieces > 0
    trail.hidden.visible = trail.pieces > 0 && !this.#isSlow
    const head = this.#place(racer.pointAt(racer.iterations))
    trail.ball.visible = head !== null
    if (head) trail.ball.position.set(...head)
  }

  /** Where a point is on the surface; null outside of the view. */
  #place(point: Point): SurfacePoint | null {
    const { landscape, heightOf } = this.#terrain as HeightField
    if (!isInside(point, landscape.view)) return null
    const [u, v] = toFractions(point, landscape.view)
    const z = heightOf(landscape.objective.value(point))
    return Number.isNaN(z) ? null : [u - 0.5, z * HEIGHT + LIFT, 0.5 - v]
  }

  #drop(mesh: Mesh | LineSegments): void {
    this.#scene.remove(mesh)
    mesh.geometry.dispose()
    for (const material of [mesh.material].flat()) material.dispose()
  }

  #listen(): void {
    const canvas = this.#canvas
    const turn = (dx: number, dy: number) => {
      this.#azimuth -= dx
      this.#elevation = Math.min(1.5, Math.max(0.05, this.#elevation + dy))
      this.isStale = true
      this.#onStale()
    }
    canvas.addEventListener('pointerdown', ({ pointerId }) => canvas.setPointerCapture(pointerId))
    canvas.addEventListener('pointermove', ({ pointerId, movementX, movementY }) => {
      if (canvas.hasPointerCapture(pointerId)) turn(movementX / 150, movementY / 150)
    })
    canvas.addEventListener('keydown', (event) => {
      const by = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, 1], ArrowDown: [0, -1] }[event.key]
      if (!by) return
      event.preventDefault()
      turn(by[0] / 12, by[1] / 12)
    })
  }
}

/** Lines, each from three numbers to three. */
function segments(ends: readonly number[]): LineSegments {
  const geometry = new BufferGeometry()
  geometry.setAttribute('position', new BufferAttribute(Float32Array.from(ends), 3))
  return new LineSegments(geometry, new LineBasicMaterial({ color: theme().muted }))
}

interface InterleavedBuffer {
  needsUpdate: boolean
  addUpdateRange(start: number, count: number): void
}

const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0

const distance = (a: SurfacePoint, b: SurfacePoint) => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2])

function makeTrail(number: number): Trail {
  const { color } = getStyle(number)
  const geometry = new LineGeometry()
  geometry.setPositions(new Float32Array(3 * (PIECES + 1)))
  const { data } = geometry.getAttribute('instanceStart') as unknown as { data: { array: Float32Array } }
  const line = new Line2(geometry, new LineMaterial({ color, linewidth: 2.5 }))
  const faint = new LineMaterial({ color, linewidth: 2.5, transparent: true, opacity: 0.3, depthTest: false })
  const hidden = new Line2(geometry, faint)
  // Their bounds would be those of the pieces that are not there yet.
  line.frustumCulled = hidden.frustumCulled = false
  const ball = new Mesh(new SphereGeometry(0.018, 16, 12), new MeshBasicMaterial({ color }))
  return { line, hidden, ball, ends: data.array, pieces: 0, seen: 0, last: null }
}

function makeGround({ heights }: HeightField): BufferGeometry {
  const { low, high, isDark } = theme()
  const top = new Color(high)
  // Else the lowest places would be of the page's own color.
  const bottom = new Color(low).lerp(top, isDark ? 0.15 : 0.35)
  const positions = new Float32Array(3 * SIDE * SIDE)
  const colors = new Float32Array(3 * SIDE * SIDE)
  const indices: number[] = []
  for (let row = 0; row < SIDE; row++) {
    for (let column = 0; column < SIDE; column++) {
      const [i, j] = [2 * row, 2 * column]
      const z = heights[i * GRID + j]
      const at = row * SIDE + column
      positions.set([j / (GRID - 1) - 0.5, (Number.isNaN(z) ? 0 : z) * HEIGHT, 0.5 - i / (GRID - 1)], 3 * at)
      bottom
        .clone()
        .lerp(top, Number.isNaN(z) ? 0 : z)
        .toArray(colors, 3 * at)
      const isHole = [0, 2, 2 * GRID, 2 * GRID + 2].some((k) => Number.isNaN(heights[i * GRID + j + k]))
      if (row + 1 < SIDE && column + 1 < SIDE && !isHole) {
        indices.push(at, at + 1, at + SIDE, at + 1, at + SIDE + 1, at + SIDE)
      }
    }
  }
  const geometry = new BufferGeometry()
  geometry.setAttribute('position', new BufferAttribute(positions, 3))
  geometry.setAttribute('color', new BufferAttribute(colors, 3))
  geometry.setIndex(indices)
  geometry.computeVertexNormals()
  return geometry
}
