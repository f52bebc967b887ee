/** Ctrl-C and its kin: the first asks for a stop, the second ends the process. */

const signals = ["SIGINT", "SIGTERM", "SIGHUP"] as const

/** An abort signal that people can give once {@link Interrupt.listen} is called and until {@link Interrupt.release} is. */
export class Interrupt {
  readonly #stop = new AbortController()
  readonly #act = (): void => {
    if (this.#stop.signal.aborted) process.exit(130)
    this.#stop.abort()
  }

  get signal(): AbortSignal {
    return this.#stop.signal
  }

  listen(): void {
    for (const name of signals) process.on(name, this.#act)
  }

  release(): void {
    for (const name of signals) process.off(name, this.#act)
  }
}
