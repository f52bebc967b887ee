/** How each sampler of the library spends about n evaluations of the network, if it can. */
const single = (n) => ({ steps: n })
// Two questions a step but for the last.
const double = (n) => ({ steps: Math.floor((n + 1) / 2) })
const tolerances = new Map([
  [50, 0.01],
  [100, 0.0002],
])

export const spending = {
  ddim: single,
  euler: single,
  // Once in the first step, which is straight, and in the last.
  heun: (n) => ({ steps: Math.floor(n / 2) + 1 }),
  dpmSolver: single,
  dpmSolverSingle: single,
  unipc: single,
  // The second step, the first by its own rules, is made twice.
  pndm: (n) => ({ steps: n - 1 }),
  // It takes what its tolerance needs, which is never less than about thirty.
  probabilityFlow: (n) =>
    tolerances.has(n) ? { steps: 1, rtol: tolerances.get(n), atol: tolerances.get(n) } : undefined,
  ddpm: single,
  eulerAncestral: single,
  predictorCorrector: double,
  repaint: (n) => ({ steps: Math.floor(n / 2), jump: 1, repeats: 2 }),
  // Long steps, at times evenly apart; the last question is for x0.
  langevin: (n) => {
    const inner = n < 50 ? 1 : 3
    return { steps: Math.floor((n - 1) / inner), inner, stepSize: 1, spacing: "trailing" }
  },
}

/** Samplers that are others by their defaults on this process: step for step the same. */
export const same = { euler: "ddim", eulerAncestral: "ddpm" }

/** Samplers that add noise on the way. */
export const noisy = ["ddpm", "eulerAncestral", "predictorCorrector", "repaint", "langevin"]
