/** The words as a test: links lead somewhere, and every dependency has its line. */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { dirname, join } from "node:path"
import { fileURLToPath } from "node:url"
import { expect, test } from "vitest"

const root = fileURLToPath(new URL("..", import.meta.url))
const pages = ["", "docs", "bench", "examples"]
  .filter((folder) => existsSync(join(root, folder)))
  .flatMap((folder) => readdirSync(join(root, folder)).map((name) => join(folder, name)))
  .filter((path) => path.endsWith(".md"))
const read = (path: string): string => readFileSync(join(root, path), "utf8")

test("every link and picture of a page that is not on the web is a file here", () => {
  expect(pages).toContain("ARCHITECTURE.md")
  const dead = pages.flatMap((page) =>
    [...read(page).matchAll(/\]\(([^)\s#]+)[^)]*\)|(?:src|href)="([^"#]+)"/g)]
      .map(([, link, attribute]) => link ?? attribute)
      .filter((link) => !/^[a-z]+:/.test(link) && !existsSync(join(root, dirname(page), link)))
      .map((link) => `${page}: ${link}`),
  )
  expect(dead).toEqual([])
})

test("ARCHITECTURE.md has a line for every dependency, and no other", () => {
  const manifest = JSON.parse(read("package.json")) as Record<string, Record<string, string> | undefined>
  const { dependencies, devDependencies, peerDependencies } = manifest
  const named = [
    ...read("ARCHITECTURE.md")
      .split("## Dependencies")[1]
      .matchAll(/^\| (@?[a-z][\w/-]+) \| \S/gm),
  ].map(([, name]) => name)
  const used = Object.keys({ ...dependencies, ...devDependencies, ...peerDependencies })
  expect(named.filter((name) => name !== "package").sort()).toEqual(used.sort())
})

test("every file that ARCHITECTURE.md and CONTRIBUTING.md name is there", () => {
  const places = ["", "src/", "src/engine/", "src/data/", "src/train/"]
  const missing = ["ARCHITECTURE.md", "CONTRIBUTING.md"].flatMap((page) =>
    [...read(page).matchAll(/`([\w./-]+(?:\.ts|\.md|\/))`/g)]
      .map(([, path]) => path)
      .filter((path) => !["norm.ts", "norm.test.ts", "fixtures/", "dist/", "index.ts"].includes(path))
      .filter((path) => !places.some((place) => existsSync(join(root, place, path))))
      .map((path) => `${page}: ${path}`),
  )
  expect(missing).toEqual([])
})
