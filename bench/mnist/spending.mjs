/** How each sampler of the library spends about n evaluations of the network, if it can. */
const single = (n) => ({ steps: n })
// Two questions a step but for the last.
const double = (n) => ({ steps: Math.floor((n + 1) / 2) })
const tolerances = new Map([
  [50, 0.03],
  [100, 0.001],
])

export const spending = {
  ddim: single,
  euler: single,
  heun: double,
  // At the last time of the cosine schedule there is 20,000 times as much noise as signal; these begin lower.
  "heun, leading times": (n) => ({ sampler: "heun", spacing: "leading", ...double(n) }),
  "heun, karras levels": (n) => ({ sampler: "heun", spacing: "karras", ...double(n) }),
  dpmSolver: single,
  dpmSolverSingle: single,
  unipc: single,
  // The first step is made twice.
  pndm: (n) => ({ steps: n - 1 }),
  "pndm, leading times": (n) => ({ sampler: "pndm", spacing: "leading", steps: n - 1 }),
  // It takes what its tolerance needs, which is never less than about fifty.
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
