/** Every error that antigrad throws on purpose. A call that throws one has changed nothing. */
export class AntigradError extends Error {
  override name = 'AntigradError'
}

/** An argument that cannot be used: says which, what was expected and what came. */
export class ArgumentError extends AntigradError {
  override name = 'ArgumentError'
  readonly argument: string
  readonly expected: string
  readonly received: string

  constructor(argument: string, expected: string, received: unknown) {
    const shown = describe(received)
    super(`${argument}: expected ${expected}, got ${shown}`)
    this.argument = argument
    this.expected = expected
    this.received = shown
  }
}

/** An option that is unknown, of the wrong type or out of its range. */
export class OptionError extends ArgumentError {
  override name = 'OptionError'
}

/** A tensor or gradient of the wrong name, type, dtype or length, or whose memory is detached. */
export class TensorError extends ArgumentError {
  override name = 'TensorError'
}

/** The engine that was asked for cannot run here; `reasons` says why. */
export class EngineError extends AntigradError {
  override name = 'EngineError'
  readonly engine: string
  readonly reasons: readonly string[]

  constructor(engine: string, reasons: readonly string[]) {
    super(`the engine ${engine} was asked for but cannot run: ${reasons.join('; ')}`)
    this.engine = engine
    this.reasons = reasons
  }
}

/** This runtime cannot hold an arena of that size. */
export class MemoryError extends AntigradError {
  override name = 'MemoryError'
  readonly bytes: number

  constructor(bytes: number, reason: string) {
    super(`no memory for an arena of ${bytes} bytes: ${reason}`)
    this.bytes = bytes
  }
}

/** What came, for people: short, and never the whole of a large value. */
function describe(value: unknown): string {
  if (typeof value === 'string') return value.startsWith('a ') ? value : JSON.stringify(value)
  if (typeof value === 'function') return 'a function'
  if (ArrayBuffer.isView(value)) {
    const { length } = value as { length?: number }
    return `a ${value.constructor.name}${length === undefined ? '' : ` of length ${length}`}`
  }
  if (Array.isArray(value)) return `an array of length ${value.length}`
  if (typeof value === 'object' && value !== null) {
    return `an object with the keys ${Object.keys(value).slice(0, 8).join(', ') || '(none)'}`
  }
  return typeof value === 'bigint' ? `${value}n` : String(value)
}

/** The message of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}
