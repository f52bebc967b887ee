import { expect, test } from "vitest"
import { readCsv } from "./csv.ts"

test("fields, quotes and line ends are those of RFC 4180", () => {
  expect(readCsv("a,b\n1,2\n")).toEqual([
    ["a", "b"],
    ["1", "2"],
  ])
  expect(readCsv('a,"b ""c"", d"\r\n"two\nlines",\r\n\r\n')).toEqual([
    ["a", 'b "c", d'],
    ["two\nlines", ""],
  ])
  expect(readCsv("\ufeffx;y\n1;2", { separator: ";" })).toEqual([
    ["x", "y"],
    ["1", "2"],
  ])
  expect(readCsv("")).toEqual([])
  expect(readCsv("one")).toEqual([["one"]])
  expect(readCsv(",")).toEqual([["", ""]])
})

test("what is no table says where it stops being one", () => {
  expect(() => readCsv("a,b\n1\n")).toThrow("csv: line 2 has 1 fields, the first has 2")
  expect(() => readCsv('a\n"b\nc\nd\n', { where: "t.csv" })).toThrow("t.csv: line 2 opens a quote that nothing closes")
  expect(() => readCsv('a\n"b"c\n')).toThrow("csv: line 2 has text after a closing quote")
  expect(() => readCsv("a,b,c", { maxFields: 2 })).toThrow("csv: more than 2 fields")
  expect(() => readCsv("a", { separator: "::" })).toThrow("expected one character")
})
