/** The parser of JavaScript. The build bundles acorn into this module, so that installing antigrad installs nothing else. */

export { parseExpressionAt, tokenizer, tokTypes } from 'acorn'
