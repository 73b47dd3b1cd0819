import ts from './oldest/node_modules/typescript/lib/typescript.js'

export function wordsOnOptions(file) {
  const { ModuleKind, ModuleResolutionKind, ScriptTarget, SymbolFlags } = ts
  const program = ts.createProgram([file], {
    ...{ strict: true, target: ScriptTarget.ES2022, types: [] },
    ...{ module: ModuleKind.NodeNext, moduleResolution: ModuleResolutionKind.NodeNext },
  })
  const checker = program.getTypeChecker()
  const words = {}
  for (const exported of checker.getExportsOfModule(
    checker.getSymbolAtLocation(program.getSourceFile(file)),
  )) {
    const symbol = exported.flags & SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported
    if (!(symbol.flags & SymbolFlags.Value)) continue
    const type = checker.getTypeOfSymbol(symbol)
    look(exported.name, type)
    // Covers objects of functions, functions with properties, static members of classes, and instances.
    for (const whole of [type, ...type.getConstructSignatures().map((of) => of.getReturnType())]) {
      for (const member of whole.getProperties()) {
        look(`${exported.name}.${member.name}`, checker.getTypeOfSymbol(member))
      }
    }
  }
  return words

  function look(of, type) {
    const signatures = [...type.getCallSignatures(), ...type.getConstructSignatures()]
    const parameters = signatures.flatMap((signature) => signature.getParameters())
    for (const parameter of parameters.filter(({ name }) => name === 'options')) {
      const options = checker.getNonNullableType(checker.getTypeOfSymbol(parameter)).getProperties()
      const shown = options.map((option) => ts.displayPartsToString(option.getDocumentationComment(checker)))
      words[of] = { ...words[of], ...Object.fromEntries(options.map(({ name }, i) => [name, shown[i]])) }
    }
  }
}
