/** Progress on a terminal: a bar with rate and time left; plain lines now and then elsewhere. */

/** Where progress is written. */
export interface Screen {
  readonly isTTY?: boolean
  readonly columns?: number
  write(text: string): unknown
}

/** `3:07`, `1:02:09`. */
export function clock(seconds: number): string {
  const s = Math.max(0, Math.round(seconds))
  const two = (n: number): string => String(n).padStart(2, "0")
  const hours = Math.floor(s / 3600)
  const rest = `${Math.floor((s % 3600) / 60)}`
  return hours > 0 ? `${hours}:${two(Number(rest))}:${two(s % 60)}` : `${rest}:${two(s % 60)}`
}

/** A bar of steps from `start` to `total`. */
export class Progress {
  readonly #screen: Screen
  readonly #label: string
  readonly #total: number
  readonly #start: number
  readonly #began: number
  #shown = Number.NEGATIVE_INFINITY

  constructor(
    label: string,
    total: number,
    {
      start = 0,
      screen = process.stderr,
      began = performance.now(),
    }: { readonly start?: number; readonly screen?: Screen; readonly began?: number } = {},
  ) {
    this.#label = label
    this.#total = total
    this.#start = start
    this.#began = began
    this.#screen = screen
  }

  /** Shows a step, a few times a second at most (every ten seconds where nobody looks), and the last one always. */
  update(step: number, note = ""): void {
    const now = performance.now()
    const pause = this.#screen.isTTY ? 100 : 10_000
    if (now - this.#shown < pause && step < this.#total) return
    this.#shown = now
    const seconds = (now - this.#began) / 1000
    const rate = seconds > 0.2 ? (step - this.#start) / seconds : Number.NaN
    const left = rate > 0 ? (this.#total - step) / rate : Number.NaN
    const pace = Number.isFinite(rate) ? (rate >= 1 ? `${rate.toFixed(1)}/s` : `${(1 / rate).toFixed(1)} s each`) : ""
    const eta = Number.isFinite(left) ? `${clock(left)} left` : ""
    const words = [`${step}/${this.#total}`, pace, step < this.#total ? eta : clock(seconds), note]
      .filter((w) => w !== "")
      .join("  ")
    if (!this.#screen.isTTY) {
      this.#screen.write(`${this.#label}  ${words}\n`)
      return
    }
    const width = Math.max(8, Math.min(30, (this.#screen.columns ?? 80) - this.#label.length - words.length - 6))
    const full = Math.round((width * step) / this.#total)
    const line = `${this.#label} ${"━".repeat(full)}${"╌".repeat(width - full)} ${words}`
    this.#screen.write(`\r${line.slice(0, (this.#screen.columns ?? 80) - 1)}\x1b[K`)
  }

  /** Ends the line, so that what follows stands below. */
  end(): void {
    if (this.#screen.isTTY && Number.isFinite(this.#shown)) this.#screen.write("\n")
  }
}
