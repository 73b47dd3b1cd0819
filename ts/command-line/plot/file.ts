/** Pictures as files: SVG, or PNG by a library that is installed if it is wanted. */

import { accessSync, constants, type Stats, statSync, writeFileSync } from 'node:fs'
import { dirname, extname } from 'node:path'
import { AntigradError, getMessage } from '../../core/errors.js'

/** Pixels of a PNG to one of the SVG's. */
const ZOOM = 2

/** What keeps a picture from being written to this file, or null: nothing is opened to find out. */
export function obstacle(file: string): string | null {
  if (!['.svg', '.png'].includes(extname(file).toLowerCase()))
    return 'Expected a name that ends in .svg or .png.'
  const folder = dirname(file)
  if (!stat(folder)?.isDirectory()) return `There is no folder ${folder}.`
  const found = stat(file)
  if (found?.isDirectory() || /[/\\]$/.test(file)) return 'It is a folder.'
  try {
    accessSync(found ? file : folder, constants.W_OK)
    return null
  } catch (error) {
    return `It cannot be written: ${getMessage(error)}.`
  }
}

function stat(path: string): Stats | undefined {
  try {
    return statSync(path)
  } catch {
    return undefined
  }
}

/**
 * What writes SVG to this file, in the format that its name asks for.
 *
 * @throws AntigradError where that is PNG and the library is missing; when called, where the file
 * cannot be written
 */
export async function writer(file: string): Promise<(svg: string) => void> {
  const convert = extname(file).toLowerCase() === '.png' ? await rasterizer() : (svg: string) => svg
  return (svg) => {
    const bytes = convert(svg)
    try {
      writeFileSync(file, bytes)
    } catch (error) {
      throw new AntigradError(`${file}: ${getMessage(error)}`)
    }
  }
}

async function rasterizer(): Promise<(svg: string) => Buffer> {
  const { Resvg } = await import('@resvg/resvg-js').catch((error) => {
    throw new AntigradError(
      `PNG needs the package @resvg/resvg-js: npm install @resvg/resvg-js, or ask for SVG (${getMessage(error).split('\n')[0]})`,
    )
  })
  // Without fonts text would be left out in silence.
  const text = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text y="9">F</text></svg>'
  if (!new Resvg(text).getBBox())
    throw new AntigradError('PNG needs a font, and none is installed: ask for SVG')
  return (svg) => new Resvg(svg, { fitTo: { mode: 'zoom', value: ZOOM } }).render().asPng()
}
