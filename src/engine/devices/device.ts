/** What a device is: better compositions, and a step from the program to the program as this device runs it. */
import type { Composition } from "../simplify.ts"
import type { Arrangement } from "../state.ts"
import type { Variable } from "../tensor.ts"
import type { Graph } from "../trace.ts"

/** A program as a device runs it. */
export interface Adapted {
  /** Where `isGuarded`, the last output is one number more, which is above 0 where the results are not exact enough. */
  readonly graph: Graph
  readonly isGuarded: boolean
  /** How variables lie in memory whose place is yet to be found. */
  readonly arrangements: ReadonlyMap<Variable, Arrangement>
}

/** How programs are written for one kind of machine. The other passes know no device. */
export interface Device {
  readonly name: string
  /** What an op is made of here, by its name; others keep their own composition or lowering. */
  readonly compositions: ReadonlyMap<string, Composition>
  /** The same device without what is exact only for ordinary numbers: it runs again what a guard has refused. */
  readonly careful?: Device
  /** The simplified program in this device's ops and layouts. `stored` tells how variables lie that have a
   * place: `null` is row-major, `undefined` none yet. */
  adapt(graph: Graph, stored: (variable: Variable) => Arrangement | null | undefined): Adapted
}
