import type { Command } from 'commander'
import { version } from '../../core/package.js'
import { engines } from '../../engines/index.js'
import { diagnose } from '../doctor.js'
import { describeDiagnosis } from '../report.js'
import { DISAGREEMENT } from '../terminal.js'

export function configureDoctor(command: Command): void {
  command
    .description(
      'Shows the facts for a bug report: versions, the machine, the available engines and their instruction sets, ' +
        'reasons for missing engines, and whether the results of each rule are bit-identical on all engines.',
    )
    .option('--json', 'print only JSON')
    .addHelpText(
      'after',
      `
  antigrad doctor
  antigrad doctor --json > report.json

Exit status: ${DISAGREEMENT} if engines disagree.`,
    )
    .action(({ json }: { readonly json?: boolean }) => {
      const diagnosis = diagnose()
      const report = engines()
      console.log(
        json
          ? JSON.stringify({ antigrad: version, ...diagnosis, engines: report }, null, 2)
          : describeDiagnosis(version, diagnosis, report),
      )
      if (diagnosis.differences.length > 0) process.exitCode = DISAGREEMENT
    })
}
