// npm run build:ts: TypeScript to dist/.
//
// The loops of the rules get a copy of their own for float64: an engine's compiler specialises a
// function by the types that it has met, and one that has met both dtypes is nine times as slow.
import { spawnSync } from 'node:child_process'
import { cpSync, rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

process.chdir(fileURLToPath(new URL('..', import.meta.url)))
// What a deleted source left behind must not be found.
for (const folder of ['dist', 'ts/rules-float64']) rmSync(folder, { recursive: true, force: true })
cpSync('ts/rules', 'ts/rules-float64', { recursive: true })
process.exit(spawnSync('node_modules/.bin/tsc', ['-p', 'tsconfig.json'], { stdio: 'inherit' }).status ?? 1)
