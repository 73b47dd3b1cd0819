/**
 * The installed package in hosts that bundle, trace or restrict programs. Each test uses the host's own tool from npm.
 * The tools take 700 MB, so the tests run only with ANTIGRAD_ALL_RUNTIMES=1.
 */

import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { type AddressInfo, createServer } from 'node:net'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { home } from '../children.js'
import { functionDigests } from '../function-digests.js'
import { manyDigests } from '../many-digests.js'
import { runtimes } from '../runtimes.js'
import { digests, reference } from '../support.js'
import { env, freshFolder, installed, type Json, json, npm, released, remove, run } from './pack.js'
import { program } from './runtimes.js'

const all = process.env.ANTIGRAD_ALL_RUNTIMES === '1'
const folders: string[] = []
const used = (folder: string) => {
  folders.push(folder)
  return folder
}
afterAll(() => folders.forEach(remove))

/** A fresh folder with the package, the addon and other packages. */
async function projectWith(...packages: string[]): Promise<string> {
  const folder = used(await installed())
  npm(folder, 'install', '--save-exact', ...packages)
  return folder
}

/** Runs a program that must succeed. */
function must(folder: string, name: string, ...args: string[]): void {
  const { status, stdout, stderr } = run(folder, name, ...args)
  if (status !== 0) throw new Error(`${name} ${args.join(' ')} ended with ${status}: ${stderr}${stdout}`)
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

/** Starts a server for one request, and returns the JSON of the response. */
async function answerOf(
  folder: string,
  name: string,
  argumentsFor: (port: string) => string[],
): Promise<Json> {
  const port = `${await freePort()}`
  // The server and the server's child processes are a group that ends as a whole.
  const child = spawn(name, argumentsFor(port), {
    cwd: folder,
    env: { ...env, PORT: port, HOSTNAME: '127.0.0.1' },
    detached: true,
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data))
  const ended = new Promise<void>((resolve) => child.on('close', () => resolve()))
  try {
    for (let attempt = 0; attempt < 240 && child.exitCode === null; attempt++) {
      const answer = await fetch(`http://127.0.0.1:${port}/api`).catch(() => null)
      if (answer?.ok) return await answer.json()
      if (answer) output += await answer.text()
      await pause(250)
    }
    throw new Error(`${name} gave no answer: ${output}`)
  } finally {
    if (child.pid) process.kill(-child.pid, 'SIGTERM')
    await ended
  }
}

const use = `import { adam, engines, Optimizer } from 'antigrad'
export const report = () => {
  const optimizer = new Optimizer(new Float32Array(256), adam())
  optimizer.step(new Float32Array(256).fill(1))
  return { engine: optimizer.engine, reasons: engines().native.reasons }
}\n`
const native = { engine: 'native', reasons: [] }

describe.runIf(all)('an application in Next.js', { timeout: 300_000 }, () => {
  let project: string
  const next = 'node_modules/next/dist/bin/next'
  const environment = { NEXT_TELEMETRY_DISABLED: '1', CI: '1' }
  beforeAll(async () => {
    Object.assign(env, environment)
    project = await projectWith('next@16.4.6', 'react@19.3.1', 'react-dom@19.3.1')
    mkdirSync(join(project, 'app/api'), { recursive: true })
    const files = {
      'app/layout.js': 'export default ({ children }) => <html><body>{children}</body></html>',
      'app/page.js': 'export default () => <p>page</p>',
      'app/api/route.js': `${use}
        export const dynamic = 'force-dynamic'
        export const GET = () => Response.json(report())`,
    }
    for (const [name, text] of Object.entries(files)) writeFileSync(join(project, name), text)
  }, 300_000)
  afterAll(() => {
    for (const name of Object.keys(environment)) delete env[name]
  })

  /** Builds the app, and returns a copy with the files of a container. */
  const standalone = (settings: string) => {
    remove(join(project, '.next'))
    writeFileSync(join(project, 'next.config.js'), `export default { output: 'standalone', ${settings} }`)
    must(project, process.execPath, next, 'build')
    const folder = used(freshFolder())
    cpSync(join(project, '.next/standalone'), folder, { recursive: true, verbatimSymlinks: true })
    return folder
  }
  const external = "serverExternalPackages: ['antigrad'],"
  const start = (port: string) => [next, 'start', '-H', '127.0.0.1', '-p', port]

  test('loads the addon if serverExternalPackages lists antigrad, even in a standalone copy', async () => {
    const addons = "outputFileTracingIncludes: { '/*': ['./node_modules/antigrad-*/**'] }"
    const copy = standalone(`${external} ${addons}`)
    expect(await answerOf(project, process.execPath, start)).toEqual(native)
    expect(await answerOf(copy, process.execPath, () => ['server.js'])).toEqual(native)
  })

  test('uses WebAssembly in a standalone copy without the addon, and names the package to list', async () => {
    const { engine, reasons } = await answerOf(standalone(external), process.execPath, () => ['server.js'])
    expect(engine).toBe('wasm')
    expect(reasons).toEqual([
      expect.stringMatching(/^antigrad-.* is not installed$/),
      expect.stringContaining('list this package if a tool copies only imported files'),
    ])
  })

  test('uses WebAssembly if the package is bundled, and the report names the setting serverExternalPackages', async () => {
    const { engine, reasons } = await answerOf(standalone(''), process.execPath, () => ['server.js'])
    expect(engine).toBe('wasm')
    expect(reasons).toEqual([
      expect.stringMatching(/^antigrad-.* is not found from this bundle$/),
      expect.stringContaining("(Next.js: serverExternalPackages: ['antigrad'])"),
    ])
  })
})

describe.runIf(all)('a server build by Vite', () => {
  test('leaves the package outside the bundle, and loads the addon', async () => {
    const project = await projectWith('vite@8.3.8')
    writeFileSync(join(project, 'server.js'), `${use}console.log(JSON.stringify(report()))`)
    must(project, process.execPath, 'node_modules/vite/bin/vite.js', 'build', '--ssr', 'server.js')
    expect(json(project, process.execPath, 'dist/server.js')).toEqual(native)
  })
})

describe.runIf(all)('the runtime workerd', () => {
  test("runs the WebAssembly engine from Wrangler's bundle, and computes the same bits as Node", async () => {
    const project = await projectWith('wrangler@4.164.0')
    const node = await program(runtimes['Node 24'])
    await build({
      entryPoints: [join(home, 'test/workerd-digests.ts')],
      outfile: join(project, 'worker.js'),
      bundle: true,
      format: 'esm',
      external: ['antigrad', 'antigrad/*'],
    })
    const config = { name: 'worker', main: 'worker.js', compatibility_date: '2026-11-01' }
    writeFileSync(join(project, 'wrangler.json'), JSON.stringify(config))
    const off = { WRANGLER_SEND_METRICS: 'false', CLOUDFLARE_CF_FETCH_ENABLED: 'false', CI: '1' }
    Object.assign(env, off)
    try {
      const ports = (port: string) => ['--ip', '127.0.0.1', '--port', port, '--inspector-port', '0']
      const wrangler = 'node_modules/wrangler/bin/wrangler.js'
      const answer = await answerOf(project, node, (port) => [wrangler, 'dev', ...ports(port)])
      expect(answer.engines).toMatchObject({
        native: { available: false, reasons: ['builds for browsers have no addon'] },
        wasm: { available: true, reasons: [] },
      })
      const onBoth = <T>(bits: T) => ({ typescript: bits, wasm: bits })
      expect(answer).toMatchObject({
        digests: onBoth(digests(reference)),
        many: onBoth(manyDigests(reference)),
        functions: functionDigests(),
      })
    } finally {
      for (const name of Object.keys(off)) delete env[name]
    }
  }, 300_000)
})

describe.runIf(all)('a program in a zip archive for AWS Lambda', () => {
  /** Packs a project's folder with links replaced by files, and returns the folder in which the archive is unpacked. */
  const unpacked = (project: string) => {
    const [files, folder] = [used(freshFolder()), used(freshFolder())]
    writeFileSync(join(project, 'index.mjs'), `${use}console.log(JSON.stringify(report()))`)
    cpSync(project, files, { recursive: true, dereference: true })
    const archive = join(used(freshFolder()), 'function.zip')
    const script = `const Zip = require(${JSON.stringify(join(tools, 'node_modules/adm-zip'))})
      const zip = new Zip()
      zip.addLocalFolder(${JSON.stringify(files)})
      zip.writeZip(${JSON.stringify(archive)})
      new Zip(${JSON.stringify(archive)}).extractAllTo(${JSON.stringify(folder)})`
    must(project, process.execPath, '-e', script)
    return folder
  }
  let tools: string
  beforeAll(() => {
    tools = used(freshFolder())
    writeFileSync(join(tools, 'package.json'), '{}')
    npm(tools, 'install', '--save-exact', 'adm-zip@0.6.1', 'pnpm@12.21.0')
  })

  test('loads the addon if npm installed the package', async () => {
    expect(json(unpacked(used(await installed())), process.execPath, 'index.mjs')).toEqual(native)
  })

  test('loads the addon from the folder .pnpm after an installation by pnpm', async () => {
    const project = used(freshFolder())
    writeFileSync(join(project, 'package.json'), '{}')
    const pnpm = [join(tools, 'node_modules/pnpm/bin/pnpm.mjs'), 'add', '--store-dir', join(tools, 'store')]
    must(project, await program(runtimes['Node 24']), ...pnpm, await released())
    const folder = unpacked(project)
    expect(existsSync(join(folder, 'node_modules/.pnpm/node_modules'))).toBe(true)
    expect(json(folder, process.execPath, 'index.mjs')).toEqual(native)
  })
})
