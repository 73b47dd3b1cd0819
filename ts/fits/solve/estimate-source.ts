/** The estimates that expressions of parameters of several fits or groups read. */

import { OptionError } from '../../core/errors.js'

/** A parameter in an expression: its name, and the label in brackets or null. */
export interface Reference {
  readonly name: string
  readonly label: string | null
}

/** The estimates of a result, for the parameters of an expression. */
export interface EstimateSource {
  /** Values, covariance and degrees of freedom of the parameters. A fixed parameter has the covariance 0. */
  readonly read: (argument: string, references: readonly Reference[]) => ReferencedEstimates
  readonly isAbsolute: boolean
}

export interface ReferencedEstimates {
  readonly values: readonly number[]
  readonly covariance: readonly (readonly number[])[]
  /** Degrees of freedom of a variance, from the derivatives of the quantity. */
  readonly degreesOfFreedom: (slopes: readonly number[]) => number
}

export function unknownReference(
  argument: string,
  { name, label }: Reference,
  expected: string,
): OptionError {
  return new OptionError(argument, expected, label === null ? name : `${name}[${label}]`)
}

export function refuseDerived(argument: string, name: string): never {
  throw new OptionError(argument, `parameters (write out the expression of ${name})`, name)
}

/**
 * The index of a fit of `fitMany` in brackets.
 *
 * @param names names of the parameters
 */
export function readFitIndex(
  argument: string,
  reference: Reference,
  names: readonly string[],
  length: number,
): number {
  const { name, label } = reference
  const fit = label === null || label === '' ? Number.NaN : Number(label)
  if (Number.isInteger(fit) && fit >= 0 && fit < length && names.includes(name)) return fit
  throw unknownReference(argument, reference, `name[index] of the parameters ${names.join(', ')} and a fit`)
}
