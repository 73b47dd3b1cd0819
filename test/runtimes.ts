/** Runtimes other than the current Node. npm packages install the runtimes into target/runtimes, where they stay. */

import { join } from 'node:path'

const { platform, arch } = process
const target = `${platform === 'win32' ? 'win' : platform}-${arch}`
const exe = platform === 'win32' ? '.exe' : ''
const deno = platform === 'linux' ? `${platform}-${arch}-glibc` : `${platform}-${arch}`

const bun = platform === 'win32' ? `windows-${arch}` : target.replace('arm64', 'aarch64')

export interface Runtime {
  /** The npm package to install. */
  readonly source: string
  readonly program: string
  readonly options: readonly string[]
  /** The expected contents of `process.versions`. */
  readonly versions: Readonly<Record<string, string>>
  /** Whether every run of `npm test` uses the runtime. */
  readonly always: boolean
}

const node = (version: string, always: boolean): Runtime => ({
  source: `node-${target}@${version}`,
  program: `node-${target}/bin/node${exe}`,
  options: [],
  versions: { node: version },
  always,
})

export const runtimes = {
  'Node 20.0': node('20.0.0', true),
  'Node 22': node('22.23.3', false),
  'Node 24': node('24.21.0', false),
  'Node 26': node('26.10.0', true),
  Bun: {
    source: `@oven/bun-${bun}@1.4.5`,
    program: `@oven/bun-${bun}/bin/bun${exe}`,
    options: [],
    versions: { bun: '1.4.5' },
    always: true,
  },
  Deno: {
    source: `@deno/${deno}@2.9.6`,
    program: `@deno/${deno}/deno${exe}`,
    options: ['run', '--allow-all', '--no-lock'],
    versions: { deno: '2.9.6' },
    always: true,
  },
} satisfies Readonly<Record<string, Runtime>>

/** The folder of the installation. */
export const folderOf = (home: string, { source }: Runtime) =>
  join(home, 'target/runtimes', source.replaceAll('/', '-'))

/** The path of the runtime's program, if the program is installed. */
export const pathOf = (home: string, runtime: Runtime) =>
  join(folderOf(home, runtime), 'node_modules', runtime.program)
