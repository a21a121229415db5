/** Which fault comes when: always the same; or a list, after whose end all is well; or a function. */
type Plan<Fault, Facts extends [index: number, ...unknown[]]> = Fault | readonly Fault[] | ((...facts: Facts) => Fault)

/**
 * A plan as a function; faults that are known already are checked at once.
 *
 * @param check - fills in a fault's defaults; throws for one that does not exist.
 */
export function planOf<Fault extends object, Checked, Facts extends [index: number, ...unknown[]]>(
  plan: Plan<Fault, Facts>,
  healthy: Fault,
  check: (fault: Fault) => Checked,
): (...facts: Facts) => Checked {
  if (typeof plan === 'function') return (...facts) => check(plan(...facts))
  const list = (Array.isArray(plan) ? plan : [plan]) as readonly Fault[]
  const checked = list.map(check)
  const rest = Array.isArray(plan) ? check(healthy) : checked[0]!
  return (...[index]) => checked[index] ?? rest
}
