/** The function as a 3D surface with the racers' paths. It rotates automatically or by hand. */

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
import { axisMarks, isInside, toFractions } from '../../dist/page.js'
import { formatNumber } from './dom.js'
import { GRID, type HeightField } from './height-field.js'
import { heightColors } from './map/heights.js'
import type { Race, Racer } from './race.js'
import { getStyle, theme } from './theme.js'

/** Vertices per side of the drawn surface: every second grid point, so that steep valleys do not look jagged. */
const SIDE = (GRID + 1) / 2
/** Maximum number of segments per path. Longer paths keep their beginning, and only their end point moves on. */
const PIECES = 2000
/** Minimum length of a segment, as a fraction of the surface's width. */
const FINEST = 0.005
/** Minimum length of a segment if the processor draws, for which segments are expensive. */
const FINEST_SLOW = 0.015
/** Number of frames whose drawing time is measured. */
const MEASURED = 4
/** Maximum drawing time of a plain frame, in milliseconds, up to which frames get four times the pixels. */
const QUICK = 4
/** Rendered pixels per screen pixel and direction, for smooth edges. */
const FINER = 2
/** Milliseconds after which the frame after a drawing counts as late: one and a half frames of a typical screen. */
const LATE = 25
/** Minimum milliseconds between frames if drawing is slow. */
const SLOW = 80
const HEIGHT = 0.55
/** Fraction of the color ramp at which the lowest value begins. */
const LOWEST_SHADE = 0.2
/** Height of the point that the camera looks at. */
const MIDDLE = 0.17
/** Distance of paths above the surface, so that it does not hide them. */
const LIFT = 0.012
/** Minimum height of the labels of F. The labels of x and y are below it. */
const LOWEST = 0.05
/** Speed of rotation in radians per second. */
const PACE = 0.25

type SurfacePoint = readonly [x: number, y: number, z: number]

/** A tick label next to the surface, and its position in space. */
interface Tick {
  readonly text: HTMLElement
  readonly place: Vector3
  /** Whether the label belongs to the axis of F, which stands at the leftmost corner. */
  readonly isUpright: boolean
}

/** The line and the ball of a racer. */
interface Trail {
  readonly line: Line2
  /** The parts of the line behind the surface, drawn faintly. */
  readonly hidden: Line2
  readonly ball: Mesh
  readonly ends: Float32Array
  pieces: number
  seen: number
  last: SurfacePoint | null
}

export class SurfacePlot {
  /** Whether the processor seems to draw. Frames are then fewer and plainer. */
  #isSlow = true
  #isMeasured = false
  /** Milliseconds that the page waited for a frame after each of the last drawings. */
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
  /** Whether something has changed since the last drawing. */
  isStale = true
  readonly #onStale: () => void

  /**
   * @param onStale called when the surface must be redrawn because the user rotated it or its size changed
   * @throws Error if WebGL 2 is not available
   */
  constructor(canvas: HTMLCanvasElement, onStale: () => void) {
    this.#canvas = canvas
    this.#onStale = onStale
    // Without a graphics card, Chromium clips the wrong end of a partly visible canvas unless the drawing buffer is
    // preserved.
    const context = canvas.getContext('webgl2', { antialias: false, preserveDrawingBuffer: true })
    if (!context) throw new Error('WebGL 2 is missing')
    this.#renderer = new WebGLRenderer({ canvas, context })
    this.#sun.position.set(-1, 2, 1.2)
    this.#scene.add(this.#sun, new AmbientLight('#ffffff', 1.7))
    new ResizeObserver(() => this.resize()).observe(canvas.parentElement as HTMLElement)
    this.resize()
    this.#listen()
  }

  /** Milliseconds to wait between drawings, so that the rest of the page stays smooth. */
  get rest(): number {
    return this.#isSlow ? Math.max(SLOW, 3 * median(this.#waits)) : 0
  }

  /** Records the longest time between frames since the last drawing. */
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

  /** Creates the lines around the base and the vertical axis, and their labels, which are HTML elements. */
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
      // The labels of F stand to the left of the corner.
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

  /** Moves the labels to the near sides when the surface rotates. */
  #placeTicks(): void {
    const { clientWidth, clientHeight } = this.#canvas
    const { x: eyeX, z: eyeZ } = this.#camera.position
    for (const { text, place, isUpright } of this.#ticks) {
      if (isUpright && this.#mast) this.#seen.copy(place).applyMatrix4(this.#mast.matrixWorld)
      else this.#seen.copy(place)
      // A label beyond an edge of the base belongs to that edge.
      if (place.x > 0.5 && eyeX < 0) this.#seen.x = -place.x
      if (place.z > 0.5 && eyeZ < 0) this.#seen.z = -place.z
      const { x, y } = this.#seen.project(this.#camera)
      text.style.transform = `translate(${((x + 1) * clientWidth) / 2}px, ${((1 - y) * clientHeight) / 2}px) translate(-50%, -50%)`
    }
  }

  /** Displays a new race; `isNew` means that more than the start may have changed. */
  begin(race: Race, isNew = true): void {
    this.#race = race
    if (!isNew) {
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

  /** Extends the paths by the updates since the last call. */
  update(): void {
    for (const [i, racer] of this.#race?.racers.entries() ?? []) this.#extend(this.#trails[i], racer)
    this.isStale = true
  }

  redraw(): void {
    if (this.#terrain) this.show(this.#terrain)
    if (this.#race) this.begin(this.#race)
  }

  /** Draws if anything has changed. @param seconds duration of the rotation since the last drawing */
  render(seconds: number): void {
    if (seconds === 0 && !this.isStale) return
    this.isStale = false
    this.#azimuth += seconds * PACE
    const flat = Math.cos(this.#elevation)
    const [x, z] = [Math.sin(this.#azimuth), Math.cos(this.#azimuth)]
    const away = 2.3 / Math.min(1, this.#camera.aspect * 0.74)
    this.#camera.position.set(away * flat * x, away * Math.sin(this.#elevation) + MIDDLE, away * flat * z)
    this.#camera.lookAt(0, MIDDLE, 0)
    // Seen from the camera, (z, −x) points to the right.
    this.#mast?.position.set(z > 0 ? -0.5 : 0.5, 0, x > 0 ? 0.5 : -0.5)
    this.#mast?.rotation.set(0, this.#azimuth + Math.PI, 0)
    this.#renderer.render(this.#scene, this.#camera)
    this.#placeTicks()
    if (!this.#isMeasured) this.#measure()
  }

  /**
   * Measures drawing times, because browsers hide the renderer's name. The first drawing includes shader compilation.
   */
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
        // The path is interrupted outside the view.
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

  /** Position of a point on the surface; null outside the view. */
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

/** Line segments. Each one takes six numbers: the coordinates of its two ends. */
function segments(ends: readonly number[]): LineSegments {
  const geometry = new BufferGeometry()
  geometry.setAttribute('position', new BufferAttribute(Float32Array.from(ends), 3))
  return new LineSegments(geometry, new LineBasicMaterial({ color: theme().muted }))
}

interface InterleavedBuffer {
  needsUpdate: boolean
  addUpdateRange(start: number, count: number): void
}

const median = (values: readonly number[]) => [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0

const distance = (a: SurfacePoint, b: SurfacePoint) => Math.hypot(a[0] - b[0], a[1] - b[1], a[2] - b[2])

function makeTrail(number: number): Trail {
  const { color } = getStyle(number)
  const geometry = new LineGeometry()
  geometry.setPositions(new Float32Array(3 * (PIECES + 1)))
  const { data } = geometry.getAttribute('instanceStart') as unknown as { data: { array: Float32Array } }
  const line = new Line2(geometry, new LineMaterial({ color, linewidth: 2.5 }))
  const faint = new LineMaterial({ color, linewidth: 2.5, transparent: true, opacity: 0.3, depthTest: false })
  const hidden = new Line2(geometry, faint)
  // Culling is off, because the bounds do not cover segments that are added later.
  line.frustumCulled = hidden.frustumCulled = false
  const ball = new Mesh(new SphereGeometry(0.018, 16, 12), new MeshBasicMaterial({ color }))
  return { line, hidden, ball, ends: data.array, pieces: 0, seen: 0, last: null }
}

function makeGround({ heights }: HeightField): BufferGeometry {
  // The lowest colors are skipped, because they are close to the color of the page.
  const ramp = heightColors(theme()).map((color) => new Color(color))
  const shade = (z: number) => ramp[Math.round((LOWEST_SHADE + (1 - LOWEST_SHADE) * z) * (ramp.length - 1))]
  const positions = new Float32Array(3 * SIDE * SIDE)
  const colors = new Float32Array(3 * SIDE * SIDE)
  const indices: number[] = []
  for (let row = 0; row < SIDE; row++) {
    for (let column = 0; column < SIDE; column++) {
      const [i, j] = [2 * row, 2 * column]
      const z = heights[i * GRID + j]
      const at = row * SIDE + column
      positions.set([j / (GRID - 1) - 0.5, (Number.isNaN(z) ? 0 : z) * HEIGHT, 0.5 - i / (GRID - 1)], 3 * at)
      shade(Number.isNaN(z) ? 0 : z).toArray(colors, 3 * at)
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
