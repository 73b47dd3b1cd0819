// Builds another commit in a separate worktree, which is kept for later runs.
import { cpSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Failure, output, root, run, say } from '../../scripts/lib/run.mjs'

/** @returns the folder of the built commit, and the commit's short name */
export async function build(commit) {
  const hash = output('git', ['rev-parse', '--verify', '--quiet', `${commit}^{commit}`])
  if (hash === undefined) throw new Failure(`--against: "${commit}" is not a commit of this repository.`)
  const name = hash.slice(0, 12)
  const folder = join(root, 'target/against', name)
  if (!existsSync(join(folder, 'package.json'))) {
    await run('git', ['worktree', 'add', '--force', '--detach', folder, hash])
  }
  const lock = (of) => readFileSync(join(of, 'package-lock.json'), 'utf8')
  // node_modules is copied, because an older set-up that needs other packages may empty the folder.
  if (!existsSync(join(folder, 'node_modules')) && lock(folder) === lock(root)) {
    // The declarations are written with the oldest supported TypeScript.
    for (const modules of ['node_modules', 'test/types/oldest/node_modules']) {
      cpSync(join(root, modules), join(folder, modules), { recursive: true, verbatimSymlinks: true })
    }
  }
  say(`${name} is built in target/against/${name}`)
  await run('node', ['scripts/setup.mjs'], {
    cwd: folder,
    label: name,
    // A shared target folder compiles the crates of the registry only once for all commits.
    env: { CARGO_TARGET_DIR: join(root, 'target/against/cargo') },
  })
  return { name, folder }
}
