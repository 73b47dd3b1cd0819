// Hovers as editors show them, from TypeScript's language server.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/**
 * @param home folder with node_modules
 * @param file path of the program, which need not exist
 * @param text text of the program
 * @param positions offsets in the text
 * @returns the text of the hover at each position, as Markdown; an empty string if there is no hover
 */
export async function hoversIn(home, file, text, positions) {
  const server = spawn(
    process.execPath,
    [join(home, 'node_modules/typescript/bin/tsc'), '--lsp', '--stdio'],
    { stdio: ['pipe', 'pipe', 'ignore'] },
  )
  try {
    const request = client(server)
    const uri = pathToFileURL(file).href
    const folder = pathToFileURL(home).href
    await request('initialize', {
      processId: process.pid,
      rootUri: folder,
      workspaceFolders: [{ uri: folder, name: 'home' }],
      capabilities: { textDocument: { hover: { contentFormat: ['markdown'] } } },
    })
    request.notify('initialized', {})
    request.notify('textDocument/didOpen', {
      textDocument: { uri, languageId: 'typescript', version: 1, text },
    })
    const found = []
    for (const offset of positions) {
      const lines = text.slice(0, offset).split('\n')
      const position = { line: lines.length - 1, character: lines.at(-1).length }
      const hover = await request('textDocument/hover', { textDocument: { uri }, position })
      found.push(hover?.contents?.value ?? '')
    }
    return found
  } finally {
    server.kill()
  }
}

/** Sends requests, and answers the requests of the server. */
function client(server) {
  const waiting = new Map()
  let count = 0
  let buffer = Buffer.alloc(0)
  const send = (message) => {
    const body = JSON.stringify({ jsonrpc: '2.0', ...message })
    server.stdin.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`)
  }
  server.stdout.on('data', (data) => {
    buffer = Buffer.concat([buffer, data])
    for (;;) {
      const end = buffer.indexOf('\r\n\r\n')
      if (end < 0) return
      const length = Number(/Content-Length: (\d+)/.exec(buffer.subarray(0, end).toString())[1])
      if (buffer.length < end + 4 + length) return
      const message = JSON.parse(buffer.subarray(end + 4, end + 4 + length).toString())
      buffer = buffer.subarray(end + 4 + length)
      if (message.method !== undefined) {
        if (message.id !== undefined) send({ id: message.id, result: null })
        continue
      }
      const { resolve, reject } = waiting.get(message.id)
      if (message.error === undefined) resolve(message.result)
      else reject(new Error(message.error.message))
    }
  })
  server.on('exit', () => {
    for (const { reject } of waiting.values()) reject(new Error('the language server ended'))
  })
  const request = (method, params) =>
    new Promise((resolve, reject) => {
      waiting.set(++count, { resolve, reject })
      send({ id: count, method, params })
    })
  request.notify = (method, params) => send({ method, params })
  return request
}
