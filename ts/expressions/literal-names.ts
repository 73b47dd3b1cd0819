/** The names in an expression literal, as TypeScript types. */

import type { constants, functionNames, functions } from './names.js'

/** Characters that can stand between names: spaces and the operators of expressions. */
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
  ...['\ufeff', '+', '-', '*', '/', '^', '(', ')', '<', '>', '=', '!', '?', ':', ',', '&', '|', ';'],
]

/**
 * Splits a string literal at a character. With 400 or more occurrences the result is `string`, because TypeScript
 * limits recursion to a thousand levels.
 */
type Split<T, Sign extends string, Found = never, Count extends 0[] = []> = Count['length'] extends 400
  ? string
  : T extends `${infer Part}${Sign}${infer Rest}`
    ? Split<Rest, Sign, Found | Part, [...Count, 0]>
    : Found | T

type SplitByAll<T, Signs> = Signs extends [infer Sign extends string, ...infer Others]
  ? SplitByAll<T extends unknown ? Split<T, Sign> : never, Others>
  : T

/** First characters of numbers, because the e of 1e-3 must not be read as a name. */
type Digit = '0' | '1' | '2' | '3' | '4' | '5' | '6' | '7' | '8' | '9' | '.'

/**
 * The name in a part of the literal; `string` if the type of the part is not a complete literal, as in `a${string}`.
 */
type NameIn<Part> = Part extends
  | ''
  | `${Digit}${string}`
  | (typeof functions)[number]
  | keyof typeof constants
  ? never
  : Record<never, 0> extends Record<Part & string, 0>
    ? string
    : Part & string

/** The function names that a parenthesis must follow. */
type CalledIn<Text, Name extends string> = Name extends unknown
  ? Text extends `${'' | `${string}${Separators[number]}`}${Name}${'' | ' '}(${string}`
    ? Name
    : never
  : never

/** A text without the spaces and the line ends around the text. */
type Trim<Text> = Text extends `${' ' | '\t' | '\n' | '\r'}${infer Rest}`
  ? Trim<Rest>
  : Text extends `${infer Rest}${' ' | '\t' | '\n' | '\r'}`
    ? Trim<Rest>
    : Text

/** The names of lines such as `u = exp(-b*t)`. The sign `=` is not part of a comparison. */
type LineNames<Line> = Line extends `${infer Before}=${infer After}`
  ? After extends `=${string}`
    ? never
    : Trim<Before>
  : never

/** The names in a text, except for functions and for the names of lines. */
type TextWithout<Text, Names extends string> = Exclude<
  Names,
  CalledIn<Text, Extract<Names, (typeof functionNames)[number]>> | LineNames<SplitByAll<Text, ['\n', ';']>>
>

/**
 * The names in an expression's text if the type of the text is a single literal without indices; otherwise `string`.
 */
export type NamesOf<Text extends string, All = Text> = Text extends `${string}[${string}`
  ? string
  : [All] extends [Text]
    ? TextWithout<Text, NameIn<SplitByAll<Text, Separators>>>
    : string

/** The names of the parameters, given the names of the data columns; `string` if either set of names is unknown. */
export type NamesBeside<Names extends string, Columns> = string extends Names | keyof Columns
  ? string
  : Exclude<Names, keyof Columns>

/**
 * Rejects property names that are unknown, if both sets of names are known. Arrays, and records of arbitrary names, are
 * accepted.
 */
export type OnlyNames<Names, Given> = Given extends unknown
  ? string extends Names | keyof Given
    ? unknown
    : number extends keyof Given
      ? unknown
      : { readonly [K in keyof Given]: K extends Names ? unknown : never }
  : never
