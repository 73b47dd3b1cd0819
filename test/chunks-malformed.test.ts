/** Runs of chunks with untrusted servers, results and addresses, and runs that are killed. */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  chunkName,
  DataError,
  folderStore,
  type Plan,
  planFits,
  planSweep,
  runChunk,
  runChunks,
  status,
} from 'antigrad/chunks'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { failureName, seal } from '../dist/chunks/stores/store.js'
import { home } from './children.js'

const cli = join(home, 'dist/command-line/cli.js')

let folder: string
let plan: Plan
const at = (name: string) => join(folder, name)
const table = `well,t,y\n${['A', 'B', 'C'].flatMap((well, k) => [0, 1, 2, 3, 4].map((t) => `${well},${t},${(2 + k) * 0.5 ** t + 1}\n`)).join('')}`
const asked = { model: 'a*exp(-b*t) + c', x: { t: 't' }, start: { a: 1, b: 1, c: 0 } }

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'antigrad-hostile-'))
  writeFileSync(at('wells.csv'), table)
  plan = (await planFits(at('wells.csv'), asked, { group: 'well', chunkSize: 1 })).plan
  writeFileSync(at('plan.json'), JSON.stringify(plan))
})
afterAll(() => rmSync(folder, { recursive: true }))

const run = (...args: string[]) =>
  spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8', cwd: folder, timeout: 100_000 })

/** Runs `work` while a local server responds by the listener. */
async function served<T>(listener: RequestListener, work: (address: string) => Promise<T>): Promise<T> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  try {
    return await work(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

/** The output of a process after the process and its child processes have ended. */
function started(
  args: readonly string[],
  env: Record<string, string> = {},
): { readonly child: ChildProcess; readonly ended: Promise<string> } {
  const child = spawn(process.execPath, [cli, ...args], { cwd: folder, env: { ...process.env, ...env } })
  let said = ''
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (text) => {
      said += text
    })
  return { child, ended: new Promise((resolve) => child.on('close', () => resolve(said))) }
}

describe('a data server', () => {
  /** Responds to range requests, and then sends data without end. */
  const endless = (bytes: Buffer, sent: { bytes: number; isCanceled: boolean }): RequestListener => {
    return ({ headers: { range = '' } }, response) => {
      const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range) ?? []
      if (from !== undefined) {
        response.statusCode = 206
        response.setHeader('content-range', `bytes ${from}-${to}/${bytes.length}`)
      }
      const part = Buffer.alloc(1 << 16, 'x')
      response.on('close', () => {
        sent.isCanceled = true
      })
      const send = () => {
        // More bytes than a socket buffers, and fewer than would make the test slow.
        while (!response.destroyed && sent.bytes < 1 << 28) {
          sent.bytes += part.length
          if (!response.write(part)) return response.once('drain', send)
        }
        response.end()
      }
      if (from === '0' && to === '0') response.end(bytes.subarray(0, 1))
      else send()
    }
  }

  test('causes an error if its response never ends', async () => {
    for (const work of [
      (data: string) => runChunk(plan, 0, { store: at('unbounded'), data }),
      (data: string) => planFits(data, asked, { group: 'well' }),
    ]) {
      const sent = { bytes: 0, isCanceled: false }
      const thrown = await served(endless(Buffer.from(table), sent), (address) =>
        work(`${address}/wells.csv?key=secret`).then(
          () => null,
          (thrown) => thrown,
        ),
      )
      expect(thrown).toBeInstanceOf(DataError)
      expect(thrown.message).toMatch(/^http:\/\/127.0.0.1:\d+\/wells.csv: expected \d+ bytes, got more$/)
      expect(sent).toMatchObject({ isCanceled: true })
      expect(sent.bytes).toBeLessThan(1 << 27)
    }
  })

  test('is named in the error message if the server sends fewer bytes than announced', async () => {
    const listener: RequestListener = ({ headers: { range = '' } }, response) => {
      const [, from, to] = /^bytes=(\d+)-(\d+)$/.exec(range) as RegExpExecArray
      response.statusCode = 206
      response.setHeader('content-range', `bytes ${from}-${to}/${table.length}`)
      response.end(table.slice(Number(from), Number(to)))
    }
    const chunk = served(listener, (data) => runChunk(plan, 0, { store: at('short'), data }))
    await expect(chunk).rejects.toThrow(/: expected 9 bytes, got 8$/)
  })
})

describe('URLs of data and queues', () => {
  test.each([
    ['http://', 'http://…: expected a URL such as https://host/file'],
    ['https://me:secret@', 'https://…: expected a URL such as https://host/file'],
    [
      'http://me:secret@127.0.0.1:1/x?key=secret',
      'http://127.0.0.1:1/x: expected a URL without a user name and a password',
    ],
  ])('are refused if invalid, and the error shows no secrets: %s', (address, message) => {
    const refused = { status: 2, stdout: '', stderr: `antigrad: ${message}\n` }
    expect(run('run', 'plan.json', '--store', 's', '--data', address)).toMatchObject(refused)
    const fit = ['fit', address, '--model', 'a*t', '--x', 't', '--start', 'a=1']
    expect(run(...fit)).toMatchObject(refused)
  })

  test('appear in messages only if the URLs are part of the plan', async () => {
    const { plan } = await planSweep({ options: { lr: [0.1] } }, { chunkSize: 1 })
    writeFileSync(at('sweep.json'), JSON.stringify(plan))
    const { status, stderr } = run('run', 'sweep.json', '--store', 's', '--data', 'https://h/x?key=secret')
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr: 'antigrad: --data: expected no value (the plan has no data), got "https://h/x"\n',
    })
  })

  test('are shown without secrets if the queue address cannot be parsed', () => {
    const { status, stderr } = run(
      'run',
      'plan.json',
      '--store',
      's',
      '--queue',
      'redis://:sec@ret@host:port',
    )
    expect({ status, stderr }).toEqual({
      status: 2,
      stderr:
        'antigrad: --queue: expected redis://host:6379, rediss://host:6379 or the path of a socket, got "redis://…"\n',
    })
  })

  test('appear without secrets in the resume command that Ctrl-C prints', async () => {
    // The server reports the size, and then sends nothing.
    let isAsked = () => {}
    const asked = new Promise<void>((resolve) => {
      isAsked = resolve
    })
    const listener: RequestListener = ({ headers: { range } }, response) => {
      if (range !== 'bytes=0-0') return isAsked()
      response.statusCode = 206
      response.setHeader('content-range', `bytes 0-0/${table.length}`)
      response.end('w')
    }
    const said = await served(listener, async (address) => {
      const args = ['run', 'plan.json', '--store', 'stopped', '--workers', '1']
      const { child, ended } = started([...args, `--data=${address}/a/b?X-Amz-Signature=secret`])
      await asked
      child.kill('SIGINT')
      return (await ended).replaceAll(address, 'http://host')
    })
    expect(said).toBe(
      'antigrad: stopped after 0 of 3 chunks; resume with: antigrad run plan.json --store stopped --workers 1 ' +
        '--data=http://host/a/b (without the credentials of its URLs)\n',
    )
  })
})

describe('control characters', () => {
  const steering = '\u001b[2J\u001b]0;owned\u0007\u009b31m\r'

  test('in forged results and failures never reach the terminal', async () => {
    const store = at('forged')
    const folderOf = folderStore(store)
    await runChunks(plan, { store, shard: { index: 0, count: 2 } })
    const producedBy = {
      host: `node${steering}`,
      engine: steering,
      instructionSet: steering,
      version: steering,
    }
    const bytes = Buffer.from(`{"group":"${steering}"}\n`)
    await folderOf.put(`${chunkName(plan, 0)}.conflict-0`, seal(chunkName(plan, 0), { bytes, producedBy }))
    await folderOf.put(
      failureName(chunkName(plan, 1)),
      Buffer.from(JSON.stringify({ message: `why${steering}` })),
    )
    const controls = /[^\P{Cc}\n]/u
    for (const command of ['status', 'merge', 'run']) {
      const { stdout, stderr } = run(command, 'plan.json', '--store', store)
      expect(stdout + stderr).toMatch(/node�|failed/)
      expect(stdout + stderr).not.toMatch(controls)
    }
    const { conflicts, failed } = await status(plan, { store })
    expect(JSON.stringify([conflicts[0].producedBy, failed])).not.toMatch(controls)
  })

  test.skipIf(spawnSync('script', ['--version']).status !== 0)(
    'in a forged result appear as � if the merged result is printed on a terminal',
    async () => {
      const store = at('merged')
      const producedBy = { host: 'node', engine: 'native', instructionSet: '', version: '0.1.0' }
      const bytes = Buffer.from(`{"group":"${steering}"}\n`)
      for (const index of plan.chunks.keys())
        await folderStore(store).put(
          chunkName(plan, index),
          seal(chunkName(plan, index), { bytes, producedBy }),
        )
      const merge = `'${process.execPath}' '${cli}' merge plan.json --store merged`
      const { stdout } = spawnSync('script', ['-qec', merge, '/dev/null'], { encoding: 'utf8', cwd: folder })
      expect(stdout.replaceAll('\r\n', '\n')).toBe('{"group":"�[2J�]0;owned��31m�"}\n'.repeat(3))
      // The file receives the original bytes.
      run('merge', 'plan.json', '--store', store, '-o', 'merged.ndjson')
      expect(readFileSync(at('merged.ndjson'), 'utf8')).toBe(bytes.toString().repeat(3))
    },
  )
})

describe('a killed run', () => {
  test('leaves only child processes that end without output', async () => {
    // The run is killed when a child process responds.
    writeFileSync(
      at('killing.mjs'),
      `const { send, ppid } = process
      if (send) process.send = (...args) => {
        process.kill(ppid, 'SIGKILL')
        const end = Date.now() + 300
        while (Date.now() < end);
        return send.apply(process, args)
      }`,
    )
    const args = ['run', 'plan.json', '--store', 'killed', '--workers', '1']
    const { child, ended } = started(args, { NODE_OPTIONS: `--import ${at('killing.mjs')}` })
    expect(await ended).toBe('')
    expect(child.signalCode).toBe('SIGKILL')
  })
})
