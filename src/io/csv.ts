/** Tables of text whose fields are separated by commas. */

/** How {@link readCsv} reads. */
export interface CsvOptions {
  /** What errors begin with, such as a path; default `csv`. */
  where?: string
  /** What separates fields, one character; default a comma. */
  separator?: string
  /** Most fields of all rows together; default 50,000,000. */
  maxFields?: number
}

/**
 * The rows of a table, each with as many fields as the first. A field in double quotes may hold separators, line ends and
 * doubled quotes; lines end with LF or CR LF, and empty ones at the end are none. Source: RFC 4180.
 *
 * @throws RangeError `where: line N ...` for a row of another length, an open quote, or text after a closing one.
 */
export function readCsv(
  text: string,
  { where = "csv", separator = ",", maxFields = 50_000_000 }: CsvOptions = {},
): string[][] {
  if (separator.length !== 1 || separator === '"' || separator === "\n") {
    throw new RangeError(`${where}: got separator ${JSON.stringify(separator)}, expected one character`)
  }
  const rows: string[][] = []
  let row: string[] = []
  let fields = 0
  let line = 1
  // A byte order mark is no part of the first name.
  let at = text.charCodeAt(0) === 0xfeff ? 1 : 0
  const end = text.replace(/[\r\n]+$/, "").length
  while (at <= end && end > 0) {
    let field: string
    if (text[at] === '"' && at < end) {
      const opened = line
      let close = at + 1
      for (;;) {
        close = text.indexOf('"', close)
        if (close < 0 || close >= end)
          throw new RangeError(`${where}: line ${opened} opens a quote that nothing closes`)
        if (text[close + 1] !== '"') break
        close += 2
      }
      const raw = text.slice(at + 1, close)
      field = raw.replaceAll('""', '"')
      line += raw.split("\n").length - 1
      at = close + 1
      const isEnd = at >= end || text[at] === separator || text[at] === "\n" || text.startsWith("\r\n", at)
      if (!isEnd) throw new RangeError(`${where}: line ${line} has text after a closing quote`)
    } else {
      let stop = at
      while (stop < end && text[stop] !== separator && text[stop] !== "\n") stop++
      field = text.slice(at, text[stop] === "\n" && text[stop - 1] === "\r" && stop > at ? stop - 1 : stop)
      at = stop
    }
    row.push(field)
    if (++fields > maxFields) throw new RangeError(`${where}: more than ${maxFields} fields`)
    if (text[at] === "\r" && at < end) at++
    if (at < end && text[at] === separator) {
      at++
      continue
    }
    if (rows.length > 0 && row.length !== rows[0].length) {
      throw new RangeError(`${where}: line ${line} has ${row.length} fields, the first has ${rows[0].length}`)
    }
    rows.push(row)
    row = []
    line++
    at++
  }
  return rows
}
