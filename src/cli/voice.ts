/** What a verb says: lines for people on standard error, or one JSON object a line on standard output for machines. */

/**
 * What an error says, in one line that is safe to show: where the user's call was is left out, and what a file smuggled into
 * it (line ends, escape sequences of terminals, marks that turn the direction of writing) is shown as a question mark.
 */
export function lineOf(error: unknown): string {
  const message = error instanceof Error ? error.message : String(error)
  return message
    .replace(/\n {2}at .*/s, "")
    .replace(/\s*\n\s*/g, " ")
    .replace(/[\p{Cc}\p{Bidi_Control}\u2028\u2029]/gu, "?")
}

/** Speaks to people or to a machine. */
export class Voice {
  readonly isJson: boolean

  constructor(isJson: boolean) {
    this.isJson = isJson
  }

  /** A line for people; for a machine, the record if there is one. */
  say(line: string, record?: Readonly<Record<string, unknown>>): void {
    if (!this.isJson) process.stderr.write(`${line}\n`)
    else if (record !== undefined) this.tell(record)
  }

  /** A line for people whoever listens, and the record for a machine too. */
  always(line: string, record: Readonly<Record<string, unknown>>): void {
    process.stderr.write(`${line}\n`)
    this.tell(record)
  }

  /** Something is not as it should be, and work goes on. */
  warn(line: string): void {
    this.always(`warning: ${line}`, { event: "warning", message: line })
  }

  /** A record for a machine; people see nothing of it. */
  tell(record: Readonly<Record<string, unknown>>): void {
    if (this.isJson) process.stdout.write(`${JSON.stringify(record)}\n`)
  }
}
