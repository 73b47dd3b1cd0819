/** Programs of other runtimes, installed from npm into target/runtimes and kept there. */

import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { home } from '../children.js'
import { folderOf, pathOf, type Runtime } from '../runtimes.js'
import { once } from '../shared-setup.js'
import { npm } from './pack.js'

/** Returns the path of a runtime's program. Installs the program if it is missing. */
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
