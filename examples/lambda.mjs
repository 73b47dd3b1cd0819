// @ts-check
// A function for AWS Lambda or a similar service. esbuild bundles it into one file, which needs no node_modules.
//   esbuild examples/lambda.mjs --bundle --platform=node --format=esm --outfile=lambda/index.mjs
//   cp node_modules/antigrad-linux-x64-gnu/antigrad.linux-x64-gnu.node lambda/   (without it, WebAssembly is used)
import { AntigradError, engines, expression } from 'antigrad'
import { fit } from 'antigrad/fit'

const decay = expression('a*exp(-b*t) + c')

/** @param {{ body: string }} event { "t": […], "y": […] } */
export async function handler({ body }) {
  try {
    const { t, y } = JSON.parse(body)
    const { values, errors, reason } = fit(decay, { t, y }, { start: { a: 1, b: 1, c: 0 } })
    const native = engines().native.available
    return { statusCode: 200, body: JSON.stringify({ values, errors, reason, native }) }
  } catch (thrown) {
    if (!(thrown instanceof AntigradError || thrown instanceof SyntaxError)) throw thrown
    return { statusCode: 400, body: JSON.stringify({ message: thrown.message }) }
  }
}
