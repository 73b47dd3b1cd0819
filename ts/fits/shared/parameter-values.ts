/** Values of all parameters of a fit with shared parameters. */

type NamedColumns = Readonly<Record<string, Float64Array>>

/** One number per parameter of a fit with shared parameters. */
export interface SharedParameterValues {
  /** Parameters that all groups share. */
  readonly shared: Readonly<Record<string, number>>
  /** Parameters that the groups of a label share, in the order of `sharedBy`. */
  readonly sharedBy: NamedColumns
  /**
   * Parameters that are local to each group, in the order of `groups`; NaN if the model of a group lacks the parameter.
   */
  readonly local: NamedColumns
}
