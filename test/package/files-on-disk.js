// Saves checkpoints to the disk, damages the newest checkpoint and prints what `latest` finds before and after.
import { mkdtempSync, readdirSync, rmSync, truncateSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { checkpoints } from 'antigrad/files'
import { digest, gradients, optimizer, report } from './files-program.js'

const folder = mkdtempSync(join(tmpdir(), 'antigrad-files-'))
try {
  const kept = checkpoints(folder, { keep: 2, onWarning() {} })
  const expected = []
  for (let k = 0; k < 3; k++) {
    expected.push(digest(optimizer.save()))
    const saving = kept.save(optimizer)
    optimizer.step(gradients)
    await saving
  }
  const newest = await kept.latest()
  truncateSync(newest.path, 1_000_000)
  const other = await kept.latest()
  const found = [newest, other].map(({ saved, step, skipped }) => ({
    ...{ step, skipped: skipped.length },
    isWhich: expected.indexOf(digest(saved)),
  }))
  console.log(JSON.stringify({ ...report, files: readdirSync(folder).length, found }))
} finally {
  rmSync(folder, { recursive: true })
}
