/** Writes plots to files: SVG, or PNG with an optional library. */

import { accessSync, constants, type Stats, statSync, writeFileSync } from 'node:fs'
import { dirname, extname } from 'node:path'
import { AntigradError, getMessage } from '../../core/errors.js'

/** PNG pixels per SVG pixel. */
const ZOOM = 2

/** The reason why a plot cannot be written to this file; null without a reason. The check does not open the file. */
export function obstacle(file: string): string | null {
  if (!['.svg', '.png'].includes(extname(file).toLowerCase()))
    return 'Expected a name that ends in .svg or .png.'
  const folder = dirname(file)
  if (!stat(folder)?.isDirectory()) return `The folder ${folder} does not exist.`
  const found = stat(file)
  if (found?.isDirectory() || /[/\\]$/.test(file)) return 'The path is a folder.'
  try {
    accessSync(found ? file : folder, constants.W_OK)
    return null
  } catch (error) {
    return `The file cannot be written: ${getMessage(error)}.`
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
 * Makes a function that writes SVG to this file, converted to PNG if the file's name ends in .png.
 *
 * @throws AntigradError if the PNG library is missing. The returned function throws an AntigradError if the file cannot
 * be written.
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
      `PNG needs the package @resvg/resvg-js: npm install @resvg/resvg-js, or choose .svg (${getMessage(error).split('\n')[0]})`,
    )
  })
  // Without fonts, resvg would silently omit all text.
  const text = '<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"><text y="9">F</text></svg>'
  if (!new Resvg(text).getBBox())
    throw new AntigradError('PNG needs a font, but none is installed: install one, or choose .svg')
  return (svg) => new Resvg(svg, { fitTo: { mode: 'zoom', value: ZOOM } }).render().asPng()
}
