/** The public face as a test: every export of an index has a doc comment, and no type that users see is `any`. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { relative } from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"
import { expect, test } from "vitest"

const root = fileURLToPath(new URL("..", import.meta.url))
const { exports } = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as { exports: Record<string, string> }
/** Sources of the subpaths that package.json promises. */
const promised = Object.values(exports).map((path) => path.replace(/^\.\/dist\/(.*)\.js$/, "src/$1.ts"))
/** Index files that are there. */
const found = readdirSync(`${root}src`, { recursive: true, encoding: "utf8" })
  .map((path) => `src/${path.replaceAll("\\", "/")}`)
  .filter((path) => /\/index\.ts$/.test(path))
const entries = [...new Set([...promised, ...found])]
  .filter((path) => existsSync(root + path))
  .map((path) => root + path)

const options: ts.CompilerOptions = {
  ...ts.parseJsonConfigFileContent(ts.readConfigFile(`${root}tsconfig.json`, ts.sys.readFile).config, ts.sys, root)
    .options,
  noEmit: false,
  emitDeclarationOnly: true,
}

const place = (node: ts.Node): string => {
  const file = node.getSourceFile()
  const { line } = file.getLineAndCharacterOfPosition(node.getStart())
  return `${relative(root, file.fileName)}:${line + 1}`
}

/** What the index files export: its name, and where it is declared. A file exported as a whole counts by what it exports. */
function exportsOf(program: ts.Program, entries: readonly string[]): Map<string, ts.Symbol> {
  const checker = program.getTypeChecker()
  const symbols = new Map<string, ts.Symbol>()
  for (const entry of entries) {
    const module = checker.getSymbolAtLocation(program.getSourceFile(entry)!)
    const visit = (module: ts.Symbol, prefix: string): void => {
      for (const symbol of checker.getExportsOfModule(module)) {
        const target = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol
        if (target.flags & ts.SymbolFlags.ValueModule) visit(target, `${prefix}${symbol.name}.`)
        else symbols.set(`${relative(root, entry)}: ${prefix}${symbol.name}`, target)
      }
    }
    if (module !== undefined) visit(module, "")
  }
  return symbols
}

/** Exports without a doc comment, and exported files that do not exist. */
function undocumented(program: ts.Program, entries: readonly string[]): string[] {
  const checker = program.getTypeChecker()
  return [...exportsOf(program, entries)].flatMap(([name, symbol]) => {
    const [declaration] = symbol.declarations ?? []
    if (declaration === undefined) return [`${name} is declared nowhere`]
    const words = ts.displayPartsToString(symbol.getDocumentationComment(checker)).trim()
    return words === "" ? [`${name} has no doc comment (${place(declaration)})`] : []
  })
}

/** Every `any` that the compiler would write into the declarations of the files that the entries reach. */
function anys(program: ts.Program, entries: readonly string[]): string[] {
  const faults: string[] = []
  for (const file of reached(program, entries)) {
    let text = ""
    program.emit(file, (_, written) => void (text = written), undefined, true)
    const declarations = ts.createSourceFile(file.fileName, text, ts.ScriptTarget.Latest)
    const visit = (node: ts.Node): void => {
      if (node.kind === ts.SyntaxKind.AnyKeyword) {
        const { line } = declarations.getLineAndCharacterOfPosition(node.end)
        faults.push(`${relative(root, file.fileName)}: any in "${text.split("\n")[line].trim()}"`)
      }
      ts.forEachChild(node, visit)
    }
    visit(declarations)
  }
  return faults
}

/** Exported values whose type, parameters or results came out as `any`, though no one wrote it. */
function silentAnys(program: ts.Program, entries: readonly string[]): string[] {
  const checker = program.getTypeChecker()
  const isAny = (type: ts.Type): boolean => (type.flags & ts.TypeFlags.Any) !== 0
  return [...exportsOf(program, entries)].flatMap(([name, symbol]) => {
    const [declaration] = symbol.declarations ?? []
    if (declaration === undefined) return []
    if (!(symbol.flags & ts.SymbolFlags.Value)) {
      return isAny(checker.getDeclaredTypeOfSymbol(symbol)) ? [`${name} is any`] : []
    }
    const type = checker.getTypeOfSymbolAtLocation(symbol, declaration)
    const signatures = [...type.getCallSignatures(), ...type.getConstructSignatures()]
    const seen = signatures.flatMap((signature) => [
      signature.getReturnType(),
      ...signature.parameters.map((p) => checker.getTypeOfSymbolAtLocation(p, declaration)),
    ])
    return [type, ...seen].some(isAny) ? [`${name} has a part that is any (${place(declaration)})`] : []
  })
}

/** Our own files among those that the entries import, the entries included. */
function reached(program: ts.Program, entries: readonly string[]): ts.SourceFile[] {
  const seen = new Set(entries.map((entry) => program.getSourceFile(entry)!))
  for (const file of seen) {
    for (const { fileName } of ts.preProcessFile(file.text).importedFiles) {
      if (!fileName.startsWith(".")) continue
      const next = program.getSourceFile(fileURLToPath(new URL(fileName, `file://${file.fileName}`)))
      if (next !== undefined) seen.add(next)
    }
  }
  return [...seen]
}

const program = ts.createProgram(entries, options)

test("every export of the package has a doc comment", () => {
  expect(exportsOf(program, entries).size).toBeGreaterThan(100)
  expect(undocumented(program, entries)).toEqual([])
})

test("no declaration that users see says any, nor comes out as any", () => {
  expect(reached(program, entries).length).toBeGreaterThan(40)
  expect([...anys(program, entries), ...silentAnys(program, entries)]).toEqual([])
}, 180_000)

test("every index is a subpath of the package, and every subpath has its source", () => {
  expect(promised.filter((path) => !existsSync(root + path))).toEqual([])
  expect(found.filter((path) => !promised.includes(path))).toEqual([])
})

test("the check of words and types reports what is planted", () => {
  const index = `${root}test/planted-index.ts`
  const files: Readonly<Record<string, string>> = {
    [index]: 'export { bare, worded, loose, type Shape, inferred } from "./planted.ts"',
    [`${root}test/planted.ts`]: [
      "export const bare: number = 1",
      "/** One. */\nexport const worded: number = 1",
      "/** Loose. */\nexport function loose(x: any): number { return x }",
      "export interface Shape { readonly rank: number }",
      "/** Parsed. */\nexport const inferred = JSON.parse('1')",
    ].join("\n"),
  }
  const host = ts.createCompilerHost(options)
  const { fileExists, getSourceFile } = host
  host.fileExists = (path) => path in files || fileExists(path)
  host.getSourceFile = (path, language) =>
    path in files ? ts.createSourceFile(path, files[path], language, true) : getSourceFile.call(host, path, language)
  const planted = ts.createProgram([index], options, host)
  expect(undocumented(planted, [index]).map((fault) => fault.replace(/^.*: (.*) \(.*$/, "$1"))).toEqual([
    "bare has no doc comment",
    "Shape has no doc comment",
  ])
  expect(anys(planted, [index]).join()).toContain("loose(x: any)")
  const silent = silentAnys(planted, [index]).join()
  expect(silent).toContain("inferred")
  expect(silent).toContain("loose")
  expect(silent).not.toContain("worded")
})
