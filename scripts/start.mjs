// npm start: runs the set-up, and then `antigrad race` with the given arguments.
import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { ended, root, script } from './lib/run.mjs'
import { setup } from './setup.mjs'

script(async () => {
  await setup()
  const args = [join(root, 'dist/command-line/cli.js'), 'race', ...process.argv.slice(2)]
  const status = await ended(spawn(process.execPath, args, { stdio: 'inherit' }), 'node')
  return typeof status === 'number' ? status : 1
})
