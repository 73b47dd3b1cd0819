/** Numbers of all parameters of a fit with shared ones. */

type NamedColumns = Readonly<Record<string, Float64Array>>

/** Numbers of all parameters. */
export interface SharedParameterValues {
  /** Of parameters that all groups share. */
  readonly shared: Readonly<Record<string, number>>
  /** Of those that groups of a label share, in the order of `sharedBy`. */
  readonly sharedBy: NamedColumns
  /** Of those that each group has for itself, in the order of `groups`; NaN where a group's model has none such. */
  readonly local: NamedColumns
}
