// Used by releases and their rehearsal: makes one package per platform and the main package, and publishes or stages
// all of them. The main package is the last one, because it names the exact version of the others.
//
// `node scripts/publish.mjs [options of npm publish]` publishes. `node scripts/publish.mjs stage [options of npm
// publish]` stages, and prints the commands for the approval.
//
// ANTIGRAD_REPOSITORY is the address of the repository.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { completePackages, repositoryFrom } from './lib/publication.mjs'
import { Failure, root, runAloud, say, script } from './lib/run.mjs'

async function must(command, ...args) {
  const { status } = await runAloud(command, ...args)
  if (status !== 0) throw new Failure(`${command} ${args.join(' ')} ended with ${status}.`)
}

const isStaged = process.argv[2] === 'stage'
const options = process.argv.slice(isStaged ? 3 : 2)
const command = isStaged ? ['stage', 'publish'] : ['publish']

script(async () => {
  const repository = repositoryFrom(process.env)
  await must(process.execPath, 'scripts/prepack.mjs')
  await must('npm', 'run', 'build:npm', '--', '--all')
  const folders = completePackages(join(root, 'npm'), repository)
  for (const folder of folders)
    await must('npm', ...command, folder, '--access', 'public', '--loglevel=notice', ...options)
  if (isStaged) say(nextSteps(folders, repository.replace('https://github.com/', '')))
})

function nextSteps(folders, name) {
  const packages = folders.map(
    (folder) => JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')).name,
  )
  const approvals = packages.map((each) => `npm stage list ${each}  # then: npm stage approve <id>`)
  const trusts = packages.map(
    (each) => `npm trust github ${each} --file release.yml --repo ${name} --env npm --allow-publish`,
  )
  return ['Approve the packages in this order, antigrad last:', ...approvals, 'Then:', ...trusts].join('\n')
}
