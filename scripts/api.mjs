// npm run api: writes docs/api.txt, which a test compares with the current API.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { apiOf } from './lib/api.mjs'
import { root } from './lib/run.mjs'

writeFileSync(join(root, 'docs/api.txt'), apiOf(join(root, 'dist/node'), join(root, 'ts')))
