// docs/presets.md, made from the rules: what a preset's values are, beside the rule's own.

/** @returns the page's text, from the package's exports and the names of its rules */
export function presetsPage(antigrad, names) {
  const rows = names.flatMap((name) => {
    const own = antigrad[name]()
    return Object.entries(antigrad[name]).map(([system, preset]) => {
      const values = Object.entries(preset()).filter(
        ([option, value]) => written(value) !== written(own[option]),
      )
      const said = values.map(
        ([option, value]) => `\`${option}\` ${written(value)} (${written(own[option])})`,
      )
      return `| \`${name}.${system}\` | ${said.join(', ')} |`
    })
  })
  return `# Presets

Where systems give a rule other values than ours, a preset has theirs: \`adam.tfjs({ lr: 1e-2 })\` is \`adam\`
with TensorFlow.js's values and another η. It is plain options and nothing else, so the description that it
makes says all of them. \`npm run table:options\` writes this page from the rules. In brackets is the rule's own
value; what a system does that no option has is in [numerics.md](numerics.md#where-systems-differ).

| preset | values |
|---|---|
${rows.join('\n')}
`
}

const written = (value) => JSON.stringify(value)?.replaceAll('"', "'") ?? 'none'
