// @ts-check
// node examples/service.mjs: a service that fits 1,000 dose-response curves per request and stays responsive meanwhile.
// With --port=8080 it keeps running and accepts POST requests with { "dose": [[…], …], "response": [[…], …] }.
import { createServer } from 'node:http'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { parseArgs } from 'node:util'
import { AntigradError } from 'antigrad'
import { fitMany, models } from 'antigrad/fit'

const { values: flags } = parseArgs({ options: { port: { type: 'string' } } })
const LARGEST = 4e6 // maximum number of characters per request
const MOST = 10_000 // maximum number of curves per request; their preparation blocks this thread for about 10 to 50 ms
const LONGEST = 10_000 // maximum milliseconds per request

/** @param {import('node:http').IncomingMessage} request */
async function read(request) {
  let text = ''
  for await (const part of request.setEncoding('utf8')) {
    text += part
    if (text.length > LARGEST) throw new SyntaxError('the request is too long')
  }
  const { dose, response } = JSON.parse(text) ?? {}
  if (dose?.length > MOST) throw new SyntaxError(`expected at most ${MOST} curves, got ${dose.length}`)
  return { dose, response }
}

const server = createServer(async (request, response) => {
  if (request.method !== 'POST') return response.end('well\n')
  // Fits run on other threads in pieces. They are aborted if the client disconnects.
  const stop = new AbortController()
  response.on('close', () => response.writableFinished || stop.abort())
  const late = setTimeout(() => stop.abort(), LONGEST)
  try {
    const { dose, response: y } = await read(request)
    const fits = await fitMany(models.fourPL({ x: 'dose' }), { dose, y }, { signal: stop.signal, threads: 2 })
    const { ec50 } = fits.values
    const answer = Array.from(ec50, (value, k) => ({
      ec50: value,
      error: fits.errors.ec50[k],
      reason: fits.at(k).reason,
    }))
    response.setHeader('Content-Type', 'application/json').end(JSON.stringify(answer))
  } catch (thrown) {
    if (response.destroyed) return
    if (stop.signal.aborted) return response.writeHead(503).end('the request took too long\n')
    const isTheirs = thrown instanceof AntigradError || thrown instanceof SyntaxError
    response.writeHead(isTheirs ? 400 : 500).end(isTheirs ? `${thrown.message}\n` : 'internal error\n')
  } finally {
    clearTimeout(late)
  }
})
await new Promise((resolve) => server.listen(Number(flags.port ?? 0), '127.0.0.1', () => resolve(null)))
const { port } = /** @type {import('node:net').AddressInfo} */ (server.address())
const address = `http://127.0.0.1:${port}`
if (flags.port) console.log(`listening on ${address}`)
else await tryIt().finally(() => server.close())

async function tryIt() {
  const dose = Array.from({ length: 1000 }, () => [0.01, 0.1, 0.3, 1, 3, 10, 100])
  const response = dose.map((row, k) =>
    row.map((x, i) => 100 / (1 + (0.5 + k / 1000) / x) + (((7 * i + k) % 5) - 2)),
  )
  const body = JSON.stringify({ dose, response })
  const delay = monitorEventLoopDelay({ resolution: 1 })
  delay.enable()
  const [fits, other] = await Promise.all([
    fetch(address, { method: 'POST', body }).then((answer) => answer.json()),
    fetch(address).then((answer) => answer.text()),
  ])
  delay.disable()
  const converged = fits.filter((/** @type {any} */ fit) => fit.reason === 'converged').length
  console.log(`${converged} of ${fits.length} fits converged; first EC50: ${fits[0].ec50} ± ${fits[0].error}`)
  console.log(`another request was answered in the meantime: ${other.trim()}`)
  console.log(`longest blocking of this thread: ${(delay.max / 1e6).toFixed(0)} ms`)
  const wrong = await fetch(address, { method: 'POST', body: '{ "dose": [[1]], "response": [["one"]] }' })
  console.log(`${wrong.status}: ${(await wrong.text()).trim()}`)
  const many = JSON.stringify({ dose: Array(MOST + 1).fill([1]), response: Array(MOST + 1).fill([1]) })
  const refused = await fetch(address, { method: 'POST', body: many })
  console.log(`${refused.status}: ${(await refused.text()).trim()}`)
}
