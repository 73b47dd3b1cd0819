/**
 * Named lines of solvers in lanes. A page that runs a method without lanes loads no code of expressions, because the
 * builder of the caller parses the lines.
 */

import type { Builder } from '../../expressions/differentiate.js'
import type { DefineLines, NamedNodes } from '../../expressions/lines.js'

export type { NamedNodes }

/** The name of infinity in lines. */
export const INFINITY = Infinity

/** A builder that can parse lines. */
export interface LaneBuilder extends Builder {
  readonly defineLines: DefineLines
}

/** Defines lines as `defineLines` of `ts/expressions/lines.ts` does. The first builder parses the text. */
export function defineLines(
  text: string,
  constants?: Readonly<Record<string, number>>,
): (b: LaneBuilder, names: NamedNodes) => NamedNodes {
  let write: ReturnType<DefineLines> | undefined
  return (b, names) => {
    write ??= b.defineLines(text, constants)
    return write(b, names)
  }
}
