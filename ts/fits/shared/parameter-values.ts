/** Values of all parameters of a fit with shared parameters. */

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
