// Used by releases and their rehearsal: makes one package per platform, lists them in package.json, and publishes all
// of them. The main package is published last, so that its dependencies exist. Arguments are passed to `npm publish`.
import { readdirSync } from 'node:fs'
import { Failure, runAloud, script } from './lib/run.mjs'

async function must(command, ...args) {
  const { status } = await runAloud(command, ...args)
  if (status !== 0) throw new Failure(`${command} ${args.join(' ')} ended with ${status}.`)
}

const publish = (...folder) =>
  must('npm', 'publish', ...folder, '--access', 'public', '--loglevel=notice', ...process.argv.slice(2))

script(async () => {
  await must('npm', 'run', 'build:npm', '--', '--all')
  await must('node_modules/.bin/napi', 'prepublish', '--skip-optional-publish', '--no-gh-release')
  for (const folder of readdirSync('npm').sort()) await publish(`./npm/${folder}`)
  await publish()
})
