/** The parameters of a fit with shared parameters. */

import type { Parameter } from './parameters.js'

/** Label of a group. */
export type GroupLabel = string | number

/** A parameter that is shared by all groups, or by the groups of one label. */
export interface SharedParameter {
  readonly parameter: Parameter
  readonly label: GroupLabel | null
}

/** Name of a shared parameter: `k`, or `k[label]` for a subset. */
export const sharedName = ({ parameter, label }: SharedParameter) =>
  label === null ? parameter.name : `${parameter.name}[${label}]`

type NamedColumns = Readonly<Record<string, Float64Array>>

/** Numbers for all parameters of a fit with shared parameters, such as values or standard errors. */
export interface SharedParameterValues {
  /** One number per parameter that all groups share. */
  readonly shared: Readonly<Record<string, number>>
  /**
   * One number per label for each parameter that the groups of a label share, in the order of the labels in
   * `subsetLabels`.
   */
  readonly sharedBy: NamedColumns
  /**
   * One number per group for each local parameter, in the order of `groups`. The number is NaN if the model of a group
   * lacks the parameter.
   */
  readonly local: NamedColumns
}
