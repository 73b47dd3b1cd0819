import type { Command } from 'commander'
import { engines } from '../../engines/index.js'
import { version } from '../../ground/package.js'
import { diagnose } from '../doctor.js'
import { describeDiagnosis } from '../report.js'
import { DISAGREEMENT } from './shared.js'

export function addDoctor(program: Command): void {
  program
    .command('doctor')
    .summary('show what runs here and why the rest does not, and whether all engines give the same bits')
    .description(
      'Shows what a bug report needs: versions, the machine, which engines run here, with which instruction ' +
        'sets, why others do not, and whether each rule gives the same bits on all of them.',
    )
    .addHelpText('after', `\nExit status: ${DISAGREEMENT} if engines disagree.`)
    .action(() => {
      const diagnosis = diagnose()
      console.log(describeDiagnosis(version, diagnosis, engines()))
      if (diagnosis.differences.length > 0) process.exitCode = DISAGREEMENT
    })
}
