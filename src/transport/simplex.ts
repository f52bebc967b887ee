/** The network simplex on a complete bipartite graph: the solver behind exact transport. */

/** An optimal basis: what flows where, and the prices that prove it optimal. */
export interface Basis {
  /** Flow into (a sink) or out of (a source) each node, along the tree arc to `parent`; [rows + columns]. */
  readonly flow: Float64Array
  /** The other end of that arc; rows + columns is the artificial root, whose arcs end with no flow. */
  readonly parent: Int32Array
  /** Dual prices: u_i + v_j <= c_ij with equality where there is flow; [rows] and [columns]. */
  readonly u: Float64Array
  readonly v: Float64Array
  readonly pivots: number
}

/** Reduced costs above minus this share of the largest cost count as not negative. */
const tolerance = 2 ** -46

/**
 * Minimises sum c_ij t_ij over t >= 0 with row sums `supply` and column sums `demand`.
 *
 * A spanning tree of arcs carries the flow; the tree is kept as parents, subtree sizes and a preorder thread. An arc of
 * negative reduced cost c_ij - u_i - v_j, the most negative of a block of rows, enters; the last arc that blocks the
 * cycle leaves, which keeps the tree strongly feasible, so degenerate pivots cannot cycle (Cunningham 1976; blocks and
 * thread: Ahuja, Magnanti and Orlin 1993, chapter 11). It starts from a star of artificial arcs, dearer than any detour.
 * Supplies and demands are positive integers of equal sum below 2^53, so all flows are exact.
 *
 * @param cost [rows, columns], finite.
 * @returns undefined when `maxPivots` did not suffice.
 */
export function networkSimplex(
  rows: number,
  columns: number,
  cost: Float64Array,
  supply: Float64Array,
  demand: Float64Array,
  maxPivots: number,
): Basis | undefined {
  const nodes = rows + columns
  const root = nodes
  let most = 0
  for (let k = 0; k < cost.length; k++) most = Math.max(most, Math.abs(cost[k]))
  // Twice this is more than any arc costs, so no flow stays on artificial arcs.
  const artificial = most > 0 ? most * 1.0625 : 1
  const least = -tolerance * artificial

  // The reduced cost of (i, j) is cost - pi[i] + pi[rows + j], so a subtree's prices all move by one number.
  const pi = new Float64Array(nodes + 1)
  const flow = new Float64Array(nodes + 1)
  const parent = new Int32Array(nodes + 1).fill(root)
  const size = new Int32Array(nodes + 1).fill(1)
  const thread = new Int32Array(nodes + 1)
  const reverse = new Int32Array(nodes + 1)
  parent[root] = -1
  size[root] = nodes + 1
  for (let x = 0; x <= nodes; x++) {
    thread[x] = x === root ? 0 : x + 1
    reverse[x] = x === 0 ? root : x - 1
  }
  for (let i = 0; i < rows; i++) {
    flow[i] = supply[i]
    pi[i] = artificial
  }
  for (let j = 0; j < columns; j++) {
    flow[rows + j] = demand[j]
    pi[rows + j] = -artificial
  }

  const total = rows * columns
  const block = Math.min(total, Math.max(64, Math.ceil(Math.sqrt(total))))
  let row = 0
  let column = 0
  let isFresh = true
  for (let pivots = 0; ; pivots++) {
    let reduced = least
    let enter = -1
    let target = -1
    for (let seen = 0; seen < total && enter < 0; ) {
      for (let left = block; left > 0; ) {
        const end = Math.min(columns, column + left)
        const at = row * columns
        const price = pi[row]
        let low = reduced + price
        let best = -1
        for (let j = column; j < end; j++) {
          const value = cost[at + j] + pi[rows + j]
          if (value < low) {
            low = value
            best = j
          }
        }
        if (best >= 0) {
          reduced = low - price
          enter = row
          target = best
        }
        left -= end - column
        seen += end - column
        column = end
        if (end === columns) {
          column = 0
          row = row + 1 === rows ? 0 : row + 1
        }
      }
    }
    if (enter < 0) {
      if (isFresh) return { flow, parent, ...prices(rows, columns, cost, pi, artificial), pivots }
      reprice(rows, columns, cost, parent, thread, artificial, pi)
      isFresh = true
      pivots--
      continue
    }
    if (pivots === maxPivots) return undefined
    isFresh = false

    const sink = rows + target
    let join = enter
    for (let y = sink; join !== y; ) {
      if (size[join] < size[y]) join = parent[join]
      else y = parent[y]
    }
    let amount = Infinity
    let out = -1
    let isFirst = true
    for (let x = enter; x !== join; x = parent[x]) {
      if (x < rows && flow[x] < amount) {
        amount = flow[x]
        out = x
      }
    }
    for (let x = sink; x !== join; x = parent[x]) {
      if (x >= rows && flow[x] <= amount) {
        amount = flow[x]
        out = x
        isFirst = false
      }
    }
    if (amount > 0) {
      for (let x = enter; x !== join; x = parent[x]) flow[x] += x < rows ? -amount : amount
      for (let x = sink; x !== join; x = parent[x]) flow[x] += x < rows ? amount : -amount
    }

    // The subtree under the leaving arc is hung anew, by its end of the entering arc.
    const top = isFirst ? enter : sink
    const hook = isFirst ? sink : enter
    const shift = isFirst ? reduced : -reduced
    const whole = size[out]
    for (let x = parent[out]; x !== join; x = parent[x]) size[x] -= whole
    for (let x = hook; x !== join; x = parent[x]) size[x] += whole
    const before = reverse[out]
    let after = -1
    let above = hook
    let last = -1
    let inside = 0
    let carried = amount
    for (let x = top; ; ) {
      const next = parent[x]
      const count = size[x]
      const held = flow[x]
      if (last >= 0) {
        thread[last] = x
        reverse[x] = last
      }
      pi[x] += shift
      let at = x
      // What x keeps: its old subtree without that of the path's node before it, which `after` follows.
      for (let left = count - inside; left > 1; left--) {
        let step = thread[at]
        if (step === above) {
          step = after
          thread[at] = step
          reverse[step] = at
        }
        pi[step] += shift
        at = step
      }
      if (thread[at] !== above || inside === 0) after = thread[at]
      last = at
      size[x] = whole - inside
      parent[x] = above
      flow[x] = carried
      carried = held
      inside = count
      above = x
      if (x === out) break
      x = next
    }
    thread[before] = after
    reverse[after] = before
    const next = thread[hook]
    thread[hook] = top
    reverse[top] = hook
    thread[last] = next
    reverse[next] = last
  }
}

/** Prices anew from the tree, without what rounding has added up. */
function reprice(
  rows: number,
  columns: number,
  cost: Float64Array,
  parent: Int32Array,
  thread: Int32Array,
  artificial: number,
  pi: Float64Array,
): void {
  const root = rows + columns
  for (let x = thread[root]; x !== root; x = thread[x]) {
    const up = parent[x]
    if (x < rows) pi[x] = up === root ? artificial : pi[up] + cost[x * columns + up - rows]
    else pi[x] = up === root ? -artificial : pi[up] - cost[up * columns + x - rows]
  }
}

/** The dual prices of the real nodes, made feasible to the last rounding: v_j is the least c_ij - u_i, then u likewise. */
function prices(
  rows: number,
  columns: number,
  cost: Float64Array,
  pi: Float64Array,
  artificial: number,
): { u: Float64Array; v: Float64Array } {
  const u = pi.slice(0, rows)
  for (let i = 0; i < rows; i++) u[i] -= artificial
  const v = new Float64Array(columns).fill(Infinity)
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < columns; j++) v[j] = Math.min(v[j], cost[i * columns + j] - u[i])
  }
  for (let i = 0; i < rows; i++) {
    let low = Infinity
    for (let j = 0; j < columns; j++) low = Math.min(low, cost[i * columns + j] - v[j])
    u[i] = low
  }
  return { u, v }
}
