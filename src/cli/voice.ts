/** What a verb says: lines for people on standard error, or one JSON object a line on standard output for machines. */

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
