// Another commit, built in a worktree of its own, which stays for the next time.
import { cpSync, existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Failure, output, root, run, say } from '../../scripts/lib/run.mjs'

/** @returns the folder in which that commit is built, and its short name */
export async function build(commit) {
  const hash = output('git', ['rev-parse', '--verify', '--quiet', `${commit}^{commit}`])
  if (hash === undefined) throw new Failure(`--against: "${commit}" is no commit here.`)
  const name = hash.slice(0, 12)
  const folder = join(root, 'target/against', name)
  if (!existsSync(join(folder, 'package.json'))) {
    await run('git', ['worktree', 'add', '--force', '--detach', folder, hash])
  }
  const lock = (of) => readFileSync(join(of, 'package-lock.json'), 'utf8')
  // A copy: an older set-up that wants other packages may empty the folder.
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
    // Crates from the registry are compiled once for all commits.
    env: { CARGO_TARGET_DIR: join(root, 'target/against/cargo') },
  })
  return { name, folder }
}
