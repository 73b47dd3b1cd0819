// Installs the compared libraries in bench/peers/, separately from antigrad's own dependencies.
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, rmSync, statfsSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { Failure, output, run, say, which } from '../../scripts/lib/run.mjs'
import { rivals } from './rivals.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))
const venv = `${here}.venv`
const PYTHON = ['python3.13', 'python3.12', 'python3.11', 'python3']
/** Disk space for PyTorch, whose wheel includes GPU libraries without which it does not start. */
const GIGABYTES = 8

const torch = '2.15.0'
const deepspeed = '0.19.8'
const packages = ['jax==0.10.2', 'optax==0.2.8']
const fitters = ['scipy==1.17.1', 'lmfit==1.3.4']
/** Optimizer packages for PyTorch, installed without their other dependencies, which are not used here. */
const onTorch = ['timm==1.0.31', 'prodigyopt==1.1.2', 'schedulefree==1.4.1', 'pytorch_optimizer==4.1.0']
const torchNeeds = [
  'filelock',
  'typing-extensions>=4.13',
  'sympy>=1.13.3',
  'networkx>=2.5.1',
  'jinja2',
  'fsspec>=0.8.5',
]
const deepspeedNeeds = [
  'einops',
  'hjson',
  'msgpack',
  'ninja',
  'packaging',
  'psutil',
  'py-cpuinfo',
  'pydantic',
  'tqdm',
]

// Install scripts are disabled, because they would build js-pytorch's GPU bindings.
const installPackages = () =>
  step('JavaScript rivals', `${here}node_modules`, readFileSync(`${here}package-lock.json`, 'utf8'), () =>
    run('npm', ['ci', '--prefix', 'bench/peers', '--ignore-scripts', '--no-audit', '--no-fund'], {
      label: 'npm',
    }),
  )

/**
 * Installs the libraries that `fitMany` is compared with.
 *
 * @returns reasons why `javascript` or `scipy` is not available
 */
export async function setUpFitters({ python }) {
  const missing = {}
  await installPackages().catch((error) => (missing.javascript = reason(error)))
  const program = PYTHON.find((name) => which(name) && isNew(name))
  if (!python) missing.scipy = 'only with --python'
  else if (!program) missing.scipy = 'there is no Python 3.11 or later'
  else {
    await makeEnvironment(program)
      .then(() => step('SciPy and lmfit', `${venv}/scipy`, fitters.join(' '), () => pip('pip', fitters)))
      .catch((error) => (missing.scipy = reason(error)))
  }
  return missing
}

/**
 * @param given.rivals ids of the libraries to install, or undefined for all; DeepSpeed takes minutes
 * @returns reasons why libraries are not available, by id
 */
export async function setUpRivals({ python, rivals: chosen }) {
  const missing = {}
  const leave = (choose, why) => {
    for (const rival of rivals.filter(choose)) missing[rival.id] ??= why
  }
  const isWanted = ({ id }) => chosen?.includes(id) ?? true
  const needsNpm = ({ id, python: isPython }) => !isPython && !id.startsWith('loop-')
  if (rivals.some((rival) => needsNpm(rival) && isWanted(rival))) {
    await installPackages().catch((error) => leave(needsNpm, reason(error)))
  }

  const isPython = (rival) => rival.python
  if (!python) {
    leave(isPython, 'only with --python')
    return missing
  }
  const program = PYTHON.find((name) => which(name) && isNew(name))
  const free = statfsSync(here)
  if (!program) {
    leave(isPython, 'there is no Python 3.11 or later')
  } else if (!existsSync(venv) && free.bavail * free.bsize < GIGABYTES * 2 ** 30) {
    leave(isPython, `less than ${GIGABYTES} GiB of disk are free`)
  } else {
    await setUpPython(program, leave, isWanted)
  }
  return missing
}

const isNew = (name) =>
  output(name, ['-c', 'import sys, venv; print(sys.version_info >= (3, 11))']) === 'True'

const makeEnvironment = (program) =>
  step('Python environment', `${venv}/venv`, program, () => run(program, ['-m', 'venv', venv]))

const pip = (label, args, env = {}) =>
  run(`${venv}/bin/python`, ['-m', 'pip', 'install', '--disable-pip-version-check', ...args], { label, env })

async function setUpPython(program, leave, isWanted) {
  const only =
    (...ids) =>
    ({ id }) =>
      ids.includes(id)
  try {
    await makeEnvironment(program)
  } catch (error) {
    leave(({ python }) => python, reason(error))
    return
  }
  await step('Optax', `${venv}/optax`, packages.join(), () => pip('pip', packages)).catch((error) =>
    leave(only('optax'), reason(error)),
  )
  const isOnTorch = ({ id, python }) => python && id !== 'optax'
  if (!rivals.some((rival) => isOnTorch(rival) && isWanted(rival))) return
  try {
    await step('Torch (several gigabytes)', `${venv}/torch`, torch, async () => {
      await pip('pip', ['--no-deps', `torch==${torch}`])
      // PyTorch's metadata names the libraries. It starts without triton and cuda-bindings.
      const list =
        'import importlib.metadata as m\n' +
        'for r in m.requires("torch"):\n' +
        '  name = r.split(";")[0].strip()\n' +
        '  if name.startswith(("nvidia-", "cuda-toolkit")): print(name)'
      const libraries = output(`${venv}/bin/python`, ['-c', list])?.split('\n').filter(Boolean) ?? []
      await pip('pip', ['setuptools>=77,<82', 'wheel', ...torchNeeds, ...libraries])
    })
  } catch (error) {
    leave(isOnTorch, reason(error))
    return
  }
  await step('Optimizers on Torch', `${venv}/on-torch`, onTorch.join(), () =>
    pip('pip', ['--no-deps', ...onTorch]),
  ).catch((error) => leave(only('timm', 'prodigyopt', 'schedulefree', 'pytorch-optimizer'), reason(error)))
  if (!isWanted({ id: 'deepspeed' })) return
  // DeepSpeed is compiled for this processor.
  await step('DeepSpeed (some minutes)', `${venv}/deepspeed`, deepspeed, async () => {
    await pip('pip', deepspeedNeeds)
    const env = { DS_ACCELERATOR: 'cpu', DS_BUILD_OPS: '0', DS_BUILD_CPU_ADAM: '1' }
    env.MAX_JOBS = `${availableParallelism()}`
    await pip('pip', ['--no-build-isolation', '--no-deps', `deepspeed==${deepspeed}`], env)
  }).catch((error) => leave(only('deepspeed'), reason(error)))
}

/** Runs an installation step, unless a stamp shows that it was done with the same inputs. */
async function step(name, target, from, make) {
  const stamp = `${target}.stamp`
  const hash = createHash('sha256').update(from).digest('hex')
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === hash) return
  say(`${name}: installing`)
  rmSync(stamp, { force: true })
  await make()
  mkdirSync(here, { recursive: true })
  writeFileSync(stamp, hash)
}

const reason = (error) => {
  if (!(error instanceof Failure)) throw error
  return `could not be installed: ${error.message.split('\n')[0]}`
}
