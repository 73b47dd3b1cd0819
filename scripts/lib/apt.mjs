import { Failure, run, which } from './run.mjs'

/** Installs Debian's or Ubuntu's packages as root, as in a container; else says what to run. */
export async function apt(purpose, packages) {
  if (!which('apt-get')) {
    throw new Failure(`${purpose} is missing: install it with your system's own packages.`)
  }
  const install = ['install', '-y', '--no-install-recommends', ...packages]
  if (process.getuid() !== 0) {
    const commands = `sudo apt-get update && sudo apt-get ${install.join(' ')}`
    throw new Failure(`${purpose} is missing: run \`${commands}\`, then start again.`)
  }
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  const advice = `Install ${purpose} in another way, then start again.`
  await run('apt-get', ['update'], { env, advice })
  // A package that is there must not have to go, and another apt may be at work for a while.
  const options = ['--no-remove', '-o', 'DPkg::Lock::Timeout=300']
  await run('apt-get', [...install, ...options], { env, advice })
}
