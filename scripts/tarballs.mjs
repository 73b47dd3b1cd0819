// npm run tarballs: sets everything up, packs antigrad and this platform's addon, and prints the command that installs
// both in another project.
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Failure, output, root, run, script } from './lib/run.mjs'
import { setup } from './setup.mjs'

script(async () => {
  await setup()
  await run('node', ['scripts/npm-packages.mjs'])
  // npm would refuse to install the addons of other platforms, which may be in native/ too.
  const own = readdirSync(join(root, 'npm')).filter((target) =>
    target.startsWith(`${process.platform}-${process.arch}`),
  )
  const tarballs = ['.', ...own.map((target) => `./npm/${target}`)].map((folder) => {
    const name = output('npm', ['pack', folder, '--ignore-scripts', '--loglevel=error'])
    if (name === undefined) throw new Failure(`\`npm pack ${folder}\` failed.`)
    return join(root, name)
  })
  console.log(`Install both packages in your project:\n\nnpm install ${tarballs.join(' ')}`)
})
