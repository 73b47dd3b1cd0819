import { gzipSync } from 'node:zlib'
import { build } from 'esbuild'

for (const [n, c] of Object.entries({
  fit: "import {expression} from 'antigrad'; import {fit} from 'antigrad/fit'; console.log(fit,expression)",
  core: "import {Optimizer, adamw} from 'antigrad'; console.log(Optimizer, adamw)",
  many: "import {minimizeMany,expression,adam} from 'antigrad'; console.log(minimizeMany,expression,adam)",
})) {
  const r = await build({
    stdin: { contents: c, resolveDir: process.cwd() },
    bundle: true,
    minify: true,
    format: 'esm',
    write: false,
    metafile: true,
    logLevel: 'error',
    legalComments: 'none',
  })
  console.log(n, gzipSync(r.outputFiles[0].contents, { level: 9 }).length)
  if (n === 'fit') {
    const o = Object.values(r.metafile.outputs)[0].inputs
    console.log(
      Object.entries(o)
        .map(([k, v]) => [v.bytesInOutput, k])
        .sort((a, b) => b[0] - a[0])
        .slice(0, 30)
        .map((x) => x.join(' '))
        .join('\n'),
    )
  }
}
