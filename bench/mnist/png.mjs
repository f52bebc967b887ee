/** Pictures with words: rows of images under headings as SVG, and SVG as PNG, drawn by a headless Chromium. */
import { spawnSync } from "node:child_process"
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { pathToFileURL } from "node:url"
import { toImages } from "../../dist/diffusion/index.js"
import { encodePng, grid } from "../../dist/io/index.js"

const browsers = [process.env.CHROMIUM, "chromium", "chromium-browser", "google-chrome"].filter(Boolean)

/** Writes an SVG picture as PNG, twice as fine as its size says; without a browser, as it is. Gives the file's name. */
export function writePng(file, svg) {
  const [width, height] = ["width", "height"].map((name) => new RegExp(`<svg[^>]* ${name}="([\\d.]+)"`).exec(svg)[1])
  const folder = mkdtempSync(join(tmpdir(), "tweedie-picture-"))
  try {
    const source = join(folder, "picture.svg")
    writeFileSync(source, svg)
    const flags = ["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--force-device-scale-factor=2"]
    const own = [`--user-data-dir=${folder}`, `--window-size=${width},${height}`, `--screenshot=${file}`]
    for (const browser of browsers) {
      const { status } = spawnSync(browser, [...flags, ...own, pathToFileURL(source).href], { timeout: 60_000 })
      if (status === 0) return file
    }
  } finally {
    rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  }
  const plain = file.replace(/\.png$/, ".svg")
  writeFileSync(plain, svg)
  return `${plain} (no Chromium found to make a PNG of it)`
}

const escaped = (text) => text.replace(/[&<>"]/g, (c) => `&#${c.charCodeAt(0)};`)

/**
 * Rows of images with a name each, below headings: `rows` are `{ name, images, gap? }` with images [n, c, h, w] in
 * [-1, 1], and `heads` are `{ name, from, to }` over columns (a gap is left after each). `gap` leaves room before a row.
 */
export function sheet({ title, rows, heads = [], scale = 1, columnGap = 12 }) {
  const pad = 2
  const [, , high, wide] = rows[0].images.shape
  const cell = [wide * scale + pad, high * scale + pad]
  const columns = Math.max(...rows.map(({ images }) => images.shape[0]))
  const gapsBefore = (column) => columnGap * heads.filter(({ to }) => to <= column).length
  const left = 12 + 6.6 * Math.max(...rows.map(({ name }) => name.length))
  const top = (title === undefined ? 8 : 34) + (heads.length > 0 ? 20 : 0)
  const at = (column) => left + column * cell[0] + gapsBefore(column)
  const width = Math.ceil(at(columns - 1) + cell[0] + 10)
  const parts = []
  const text = (words, x, y, anchor, more = "") =>
    parts.push(`<text x="${x.toFixed(1)}" y="${y.toFixed(1)}" text-anchor="${anchor}" ${more}>${escaped(words)}</text>`)
  if (title !== undefined) text(title, width / 2, 22, "middle", `font-size="14" font-weight="bold"`)
  for (const { name, from, to } of heads)
    text(name, (at(from) + at(to - 1) + cell[0] - pad) / 2, top - 7, "middle", `fill="#555"`)
  let y = top
  for (const { name, images, gap = 0 } of rows) {
    y += gap
    text(name, left - 8, y + (cell[1] - pad) / 2 + 4, "end")
    const shown = toImages(images)
    const size = shown.data.length / shown.shape[0]
    for (let i = 0; i < shown.shape[0]; i++) {
      const one = { ...shown, shape: [1, ...shown.shape.slice(1)], data: shown.data.subarray(i * size, (i + 1) * size) }
      const png = Buffer.from(encodePng(grid(one, { padding: 0 }))).toString("base64")
      parts.push(
        `<image x="${at(i)}" y="${y}" width="${wide * scale}" height="${high * scale}" style="image-rendering: pixelated" href="data:image/png;base64,${png}"/>`,
      )
    }
    y += cell[1]
  }
  const height = Math.ceil(y + 8)
  const font = `font-family="system-ui, sans-serif" font-size="12" fill="#222"`
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" ${font}><rect width="${width}" height="${height}" fill="#fff"/>${parts.join("")}</svg>\n`
}
