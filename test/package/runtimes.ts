/** Programs of other runtimes. npm packages install them into target/runtimes, where they stay. */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { home } from '../children.js'
import { folderOf, pathOf, type Runtime } from '../runtimes.js'
import { once } from '../shared-setup.js'
import { npm } from './pack.js'

/** The path of a runtime's program, which is installed if it is missing. */
export async function program(runtime: Runtime): Promise<string> {
  const { source } = runtime
  const path = pathOf(home, runtime)
  await once(source.replaceAll('/', '-'), () => {
    if (existsSync(path)) return
    const folder = folderOf(home, runtime)
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'package.json'), '{}')
    npm(folder, 'install', '--ignore-scripts', source)
  })
  return path
}
