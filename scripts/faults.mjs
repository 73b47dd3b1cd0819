// npm run test:faults: chunks with a real Redis, a real Slurm and a bucket of moto's, whose workers are killed, stand still, are canceled; minutes.
// What is not installed is said, and left out.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const { status } = spawnSync(
  'npx',
  [
    'vitest',
    'run',
    'test/bullmq.test.ts',
    'test/slurm.test.ts',
    'test/chunks.test.ts',
    'test/chunks-bucket.test.ts',
    ...process.argv.slice(2),
  ],
  {
    cwd: fileURLToPath(new URL('..', import.meta.url)),
    stdio: 'inherit',
    env: { ...process.env, ANTIGRAD_TEST_FAULTS: '1' },
    shell: process.platform === 'win32',
  },
)
process.exit(status ?? 1)
