// npm run record: runs `npm test` on a commit, and writes the commit and the processor's instruction sets to
// docs/recorded-run.json. With --check, the first step of a release, it fails unless the commit to be released was
// tested this way on a processor with AVX-512. Only the record itself may have changed since.
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { instructionSets } from './lib/instruction-sets.mjs'
import { Failure, output, root, runAloud, say, script } from './lib/run.mjs'

const name = 'docs/recorded-run.json'
const file = join(root, name)
const wanted = 'avx512'

async function record() {
  if (output('git', ['status', '--porcelain']) !== '') {
    throw new Failure(
      'There are uncommitted changes: commit them first, because a record refers to a commit.',
    )
  }
  const { status, stdout } = await runAloud('npm', 'test')
  if (status !== 0) throw new Failure('The tests failed, so no record was written.')
  const sets = await instructionSets()
  const commit = output('git', ['rev-parse', 'HEAD'])
  const tests = stdout.trim().split('\n').at(-1)
  writeFileSync(file, `${JSON.stringify({ commit, instructionSets: sets, tests }, null, 2)}\n`)
  if (!sets.includes(wanted))
    say(`This processor has no ${wanted}: a release needs a record from a processor with it.`)
  say(`${name} was written: commit it.`)
}

function check() {
  const { commit, instructionSets: sets } = read()
  if (!sets.includes(wanted)) throw new Failure(`${name} was recorded on a processor without ${wanted}.`)
  const changed = output('git', ['diff', '--name-only', commit, 'HEAD', '--', '.', `:!${name}`])
  if (changed === undefined)
    throw new Failure(`${name} refers to ${commit}, which is not a commit of this repository.`)
  if (changed !== '')
    throw new Failure(`${name} refers to ${commit}. These files have changed since:\n${changed}`)
}

function read() {
  try {
    return JSON.parse(readFileSync(file, 'utf8'))
  } catch (error) {
    throw new Failure(`${name}: ${error.message}. Run \`npm run record\` to write it.`)
  }
}

script(() => (process.argv[2] === '--check' ? check() : record()))
