// npm run test:faults: fault injection for chunks. Workers of a real Redis, a real Slurm and a moto bucket are killed,
// suspended and canceled, which takes minutes. Parts whose software is not installed are skipped with a message.
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
