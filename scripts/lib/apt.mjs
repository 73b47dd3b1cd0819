import { Failure, run, which } from './run.mjs'

/** Installs Debian or Ubuntu packages if running as root (for example in a container); otherwise names the command. */
export async function apt(purpose, packages) {
  if (!which('apt-get')) {
    throw new Failure(`${purpose} is missing: install it with the package manager of your system.`)
  }
  const install = ['install', '-y', '--no-install-recommends', ...packages]
  if (process.getuid() !== 0) {
    const commands = `sudo apt-get update && sudo apt-get ${install.join(' ')}`
    throw new Failure(`${purpose} is missing: run \`${commands}\`, then start again.`)
  }
  const env = { DEBIAN_FRONTEND: 'noninteractive' }
  const advice = `Install ${purpose} manually, then start again.`
  await run('apt-get', ['update'], { env, advice })
  // Installed packages must not be removed, and another apt process may hold the lock for a while.
  const options = ['--no-remove', '-o', 'DPkg::Lock::Timeout=300']
  await run('apt-get', [...install, ...options], { env, advice })
}
