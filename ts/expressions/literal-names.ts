/** The names in a text, and what becomes of them, as TypeScript's types see it. */

import type { constants, functionNames, functions } from './names.js'

/** What stands between names: blanks and the signs of expressions. */
type Separators = [
  ...[
    ' ',
    '\t',
    '\n',
    '\v',
    '\f',
    '\r',
    '\u00a0',
    '\u1680',
    '\u2000',
    '\u2001',
    '\u2002',
    '\u2003',
    '\u2004',
  ],
  ...[
    '\u2005',
    '\u2006',
    '\u2007',
    '\u2008',
    '\u2009',
    '\u200a',
    '\u2028',
    '\u2029',
    '\u202f',
    '\u205f',
    '\u3000',
  ],
  ...['\ufeff', '+', '-', '*', '/', '^', '(', ')', '<', '>', '=', '!', '?', ':', ',', '&', '|'],
]

/** The parts of a text about a sign; any text where there are 400 of it, as TypeScript gives up at a thousand. */
type Split<T, Sign extends string, Found = never, Count extends 0[] = []> = Count['length'] extends 400
  ? string
  : T extends `${infer Part}${Sign}${infer Rest}`
    ? Split<Rest, Sign, Found | Part, [...Count, 0]>
    : Found | T

type SplitByAll<T, Signs> = Signs extends [infer Sign extends string, ...infer Others]
  ? SplitByAll<T extends unknown ? Split<T, Sign> : never, Others>
  : T

/** How numbers begin, so that the e of 1e-3 is no name. */
type Digit = '0' | '1' | '2' | '3' | '4' | '5' | '6' | '7' | '8' | '9' | '.'

/** Any text where a part is not known to its end, as in `a${string}`. */
type NameIn<Part> = Part extends
  | ''
  | `${Digit}${string}`
  | (typeof functions)[number]
  | keyof typeof constants
  ? never
  : Record<never, 0> extends Record<Part & string, 0>
    ? string
    : Part & string

/** The functions in a text that a bracket follows; among the names that it may have. */
type CalledIn<Text, Name extends string> = Name extends unknown
  ? Text extends `${'' | `${string}${Separators[number]}`}${Name}${'' | ' '}(${string}`
    ? Name
    : never
  : never

/** The names in a text but for functions. */
type TextWithout<Text, Names extends string> = Exclude<
  Names,
  CalledIn<Text, Extract<Names, (typeof functionNames)[number]>>
>

/** The names in an expression's text, where that is one literal; else any. */
export type NamesOf<Text extends string, All = Text> = Text extends unknown
  ? [All] extends [Text]
    ? TextWithout<Text, NameIn<SplitByAll<Text, Separators>>>
    : string
  : never

/** Those that are parameters beside columns of data; any where it is not known which these are. */
export type NamesBeside<Names extends string, Columns> = string extends Names | keyof Columns
  ? string
  : Exclude<Names, keyof Columns>

/** Refuses what is called otherwise, where it is known what there is: not in lists, or records of any names. */
export type OnlyNames<Names, Given> = Given extends unknown
  ? string extends Names | keyof Given
    ? unknown
    : number extends keyof Given
      ? unknown
      : { readonly [K in keyof Given]: K extends Names ? unknown : never }
  : never
