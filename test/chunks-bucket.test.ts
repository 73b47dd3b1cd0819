/**
 * Stores in buckets: a local moto server behind a proxy. The proxy makes writes collide, loses responses, and lets
 * servers fail.
 */

import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer, request, type Server } from 'node:http'
import { type AddressInfo, createServer as createSocket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateBucketCommand, PutObjectCommand, S3Client } from '@aws-sdk/client-s3'
import { runQueued } from 'antigrad/bullmq'
import { bucketStore, merge, type Plan, planSweep, runChunks, StoreError, status } from 'antigrad/chunks'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { discard, storeResult, unseal } from '../dist/chunks/stores/store.js'
import { home } from './children.js'

const isThere = spawnSync('moto_server', ['--help']).status === 0
if (!isThere)
  console.warn("antigrad: no moto_server here (pip install 'moto[server]'): stores in buckets are not tried")

const hasRedis = spawnSync('redis-server', ['--version']).status === 0

const cli = join(home, 'dist/command-line/cli.js')
const secrets = { AWS_ACCESS_KEY_ID: 'AKIDforTests', AWS_SECRET_ACCESS_KEY: 'verySecretOfTests' }

/**
 * The proxy's behavior for the next requests: no change, an error status, or a lost response before or after moto has
 * acted.
 */
type Fault = 'none' | 'unconditional' | 'lost' | 'unheard' | number
const faults: Fault[] = []
/** The behavior for all other requests. */
let always: Fault = 'none'
/** The maximum number of names per page of a bucket's listing. */
let page = 1000

function proxyTo(port: number): Server {
  return createServer((asked, answer) => {
    const chunks: Buffer[] = []
    asked.on('data', (chunk) => chunks.push(chunk))
    asked.on('end', () => {
      const fault = (asked.method === 'PUT' ? faults.shift() : undefined) ?? always
      if (fault === 'unheard') return answer.destroy()
      if (typeof fault === 'number') {
        answer.writeHead(fault, { 'content-type': 'application/xml' })
        return answer.end(
          `<Error><Code>Test${fault}</Code><Message>${asked.headers.authorization}</Message></Error>`,
        )
      }
      const headers = { ...asked.headers }
      if (fault === 'unconditional') delete headers['if-none-match']
      const path = asked.url?.replace('list-type=2', `list-type=2&max-keys=${page}`)
      const passed = request({ port, host: '127.0.0.1', path, method: asked.method, headers }, (said) => {
        if (fault === 'lost') {
          said.resume()
          answer.destroy()
        } else {
          answer.writeHead(said.statusCode as number, said.headers)
          said.pipe(answer)
        }
      })
      passed.end(Buffer.concat(chunks))
    })
  })
}

const listening = (server: { listen(port: number, host: string, then: () => void): unknown }) =>
  new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
const portOf = (server: { address(): unknown }) => (server.address() as AddressInfo).port

let moto: ChildProcess
let proxy: Server
let folder: string
let plan: Plan
let direct: string
let address: string
let places = 0
const newStore = () => `s3://results/some/where-${places++}`
const before = { ...process.env }

beforeAll(async () => {
  if (!isThere) return
  folder = mkdtempSync(join(tmpdir(), 'antigrad-bucket-'))
  const free = createSocket()
  await listening(free)
  const port = portOf(free)
  await new Promise((resolve) => free.close(resolve))
  moto = spawn('moto_server', ['-H', '127.0.0.1', '-p', `${port}`], { stdio: 'ignore' })
  proxy = proxyTo(port)
  await listening(proxy)
  address = `http://127.0.0.1:${portOf(proxy)}`
  Object.assign(process.env, { ...secrets, AWS_ENDPOINT_URL: address })
  for (let turn = 0; ; turn++) {
    if (await fetch(`http://127.0.0.1:${port}`).catch(() => null)) break
    if (turn > 300) throw new Error('moto does not come')
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
  await client().send(new CreateBucketCommand({ Bucket: 'results' }))
  const sweep = ['sweep', '--lr', '1e-3..0.1:log:8', '--starts', '64', '--max-iterations', '200']
  direct = run(...sweep, '--json').stdout
  run(...sweep, '--plan', 'plan.json', '--chunk-size', '1')
  plan = JSON.parse(readFileSync(join(folder, 'plan.json'), 'utf8'))
})
afterEach(() => {
  faults.length = 0
  always = 'none'
  page = 1000
})
afterAll(async () => {
  if (!isThere) return
  process.env = before
  proxy.close()
  proxy.closeAllConnections()
  moto.kill()
  rmSync(folder, { recursive: true })
})

const client = () => new S3Client({ endpoint: address, region: 'us-east-1', forcePathStyle: true })
const run = (...args: string[]) =>
  spawnSync(process.execPath, [cli, ...args], { encoding: 'utf8', cwd: folder, maxBuffer: 1 << 26 })

/** Runs the command line while the proxy in the current process responds. */
function begin(...args: string[]): Promise<{ status: number | null; printed: string; said: string }> {
  const child = spawn(process.execPath, [cli, ...args], { cwd: folder })
  let said = ''
  let printed = ''
  child.stdout.on('data', (text) => {
    printed += text
  })
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (text) => (said += text))
  return new Promise((resolve) => child.once('close', (status) => resolve({ status, said, printed })))
}

async function merged(store: string): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const part of merge(plan, { store })) parts.push(part)
  return Buffer.concat(parts).toString()
}

const producedBy = { host: 'h', engine: 'wasm', instructionSet: 'simd128', version: '0.1.0' }
const result = { bytes: Buffer.from('{"a":1}\n'), producedBy }
const name = 'a'.repeat(64)

describe.skipIf(!isThere)('a store of results in an object-storage bucket', () => {
  test('receives the same bytes from two concurrent runs as from one process', async () => {
    const store = newStore()
    const runs = [1, 2].map(() => begin('run', 'plan.json', '--store', store, '--workers', '1', '--json'))
    const said = await Promise.all(runs)
    expect(said.map(({ status }) => status)).toEqual([0, 0])
    const looked = await begin('status', 'plan.json', '--store', store)
    expect(looked).toMatchObject({ status: 0, printed: '8 of 8 chunks are done\n' })
    expect(await begin('merge', 'plan.json', '--store', store)).toMatchObject({ status: 0, printed: direct })
    const names = [...(await bucketStore(store).names()).keys()]
    expect(names).toHaveLength(8)
    const objects = await Promise.all(names.map((name) => bucketStore(store).read(name)))
    const all = [
      ...said.map(({ said }) => said),
      JSON.stringify(plan),
      ...objects.map((one) => `${Buffer.from(one ?? [])}`),
    ]
    for (const secret of Object.values(secrets)) expect(all.join('')).not.toContain(secret)
  })

  test('lets a second run continue the work of a stopped run', async () => {
    const store = newStore()
    await runChunks(plan, { store, shard: { index: 1, count: 3 } })
    expect((await status(plan, { store })).missing).toEqual([0, 2, 3, 5, 6])
    await expect(merged(store)).rejects.toThrow(/5 of 8 results are missing: 0,2-3,5-6/)
    expect(await runChunks(plan, { store })).toHaveLength(5)
    expect(await merged(store)).toBe(direct)
  })

  test('keeps both of two conflicting results, and sets aside corrupted results', async () => {
    const store = bucketStore(newStore())
    await store.check()
    expect([...(await store.names()).keys()]).toEqual([])
    expect(await store.read(name)).toBeUndefined()
    expect(await storeResult(store, name, result)).toBe('stored')
    expect(await storeResult(store, name, { ...result, producedBy: { ...producedBy, host: 'other' } })).toBe(
      'duplicate',
    )
    expect(await storeResult(store, name, { ...result, bytes: Buffer.from('{"a":2}\n') })).toBe('conflict')
    const there = (await store.read(name)) as Uint8Array
    expect(unseal(name, there)).toMatchObject({ producedBy })
    const kinds = async () =>
      [...(await store.names()).keys()].map((name) => name.slice(64).replace(/-.*/, '-')).sort()
    expect(await kinds()).toEqual(['', '.conflict-'])
    await discard(store, name, there)
    expect(await kinds()).toEqual(['.conflict-', '.corrupted-'])
    await discard(store, name, there)
    await client().send(
      new PutObjectCommand({ Bucket: 'results', Key: keyOf(store.location), Body: '{"a":' }),
    )
    expect(await storeResult(store, name, result)).toBe('stored')
    expect(unseal(name, (await store.read(name)) as Uint8Array)).toMatchObject({ producedBy })
    expect([...(await store.names()).values()].every((time) => Math.abs(time - Date.now()) < 60_000)).toBe(
      true,
    )
  })

  test("can contain more objects than one page of the bucket's listing", async () => {
    const store = bucketStore(newStore())
    const names = Array.from({ length: 7 }, (_, k) => `n${k}`)
    for (const name of names) await store.put(name, new Uint8Array(1))
    page = 3
    expect([...(await store.names()).keys()]).toEqual(names)
  })

  test.each<[string, Fault[]]>([
    ['another request is in progress', [409, 409]],
    ['the server fails', [500, 503]],
    ['a response is lost', ['lost']],
    ['no server responds', ['unheard']],
  ])('repeats a request if %s', async (_, given) => {
    const store = bucketStore(newStore())
    faults.push(...given)
    expect(['stored', 'duplicate']).toContain(await storeResult(store, name, result))
    expect(faults).toEqual([])
    expect(unseal(name, (await store.read(name)) as Uint8Array)).toMatchObject({ producedBy })
    expect((await store.names()).size).toBe(1)
  })

  test('appears in error messages without its credentials', async () => {
    const store = bucketStore(newStore())
    const refused = async (what: Promise<unknown>) => {
      const thrown = await what.then(
        () => null,
        (thrown) => thrown,
      )
      expect(thrown).toBeInstanceOf(StoreError)
      for (const secret of Object.values(secrets)) expect(thrown.message).not.toContain(secret)
      return thrown.message
    }
    always = 403
    expect(await refused(store.check())).toMatch(/^s3:\/\/results\/some\/where-\d+\/: \w+ \(status 403\)$/)
    expect(await refused(store.read(name))).toMatch(/\(status 403\)$/)
    expect(await refused(store.names())).toMatch(/\(status 403\)$/)
    always = 500
    expect(await refused(storeResult(store, name, result))).toMatch(/\(status 500\)$/)
    always = 'unconditional'
    expect(await refused(store.check())).toMatch(
      /: the service overwrites existing objects \(it does not support If-None-Match\)$/,
    )
    always = 'none'
    expect(await refused(bucketStore('s3://nobodys-bucket').check())).toMatch(/NoSuchBucket \(status 404\)$/)
    expect([...(await store.names()).keys()]).toEqual([])
    always = 'unheard'
    const told = await begin('run', 'plan.json', '--store', newStore())
    expect(told.status).toBe(2)
    expect(told.said).toMatch(/s3:\/\/results\/some\/where-\d+\/: /)
  })

  test('can be used by queue workers', async () => {
    const url = 'redis://127.0.0.1:1'
    await expect(runQueued(plan, { store: newStore(), url })).rejects.toThrow(/no Redis server answers/)
  })

  test.skipIf(!hasRedis)(
    'contains the results that queue workers compute',
    async () => {
      const url = join(folder, 'redis.sock')
      const settings = ['--port', '0', '--unixsocket', url, '--dir', folder, '--save', '']
      const redis = spawn('redis-server', settings, { stdio: 'ignore' })
      try {
        while (spawnSync('redis-cli', ['-s', url, 'ping'], { encoding: 'utf8' }).stdout !== 'PONG\n')
          await new Promise((resolve) => setTimeout(resolve, 100))
        const store = newStore()
        const found = await Promise.all([1, 2].map(() => runQueued(plan, { store, url })))
        for (const { completed, failed } of found) expect([completed.length, failed]).toEqual([8, []])
        expect(await merged(store)).toBe(direct)
      } finally {
        redis.kill()
      }
    },
    120_000,
  )
})

const keyOf = (place: string) => `${place.replace('s3://results/', '')}${name}`

test.each(['s3://', 's3:/x', 's3://A/b', 's3://me:secret@bucket/x', 's3://bucket:9000/x', 'S3://x'])(
  'the bucket address %s is refused',
  async (store) => {
    const { plan } = await planSweep({ options: { lr: [0.1, 0.2] } }, { chunkSize: 1 })
    const thrown = await status(plan, { store }).catch((thrown) => thrown)
    expect(thrown).toBeInstanceOf(StoreError)
    expect(thrown.message).toBe(
      'expected a store such as s3://bucket/prefix, with a bucket name of 3 to 63 characters a-z, 0-9, . and -; credentials come from the environment',
    )
  },
)
