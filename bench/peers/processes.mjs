// Communication with the processes of the libraries: each request gets one reply.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** Maximum milliseconds per request, such as a check of 10⁷ parameters or one slow step. */
const PATIENCE = 180_000

export class Host {
  #child
  #waiting
  #errors = []

  constructor({ command, args, ipc }) {
    this.#child = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe', ...(ipc ? ['ipc'] : [])] })
    const ended = (why) => {
      this.ended = why
      this.#settle({ error: why })
    }
    this.#child.on('error', ({ message }) => ended(message))
    this.#child.on('exit', (code, signal) =>
      ended(`its process ended (${signal ?? code}): ${this.#errors.slice(-3).join(' / ') || 'silently'}`),
    )
    this.#child.stdin.on('error', () => {}) // The exit event reports the error.
    createInterface({ input: this.#child.stderr }).on('line', (line) => this.#errors.push(line))
    if (ipc) {
      this.#child.stdout.resume()
      this.#child.on('message', (reply) => this.#settle(reply))
      this.send = (message) => this.#child.send(message)
    } else {
      createInterface({ input: this.#child.stdout }).on('line', (line) => this.#settle(JSON.parse(line)))
      this.send = (message) => this.#child.stdin.write(`${JSON.stringify(message)}\n`)
    }
  }

  #settle(reply) {
    const waiting = this.#waiting
    this.#waiting = undefined
    waiting?.(reply)
  }

  /** @throws Error with the message of the library */
  async ask(call, args = {}) {
    if (this.ended) throw new Error(this.ended)
    const reply = await new Promise((resolve) => {
      const timer = setTimeout(() => {
        this.#child.kill('SIGKILL')
        resolve({ error: `no answer within ${PATIENCE / 1000} s` })
      }, PATIENCE)
      this.#waiting = (answer) => {
        clearTimeout(timer)
        resolve(answer)
      }
      this.send({ call, ...args })
    })
    if (reply.error !== undefined) throw new Error(reply.error)
    return reply
  }

  close() {
    if (!this.ended) this.#child.kill()
  }
}
